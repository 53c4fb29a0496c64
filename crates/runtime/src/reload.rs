//! Asking for the configuration anew: by SIGHUP, or over HTTP with an answer.

use tokio::sync::{mpsc, oneshot};

/// Who asks over HTTP at a time; further ones wait.
const WAITING: usize = 4;

/// What was taken over.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Keys that have changed and need a restart.
    pub needs_restart: Vec<&'static str>,
    /// Why documents were refused whose last good version stays.
    pub refused_documents: Vec<String>,
}

/// Nothing changes, or not all that should have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NotReloaded {
    /// What is wrong, for whoever asked.
    pub reason: String,
}

type Answer = oneshot::Sender<Result<Reloaded, NotReloaded>>;

/// Asks for the configuration anew. Cloning is cheap.
#[derive(Clone, Debug)]
pub struct ReloadHandle(mpsc::Sender<Answer>);

/// Hears of those who ask.
#[derive(Debug)]
pub struct ReloadRequests(mpsc::Receiver<Answer>);

/// Somebody asks for the configuration anew.
#[derive(Debug)]
pub struct ReloadRequest(Option<Answer>);

/// A handle, and what hears of its use.
pub fn channel() -> (ReloadHandle, ReloadRequests) {
    let (sender, receiver) = mpsc::channel(WAITING);
    (ReloadHandle(sender), ReloadRequests(receiver))
}

impl ReloadHandle {
    /// Asks, and waits for what comes of it.
    pub async fn ask(&self) -> Result<Reloaded, NotReloaded> {
        let (sender, receiver) = oneshot::channel();
        let stopping = || NotReloaded { reason: "the process is stopping".to_owned() };
        self.0.send(sender).await.map_err(|_| stopping())?;
        receiver.await.map_err(|_| stopping())?
    }
}

impl ReloadRequests {
    /// Waits for the next one; for ever if nobody can ask.
    pub async fn recv(&mut self) -> ReloadRequest {
        match self.0.recv().await {
            Some(answer) => ReloadRequest(Some(answer)),
            None => std::future::pending().await,
        }
    }
}

impl ReloadRequest {
    /// One that waits for no answer.
    pub(crate) fn of_signal() -> Self {
        Self(None)
    }

    /// Says what came of it. Whoever has gone meanwhile hears nothing.
    pub fn answer(self, result: Result<Reloaded, NotReloaded>) {
        if let Some(answer) = self.0 {
            answer.send(result).ok();
        }
    }
}
