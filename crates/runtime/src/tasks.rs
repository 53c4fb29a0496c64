//! Groups of tasks that live and end together. The only place that spawns.
//!
//! A task that panics or ends before shutdown is a failure: it is logged with its name, and
//! [`TaskGroup::first_exit_or_shutdown`] returns, so that the process stops and its platform
//! restarts it. Nothing here restarts a task.

use std::borrow::Cow;
use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use event_bus_core::Chain;
use tokio::task::{Id, JoinError, JoinSet};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Outcome = Result<(), BoxError>;

/// How long an aborted task gets to notice it.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// Tasks that live and end together. Dropping the group aborts them.
#[derive(Debug)]
pub struct TaskGroup {
    shutdown: CancellationToken,
    tasks: JoinSet<Outcome>,
    names: HashMap<Id, Cow<'static, str>>,
}

/// A task that did not end as it should.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// It ended without an error, although nobody asked it to.
    #[error("task {name} ended before shutdown")]
    EndedEarly {
        /// Name of the task.
        name: Cow<'static, str>,
    },
    /// It panicked.
    #[error("task {name} panicked")]
    Panicked {
        /// Name of the task.
        name: Cow<'static, str>,
    },
    /// It returned an error.
    #[error("task {name} failed")]
    Failed {
        /// Name of the task.
        name: Cow<'static, str>,
        /// Its error.
        source: BoxError,
    },
    /// They were still at work when the grace was over, and were aborted.
    #[error("tasks did not end in time: {}", names.join(", "))]
    Overdue {
        /// Names of the tasks.
        names: Vec<String>,
    },
}

impl TaskGroup {
    /// An empty group that ends with `shutdown`.
    pub fn new(shutdown: CancellationToken) -> Self {
        Self { shutdown, tasks: JoinSet::new(), names: HashMap::new() }
    }

    /// The token that ends the group; hand clones of it to the tasks.
    pub fn shutdown(&self) -> &CancellationToken {
        &self.shutdown
    }

    /// Starts a task that runs until shutdown.
    pub fn spawn<F>(&mut self, name: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.start(name.into(), async move {
            future.await;
            Ok(())
        });
    }

    /// Starts a task that runs until shutdown and may fail.
    pub fn spawn_fallible<F, E>(&mut self, name: impl Into<Cow<'static, str>>, future: F)
    where
        F: Future<Output = Result<(), E>> + Send + 'static,
        E: Into<BoxError> + Send + 'static,
    {
        self.start(name.into(), async move { future.await.map_err(Into::into) });
    }

    /// Returns `Ok` at shutdown, or the failure of the first task that ends before it.
    pub async fn first_exit_or_shutdown(&mut self) -> Result<(), TaskError> {
        tokio::select! {
            biased;
            () = self.shutdown.cancelled() => Ok(()),
            Some(joined) = self.tasks.join_next_with_id() => match self.judge(joined) {
                Err(error) => Err(logged(error)),
                // It saw the shutdown before this task did.
                Ok(_) if self.shutdown.is_cancelled() => Ok(()),
                Ok(name) => Err(logged(TaskError::EndedEarly { name })),
            },
        }
    }

    /// Asks every task to end, waits up to `grace`, aborts the rest. Returns the first failure.
    pub async fn drain(mut self, grace: Duration) -> Result<(), TaskError> {
        self.shutdown.cancel();
        let deadline = Instant::now() + grace;
        let mut first = Ok(());
        while let Ok(Some(joined)) = timeout_at(deadline, self.tasks.join_next_with_id()).await {
            if let Err(error) = self.judge(joined) {
                first = first.and(Err(logged(error)));
            }
        }
        if !self.tasks.is_empty() {
            let mut names: Vec<_> = self.names.values().map(ToString::to_string).collect();
            names.sort();
            first = first.and(Err(logged(TaskError::Overdue { names })));
            self.tasks.abort_all();
            let deadline = Instant::now() + ABORT_GRACE;
            while let Ok(Some(_)) = timeout_at(deadline, self.tasks.join_next()).await {}
        }
        first
    }

    fn start(
        &mut self,
        name: Cow<'static, str>,
        future: impl Future<Output = Outcome> + Send + 'static,
    ) {
        let handle = self.tasks.spawn(future);
        self.names.insert(handle.id(), name);
    }

    /// The name of a task that ended well, or why another one did not.
    fn judge(
        &mut self,
        joined: Result<(Id, Outcome), JoinError>,
    ) -> Result<Cow<'static, str>, TaskError> {
        let id = match &joined {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let name = self.names.remove(&id).unwrap_or(Cow::Borrowed("unknown"));
        match joined {
            Ok((_, Ok(()))) => Ok(name),
            Ok((_, Err(source))) => Err(TaskError::Failed { name, source }),
            Err(_) => Err(TaskError::Panicked { name }),
        }
    }
}

/// Starts a task that belongs to the process as a whole and ends with it.
#[expect(clippy::disallowed_methods, reason = "this module is the one that spawns")]
pub(crate) fn spawn_for_process(future: impl Future<Output = ()> + Send + 'static) {
    drop(tokio::spawn(future));
}

fn logged(error: TaskError) -> TaskError {
    tracing::error!(error = %Chain(&error), "a task did not end as it should");
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const GRACE: Duration = Duration::from_secs(30);

    #[tokio::test]
    async fn a_task_that_ends_early_is_a_failure_with_its_name() {
        let mut group = TaskGroup::new(CancellationToken::new());
        group.spawn("listener", async {});
        let error = group.first_exit_or_shutdown().await.unwrap_err();
        assert_eq!(error.to_string(), "task listener ended before shutdown");
    }

    #[tokio::test]
    async fn a_panic_and_an_error_are_failures_with_the_names_of_the_tasks() {
        let mut group = TaskGroup::new(CancellationToken::new());
        group.spawn("relay", async { panic!("on purpose") });
        let error = group.first_exit_or_shutdown().await.unwrap_err();
        assert_eq!(error.to_string(), "task relay panicked");
        group.spawn_fallible("route slack", async { Err("no such consumer") });
        let error = group.first_exit_or_shutdown().await.unwrap_err();
        assert_eq!(Chain(&error).to_string(), "task route slack failed: no such consumer");
    }

    #[tokio::test]
    async fn shutdown_lets_tasks_finish() {
        let shutdown = CancellationToken::new();
        let mut group = TaskGroup::new(shutdown.clone());
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        let token = shutdown.clone();
        group.spawn("worker", async move {
            token.cancelled().await;
            tokio::task::yield_now().await;
            sender.send("finished").await.unwrap();
        });
        shutdown.cancel();
        assert!(group.first_exit_or_shutdown().await.is_ok());
        assert!(group.drain(GRACE).await.is_ok());
        assert_eq!(receiver.recv().await, Some("finished"));
    }

    #[tokio::test]
    async fn a_task_that_overstays_its_grace_is_aborted_and_named() {
        let mut group = TaskGroup::new(CancellationToken::new());
        group.spawn("stuck", std::future::pending());
        group.spawn("prompt", async {});
        let error = group.drain(Duration::from_millis(20)).await.unwrap_err();
        assert_eq!(error.to_string(), "tasks did not end in time: stuck");
    }
}
