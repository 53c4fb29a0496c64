//! Tasks that end when they are asked to, and otherwise by a defect.

use tokio_util::sync::CancellationToken;

/// How a task ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Asked,
    ByItself,
}

/// For a task that has no end of its own.
pub(crate) async fn unless_asked(task: impl Future<Output = ()>, stop: CancellationToken) -> Ended {
    match stop.run_until_cancelled(task).await {
        None => Ended::Asked,
        Some(()) => Ended::ByItself,
    }
}

pub(crate) async fn until_asked(task: impl Future<Output = ()>, stop: CancellationToken) -> Ended {
    task.await;
    if stop.is_cancelled() { Ended::Asked } else { Ended::ByItself }
}
