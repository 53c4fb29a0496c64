//! A bounded number of connections, made when they are needed and used again while they are sound.
//!
//! sqlx has a pool too. It asks the server whether a connection lives when it is given back, which would double the round
//! trips of a delivery, and it repeats a failed attempt to connect until its time is up, which hides the cause.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::{Connection as _, PgConnection};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

use super::errors::Answer;
use super::server::Server;

/// A connection that was idle for longer is not trusted: what lies between may have forgotten it.
const MAX_IDLE: Duration = Duration::from_secs(120);

/// How long saying goodbye to the server may take.
const CLOSE_WITHIN: Duration = Duration::from_secs(2);

/// Connections to one server.
#[derive(Debug)]
pub(super) struct Connections {
    server: Server,
    slots: Semaphore,
    idle: Mutex<Vec<Idle>>,
}

struct Idle {
    connection: PgConnection,
    since: Instant,
}

/// A connection in use. Dropped, it is closed; [`Lease::give_back`] keeps it.
pub(super) struct Lease<'a> {
    pub(super) connection: PgConnection,
    home: &'a Connections,
    _slot: SemaphorePermit<'a>,
}

impl Connections {
    pub(super) fn new(server: Server, most: u32) -> Self {
        Self { server, slots: Semaphore::new(most as usize), idle: Mutex::new(Vec::new()) }
    }

    /// A connection, as soon as one may be had.
    pub(super) async fn acquire(&self) -> Result<Lease<'_>, Answer> {
        let slot = self.slots.acquire().await;
        let slot = slot.map_err(|_| Answer::unreachable("the sink is closed".to_owned()))?;
        let connection = match self.take_idle() {
            Some(connection) => connection,
            None => self.server.connect().await?,
        };
        Ok(Lease { connection, home: self, _slot: slot })
    }

    /// Drops what is idle: it broke, or the next statement should not meet old plans.
    pub(super) fn forget_idle(&self) {
        self.idle().clear();
    }

    /// Says goodbye to the server; nothing can be acquired afterwards.
    pub(super) async fn close(&self) {
        self.slots.close();
        let idle = std::mem::take(&mut *self.idle());
        let goodbyes = idle.into_iter().map(|idle| idle.connection.close());
        // The server notices a connection that just ends as well.
        tokio::time::timeout(CLOSE_WITHIN, futures_util::future::join_all(goodbyes)).await.ok();
    }

    fn take_idle(&self) -> Option<PgConnection> {
        let mut idle = self.idle();
        idle.retain(|idle| idle.since.elapsed() < MAX_IDLE);
        idle.pop().map(|idle| idle.connection)
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease<'_> {
    /// Keeps the connection for the next delivery. Its last statement must have been answered in full.
    pub(super) fn give_back(self) {
        self.home.idle().push(Idle { connection: self.connection, since: Instant::now() });
    }
}

impl std::fmt::Debug for Idle {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Idle").field("since", &self.since).finish_non_exhaustive()
    }
}
