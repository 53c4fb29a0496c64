//! Inserts events into a table, all of a batch in one statement or one transaction.
//!
//! It commits as a whole or not at all, and a row that is there already counts as inserted: however often a
//! batch is repeated after a lost connection, there is neither a gap nor a second row. If the server objects to the
//! values, the batch is halved until the event that is to blame stands alone; the others are inserted.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::event::Event;
use sqlx::PgConnection;

use super::Config;
use super::connections::Connections;
use super::errors::Answer;
use super::mapping::{Mapping, Plan, Record};
use super::parts::{PartSize, parts};
use super::server::Server;
use crate::sinks::{BuildError, CheckError, Delivery, Sink, SinkContext};

/// A table of PostgreSQL. Its only success is a statement that the server has confirmed.
#[derive(Debug)]
pub struct PostgresSink {
    connections: Connections,
    mapping: Mapping,
    /// What inserts, once the types of the columns are known.
    plan: Mutex<Option<Arc<Plan>>>,
    part_size: PartSize,
    timeout: Duration,
}

impl PostgresSink {
    /// Reads the settings and resolves the secrets; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        let server = Server::new(config, context.secrets, context.guard)?;
        // The server gives up first, so that its answer comes in time.
        let server = server.with_timeout(config.timeout.mul_f32(0.9));
        Ok(Self {
            connections: Connections::new(server, config.pool.get()),
            mapping: Mapping::of(config)?,
            plan: Mutex::new(None),
            part_size: PartSize::new(),
            timeout: config.timeout,
        })
    }

    /// Answers for each row; those that it does not come to keep the answer that stands there.
    async fn insert(&self, rows: &[&Record], answers: &mut [Result<(), Answer>]) {
        let mut lease = match self.connections.acquire().await {
            Ok(lease) => lease,
            Err(answer) => return answers.fill(Err(answer)),
        };
        let mut plan = match self.plan(&mut lease.connection).await {
            Ok(plan) => plan,
            Err(answer) => {
                self.doubt(&answer);
                return answers.fill(Err(answer));
            }
        };
        let mut is_sound = true;
        let mut is_changed = false;
        let mut open = parts(rows, self.part_size.get());
        while let Some(range) = open.pop() {
            let part = &rows[range.clone()];
            let answer = self.mapping.write(&mut lease.connection, &plan, part).await;
            if let Err(answer) = &answer {
                if answer.is_changed_table() && !is_changed {
                    is_changed = true;
                    self.doubt(answer);
                    if let Ok(present) = self.plan(&mut lease.connection).await {
                        plan = present;
                        open.push(range);
                        continue;
                    }
                }
                if answer.was_canceled() {
                    self.part_size.was_slow(range.len());
                }
                if answer.may_concern_one_event() && range.len() > 1 {
                    let middle = range.start + range.len() / 2;
                    open.extend([middle..range.end, range.start..middle]);
                    continue;
                }
                is_sound &= !self.doubt(answer);
                if answer.ends_connections() {
                    for range in open.drain(..) {
                        answers[range].fill(Err(answer.clone()));
                    }
                }
            } else {
                self.part_size.was_quick(range.len());
            }
            answers[range].fill(answer);
        }
        if is_sound {
            lease.give_back();
        }
    }

    async fn plan(&self, connection: &mut PgConnection) -> Result<Arc<Plan>, Answer> {
        let known = self.known_plan().clone();
        if let Some(plan) = known {
            return Ok(plan);
        }
        let plan = self.mapping.plan(connection).await?;
        *self.known_plan() = Some(Arc::clone(&plan));
        Ok(plan)
    }

    /// Forgets what the answer makes doubtful: connections that may be broken as well, or what is known of the table.
    fn doubt(&self, answer: &Answer) -> bool {
        if answer.doubts_table() {
            *self.known_plan() = None;
        }
        let is_doubtful = answer.doubts_table() || answer.ends_connections();
        if is_doubtful {
            self.connections.forget_idle();
        }
        is_doubtful
    }

    fn known_plan(&self) -> MutexGuard<'_, Option<Arc<Plan>>> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn look(&self) -> Result<String, CheckError> {
        let unreachable = |answer| CheckError::new("the server cannot be reached", answer);
        let mut lease = self.connections.acquire().await.map_err(unreachable)?;
        let (version, encoding, read_only): (String, String, String) = sqlx::query_as(
            "SELECT current_setting('server_version'), current_setting('server_encoding'), \
             current_setting('transaction_read_only')",
        )
        .fetch_one(&mut lease.connection)
        .await
        .map_err(|error| unreachable(error.into()))?;
        if read_only != "off" {
            return Err(CheckError::bare("the server takes no writes; it may be a standby"));
        }
        if encoding != "UTF8" {
            return Err(CheckError::bare(format!(
                "the database has the encoding {encoding}, which cannot hold every event; UTF8 can"
            )));
        }
        let table = self.mapping.table.name.quoted();
        match self.mapping.explain(&mut lease.connection).await {
            Ok(()) => {
                lease.give_back();
                Ok(format!("PostgreSQL {version}, table {table}"))
            }
            Err(answer) => Err(CheckError::new(format!("{table} cannot be written to"), answer)),
        }
    }
}

#[async_trait]
impl Sink for PostgresSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let encoded: Vec<_> = batch.iter().map(|event| self.mapping.record(event)).collect();
        let rows: Vec<&Record> = encoded.iter().flatten().collect();
        let mut answers = vec![Err(Answer::timeout()); rows.len()];
        if !rows.is_empty() {
            let work = self.insert(&rows, &mut answers);
            if tokio::time::timeout(self.timeout, work).await.is_err() {
                self.connections.forget_idle();
            }
        }
        let mut answers = answers.into_iter();
        let each = encoded.into_iter().map(|row| {
            row?;
            let answer = answers.next().unwrap_or_else(|| Err(Answer::timeout()));
            answer.map_err(|answer| answer.error())
        });
        each.collect()
    }

    async fn check(&self) -> Result<String, CheckError> {
        match tokio::time::timeout(self.timeout, self.look()).await {
            Ok(seen) => seen,
            Err(_) => Err(CheckError::bare("the server did not answer in time")),
        }
    }

    async fn close(&self) {
        self.connections.close().await;
    }
}
