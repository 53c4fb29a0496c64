//! Reads pages of rows from PostgreSQL.
//!
//! Most pages lie just below where they begin, and are found by a walk down the primary key. A page that does not, because
//! its window is far away or over, is searched for.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use serde_json::value::RawValue;
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::asked::Asked;
use super::connections::{Connections, ReadError, Server, WITHIN};
use super::row::{Known, Row};

const WALK: &str = include_str!("walk.sql");

const SEARCH: &str = include_str!("search.sql");

/// A page ends early where its values would be more bytes than this.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;

/// Reads statistics.
pub(super) struct Reader {
    pages: Connections,
    /// Of its own, so that health is known while pages are read.
    probes: Connections,
    timeout: Duration,
}

/// Rows, and whether there are more.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) rows: Vec<Row>,
    pub(super) has_more: bool,
    /// Whether the server has sent rows that were not read.
    is_cut: bool,
}

impl Reader {
    /// `pool` pages are read at once, each within `timeout`.
    pub(super) fn new(server: Server, pool: u32, timeout: Duration) -> Self {
        let pages = Connections::new(server.clone(), pool);
        Self { pages, probes: Connections::new(server, 1), timeout }
    }

    /// The page that is asked for.
    pub(super) async fn page(&self, asked: &Asked) -> Result<Page, ReadError> {
        let _slot = self.pages.slot().await?;
        // The server ends a statement by itself; one that does not is given up.
        let within = self.timeout + WITHIN;
        let deadline = Instant::now() + within;
        let read = timeout_at(deadline, async {
            match self.try_page(asked).await {
                Err(error) if error.is_lost_connection() => {
                    self.pages.forget_idle();
                    self.try_page(asked).await
                }
                done => done,
            }
        });
        read.await.map_err(|_| ReadError::TimedOut(within))?
    }

    async fn try_page(&self, asked: &Asked) -> Result<Page, ReadError> {
        let mut connection = self.pages.get().await?;
        let page = read(&mut connection, asked, self.timeout).await?;
        if !page.is_cut {
            self.pages.give_back(connection);
        }
        Ok(page)
    }

    /// Whether the server answers.
    pub(super) async fn ask(&self) -> Result<(), ReadError> {
        let _slot = self.probes.slot().await?;
        match self.try_ask().await {
            Err(error) if error.is_lost_connection() => {
                self.probes.forget_idle();
                self.try_ask().await
            }
            done => done,
        }
    }

    async fn try_ask(&self) -> Result<(), ReadError> {
        let mut connection = self.probes.get().await?;
        sqlx::raw_sql("SELECT 1").execute(&mut connection).await.map_err(ReadError::Failed)?;
        self.probes.give_back(connection);
        Ok(())
    }
}

async fn read(
    connection: &mut PgConnection,
    asked: &Asked,
    timeout: Duration,
) -> Result<Page, ReadError> {
    begin(connection, timeout).await?;
    let mut page = rows(connection, WALK, asked).await?;
    if !page.has_more {
        page = rows(connection, SEARCH, asked).await?;
    }
    if !page.is_cut {
        sqlx::raw_sql("COMMIT").execute(connection).await.map_err(ReadError::Failed)?;
    }
    Ok(page)
}

/// Nothing is written, and no statement lasts longer than `limit`. Compiling a page or starting workers for it would take
/// longer than most pages; rows that an index has in order are not to be sorted.
async fn begin(connection: &mut PgConnection, limit: Duration) -> Result<(), ReadError> {
    let statement = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = '{}ms'; SET LOCAL jit = off; \
         SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL enable_sort = off",
        limit.as_millis()
    );
    let begun = sqlx::raw_sql(sqlx::AssertSqlSafe(statement));
    // It takes no time on a server that is there: a connection that was idle may have been forgotten by what lies between.
    let begun = timeout(WITHIN, begun.execute(connection)).await;
    begun.map_err(|_| ReadError::Silent(WITHIN))?.map_err(ReadError::Failed)?;
    Ok(())
}

async fn rows(
    connection: &mut PgConnection,
    statement: &'static str,
    asked: &Asked,
) -> Result<Page, ReadError> {
    let most = i64::try_from(asked.limit + 1).unwrap_or(i64::MAX);
    // Not kept by the server: the best plan depends on the window.
    let query = sqlx::query(statement)
        .persistent(false)
        .bind(asked.below)
        .bind(asked.from)
        .bind(asked.to)
        .bind(most);
    let mut page = Page::default();
    let mut bytes = 0;
    let mut stored = query.fetch(connection);
    while let Some(stored) = stored.try_next().await.map_err(ReadError::Failed)? {
        bytes += (0..stored.len()).map(|index| size(&stored, index)).sum::<usize>();
        if page.rows.len() == asked.limit || (bytes > MAX_PAGE_BYTES && !page.rows.is_empty()) {
            page.has_more = true;
            break;
        }
        page.rows.push(row(&stored)?);
    }
    page.is_cut = page.has_more && stored.try_next().await.map_err(ReadError::Failed)?.is_some();
    Ok(page)
}

fn size(stored: &PgRow, index: usize) -> usize {
    let value = stored.try_get_raw(index).ok();
    value.and_then(|value| value.as_bytes().ok().map(<[u8]>::len)).unwrap_or_default()
}

fn row(stored: &PgRow) -> Result<Row, ReadError> {
    let info: Option<String> = get(stored, "additional_info")?;
    let status: String = get(stored, "status")?;
    let message: Option<String> = get(stored, "message")?;
    let tenant_id: String = get(stored, "tenant_id")?;
    let run_timestamp_start = get(stored, "run_timestamp_start")?;
    let timestamp_start = get(stored, "timestamp_start")?;
    let timestamp_end = get(stored, "timestamp_end")?;
    let known = Known {
        run_start: run_timestamp_start,
        start: timestamp_start,
        end: timestamp_end,
        status: &status,
        message: message.as_deref(),
        tenant: &tenant_id,
    };
    Ok(Row {
        computed: known.compute(),
        event_id: get(stored, "event_id")?,
        job_ref: get(stored, "job_ref")?,
        source_app: get(stored, "source_app")?,
        source_app_version: get(stored, "source_app_version")?,
        environment: get(stored, "environment")?,
        run_timestamp_start,
        run_timestamp_end: get(stored, "run_timestamp_end")?,
        internal_id: get(stored, "internal_id")?,
        country: get(stored, "country")?,
        catalog_id: get(stored, "catalog_id")?,
        timestamp_start,
        timestamp_end,
        additional_info: info.map(RawValue::from_string).transpose().map_err(ReadError::NoJson)?,
        tenant_id,
        status,
        message,
    })
}

fn get<'r, T>(stored: &'r PgRow, column: &str) -> Result<T, ReadError>
where
    T: sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
{
    stored.try_get(column).map_err(ReadError::Failed)
}
