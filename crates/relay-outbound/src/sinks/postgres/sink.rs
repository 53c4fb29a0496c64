//! Inserts each batch with one statement: it takes effect as a whole or not at all.

use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool, Postgres};
use tokio::time::{Instant, timeout_at};

use super::Config;
use super::batch::{Rows, arguments};
use super::connect::connect_options;
use super::errors::{Fault, fault, verdict};
use super::rows::Column;
use super::statement::{self, quoted_table};
use crate::sinks::{BuildError, CheckError, Delivery, Sink, SinkContext};

/// How long a connection may take, whatever the whole batch may.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A table of PostgreSQL. An event that is there already is a success.
#[derive(Debug)]
pub struct PostgresSink {
    options: PgConnectOptions,
    connections: u32,
    pool: OnceLock<PgPool>,
    insert: String,
    table: String,
    /// Empty for the shipped table.
    columns: BTreeMap<String, Column>,
    timeout: Duration,
}

impl PostgresSink {
    /// Resolves the URL; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        let mut columns = BTreeMap::new();
        for (name, value) in &config.columns {
            let column = Column::parse(value);
            let column = column.map_err(|error| BuildError::Setting("a column", error.into()))?;
            columns.insert(name.clone(), column);
        }
        Ok(Self {
            options: connect_options(config, context.secrets)?,
            connections: config.pool.get(),
            pool: OnceLock::new(),
            insert: statement::insert(config),
            table: quoted_table(&config.table),
            columns,
            timeout: config.timeout,
        })
    }

    fn pool(&self) -> &PgPool {
        self.pool.get_or_init(|| {
            PgPoolOptions::new()
                .max_connections(self.connections)
                .acquire_timeout(CONNECT_WITHIN.min(self.timeout))
                // A broken connection shows itself by the statement; asking first would double the round trips.
                .test_before_acquire(false)
                .connect_lazy_with(self.options.clone())
        })
    }

    /// Runs the statement. Whatever is unknown about it afterwards is an error of the connection.
    async fn insert(&self, rows: &Rows, deadline: Instant) -> Result<(), sqlx::Error> {
        let mut connection = timeout_at(deadline, self.pool().acquire()).await.map_err(late)??;
        let query = sqlx::query_with(AssertSqlSafe(self.insert.as_str()), arguments(rows)?);
        match timeout_at(deadline, query.execute(&mut *connection)).await {
            Ok(done) => done.map(|_| ()),
            Err(elapsed) => {
                // It may still be answered, and nobody else must read that.
                drop(connection.detach());
                Err(late(elapsed))
            }
        }
    }
}

#[async_trait]
impl Sink for PostgresSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let deadline = Instant::now() + self.timeout;
        let mut results: Vec<Option<Delivery>> = batch.iter().map(|_| None).collect();
        let mut waiting = vec![Rows::of(batch, &self.columns, &mut results)];
        while let Some(rows) = waiting.pop() {
            if rows.len() == 0 {
                continue;
            }
            let Err(error) = self.insert(&rows, deadline).await else {
                rows.settle(&mut results, || Ok(()));
                continue;
            };
            let fault = fault(&error);
            if fault == Fault::Row && rows.len() > 1 {
                // One of them is to blame; the others must not suffer for it.
                let (first, second) = rows.halves();
                waiting.extend([second, first]);
                continue;
            }
            let (text, mut error) = (error.to_string(), Some(error));
            rows.settle(&mut results, || {
                let error = error.take().unwrap_or_else(|| sqlx::Error::Protocol(text.clone()));
                Err(verdict(fault, error))
            });
            if fault != Fault::Row {
                // The rest would fare the same.
                for rows in waiting.drain(..) {
                    rows.settle(&mut results, || {
                        Err(verdict(fault, sqlx::Error::Protocol(text.clone())))
                    });
                }
            }
        }
        let unsaid = || DeliveryError::from_status(500, None);
        results.into_iter().map(|result| result.unwrap_or_else(unsaid)).collect()
    }

    async fn check(&self) -> Result<String, CheckError> {
        let deadline = Instant::now() + self.timeout;
        let refused = |error: sqlx::Error| {
            CheckError::new("the database does not take rows", verdict(fault(&error), error))
        };
        let look = async {
            let mut connection = self.pool().acquire().await?;
            // Planned, not run: every name, type and constraint is looked up, and nothing is written.
            let explain = AssertSqlSafe(format!("EXPLAIN {}", self.insert));
            let empty = Rows::of(&[], &self.columns, &mut []);
            sqlx::query_with(explain, arguments(&empty)?).execute(&mut *connection).await?;
            let allowed =
                "SELECT has_table_privilege($1::regclass, 'INSERT'), NOT pg_is_in_recovery()";
            sqlx::query_as::<Postgres, (bool, bool)>(allowed)
                .bind(&self.table)
                .fetch_one(&mut *connection)
                .await
        };
        let (may_insert, is_primary) = timeout_at(deadline, look)
            .await
            .map_err(late)
            .and_then(|found| found)
            .map_err(refused)?;
        if !may_insert {
            return Err(CheckError::bare(format!("the user may not INSERT into {}", self.table)));
        }
        if !is_primary {
            return Err(CheckError::bare("the server is a standby and takes no writes"));
        }
        Ok(format!("table {} takes rows", self.table))
    }

    async fn close(&self) {
        if let Some(pool) = self.pool.get() {
            pool.close().await;
        }
    }
}

fn late(elapsed: tokio::time::error::Elapsed) -> sqlx::Error {
    sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, elapsed))
}
