//! `POST /stats/{topic}` (section 11): what stands in the tables of a topic, page by page.

mod asked;
mod config;
mod connections;
mod reader;
mod row;

use std::sync::Arc;

use event_bus_core::Chain;
use event_bus_runtime::SecretResolver;
use http::StatusCode;
use serde::Serialize;
use time::OffsetDateTime;

use self::asked::Asked;
use self::connections::{ReadError, Server};
use self::reader::Reader;
use self::row::Row;
use crate::answer::{self, Answer, Refusal};
use crate::health::Probe;
use crate::json::Limits;

pub use config::StatsConfig;
pub use connections::StatsError;

/// The one topic that has statistics.
const TOPIC: &str = "public.cps.za.runs";

/// Name of the database in `/health` (section 10).
const PROBE: &str = "postgres_reader";

/// Answers with statistics. Cloning is cheap and shares the connections.
#[derive(Clone)]
pub struct Stats {
    reader: Arc<Reader>,
    authenticate: bool,
}

/// A request, before anybody looked at it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// Name of the topic, in lower case; empty if the path has none.
    pub(crate) topic: &'a str,
    /// Whether there is such a topic.
    pub(crate) exists: bool,
    /// The request's body.
    pub(crate) body: &'a [u8],
    /// What a body may be.
    pub(crate) limits: Limits,
    /// The time now.
    pub(crate) now: OffsetDateTime,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: bool,
    status_code: u16,
    data: Vec<Row>,
    pagination: Pagination,
}

#[derive(Serialize)]
struct Pagination {
    cursor: Option<i64>,
    has_more: bool,
    limit: usize,
}

impl Stats {
    /// Opens no connection.
    pub fn new(config: &StatsConfig, secrets: &SecretResolver) -> Result<Self, StatsError> {
        let server = Server::new(config, secrets.clone())?;
        let reader = Arc::new(Reader::new(server, config.pool.get(), config.timeout));
        Ok(Self { reader, authenticate: config.authenticate })
    }

    /// Asks the database whether it answers.
    pub fn probe(&self) -> Probe {
        let reader = Arc::clone(&self.reader);
        Probe::new(PROBE, move || {
            let reader = Arc::clone(&reader);
            async move { reader.ask().await.map_err(|error| Chain(&error).to_string()) }
        })
    }

    /// Whether readers need a token.
    pub(crate) fn authenticates(&self) -> bool {
        self.authenticate
    }
}

impl Question<'_> {
    /// The page that is asked for; what is wrong is said in the order of the contract.
    pub(crate) fn understand(self) -> Result<Asked, Refusal> {
        let Self { topic, exists, body, limits, now } = self;
        let invalid = |message: &str| Refusal::new(StatusCode::BAD_REQUEST, "validation", message);
        if topic.is_empty() {
            return Err(invalid("Missing path parameter 'topic_name'."));
        }
        if !exists {
            let message = format!("Topic '{topic}' not found.");
            return Err(Refusal::new(StatusCode::NOT_FOUND, "topic", message));
        }
        if topic != TOPIC {
            return Err(invalid(&format!("Stats are only supported for topics '{TOPIC}'.")));
        }
        asked::parse(body, now, limits).map_err(invalid)
    }
}

/// Answers with a page.
pub(crate) async fn answer(stats: Option<&Stats>, asked: &Asked) -> Result<Answer, Refusal> {
    let Some(stats) = stats else {
        tracing::error!("statistics were asked for, and there is no [topics.stats]");
        return Err(failed());
    };
    let page = stats.reader.page(asked).await.map_err(|error| {
        tracing::error!(error = %Chain(&error), "statistics could not be read");
        match error {
            ReadError::Busy => busy(),
            ReadError::TimedOut(_)
            | ReadError::Silent(_)
            | ReadError::Password(_)
            | ReadError::Failed(_)
            | ReadError::NoJson(_) => failed(),
        }
    })?;
    let last = page.rows.last().map(|row| row.internal_id);
    let status = StatusCode::OK;
    let body = Body {
        success: true,
        status_code: status.as_u16(),
        pagination: Pagination {
            cursor: last.filter(|_| page.has_more),
            has_more: page.has_more,
            limit: asked.limit,
        },
        data: page.rows,
    };
    Ok(answer::json(status, &body))
}

fn failed() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "database", "Stats query failed.")
}

fn busy() -> Refusal {
    let message = "Too many statistics are being read.";
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "database", message).retry_after(1)
}
