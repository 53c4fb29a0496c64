//! Groups of tasks.

use std::borrow::Cow;
use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Tasks that live and end together.
#[derive(Debug)]
pub struct TaskGroup {
    shutdown: CancellationToken,
}

/// A task that ended when it should not have.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    #[error("task {name} ended before shutdown")]
    EndedEarly { name: Cow<'static, str> },
    #[error("task {name} panicked")]
    Panicked { name: Cow<'static, str> },
    #[error("task {name} failed")]
    Failed { name: Cow<'static, str>, source: BoxError },
    #[error("tasks did not end in time: {}", names.join(", "))]
    Overdue { names: Vec<String> },
}

impl TaskGroup {
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown }
    }

    pub fn spawn<F>(&mut self, name: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let _ = (name.into(), future);
        todo!()
    }

    pub fn spawn_fallible<F, E>(&mut self, name: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        let _ = (name.into(), future);
        todo!()
    }

    pub async fn first_exit_or_shutdown(&mut self) -> Result<(), TaskError> {
        self.shutdown.cancelled().await;
        Ok(())
    }

    /// Cancels the token, waits up to `grace`, then aborts.
    pub async fn drain(self, grace: Duration) -> Result<(), TaskError> {
        let _ = grace;
        todo!()
    }
}
