//! Process signals: SIGTERM and SIGINT stop the process, SIGHUP asks for the configuration anew, as others may too.

use event_bus_core::Chain;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::reload::{self, ReloadHandle, ReloadRequest, ReloadRequests};
use crate::tasks;

/// Exit code of a process that SIGINT ended, as shells give it.
const EXIT_INTERRUPT: i32 = 130;

/// Exit code of a process that SIGTERM ended, as shells give it.
const EXIT_TERMINATE: i32 = 143;

/// Tells of each SIGHUP, and of each use of its handle.
#[derive(Debug)]
pub struct ReloadSignal {
    signal: Option<Signal>,
    requests: ReloadRequests,
    handle: ReloadHandle,
}

/// A token that the first SIGTERM or SIGINT cancels. The second one ends the process at once.
///
/// Called once, within a tokio runtime.
pub fn signals() -> CancellationToken {
    let token = CancellationToken::new();
    let listeners = (listen(SignalKind::terminate()), listen(SignalKind::interrupt()));
    if let (Some(mut terminate), Some(mut interrupt)) = listeners {
        let shutdown = token.clone();
        tasks::spawn_for_process(async move {
            loop {
                let (name, code) = tokio::select! {
                    _ = terminate.recv() => ("SIGTERM", EXIT_TERMINATE),
                    _ = interrupt.recv() => ("SIGINT", EXIT_INTERRUPT),
                };
                if shutdown.is_cancelled() {
                    tracing::warn!(signal = name, "stopping at once");
                    std::process::exit(code);
                }
                tracing::info!(signal = name, "stopping; a second signal stops at once");
                shutdown.cancel();
            }
        });
    }
    token
}

/// Listens for SIGHUP from now on. Called within a tokio runtime.
pub fn reload_signal() -> ReloadSignal {
    let (handle, requests) = reload::channel();
    ReloadSignal { signal: listen(SignalKind::hangup()), requests, handle }
}

impl ReloadSignal {
    /// Asks for the same as the signal.
    pub fn handle(&self) -> ReloadHandle {
        self.handle.clone()
    }

    /// Waits for the next SIGHUP or request. Several signals that came together count as one.
    pub async fn recv(&mut self) -> ReloadRequest {
        tokio::select! {
            request = self.requests.recv() => request,
            () = hangup(&mut self.signal) => ReloadRequest::of_signal(),
        }
    }
}

/// The next SIGHUP; never where it cannot be listened for.
async fn hangup(signal: &mut Option<Signal>) {
    let received = match signal {
        Some(signal) => signal.recv().await,
        None => None,
    };
    if received.is_none() {
        std::future::pending::<()>().await;
    }
}

/// Without a listener the signal keeps its usual effect, which ends the process.
fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind)
        .inspect_err(|error| tracing::error!(error = %Chain(error), "cannot listen for signals"))
        .ok()
}
