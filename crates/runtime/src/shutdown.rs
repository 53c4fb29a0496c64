//! Process signals.

use tokio_util::sync::CancellationToken;

/// Cancelled by the first SIGTERM or SIGINT; the second one ends the process at once.
pub fn signals() -> CancellationToken {
    todo!()
}

/// A stream of SIGHUPs.
pub struct ReloadSignal(Option<tokio::signal::unix::Signal>);

pub fn reload_signal() -> ReloadSignal {
    todo!()
}

impl ReloadSignal {
    /// Waits for the next SIGHUP.
    pub async fn recv(&mut self) {
        if let Some(signal) = &mut self.0 {
            signal.recv().await;
        }
    }
}
