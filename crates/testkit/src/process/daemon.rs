//! A server process that is started, killed and started again with the same settings and data.

use std::fmt;
use std::fs::File;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Process;

/// How long a start may take on a busy machine.
const START_LIMIT: Duration = Duration::from_secs(90);

const PAUSE: Duration = Duration::from_millis(20);

/// A server of one process. Dropping it kills the process.
pub struct Daemon {
    name: &'static str,
    log: PathBuf,
    command: Box<dyn Fn() -> Command + Send + Sync>,
    process: Mutex<Option<Process>>,
}

impl Daemon {
    /// A server that does not run yet; `command` makes the same command each time, and its output goes to `log`.
    pub fn new(
        name: &'static str,
        log: PathBuf,
        command: impl Fn() -> Command + Send + Sync + 'static,
    ) -> Self {
        Self { name, log, command: Box::new(command), process: Mutex::new(None) }
    }

    /// Starts it and waits until `is_ready`. Panics with its log if it ends or takes too long.
    pub async fn start(&self, is_ready: impl AsyncFn() -> bool) {
        let deadline = Instant::now() + START_LIMIT;
        self.spawn();
        while !is_ready().await {
            assert!(Instant::now() < deadline, "{} did not start\n{}", self.name, self.log_text());
            if self.has_ended() {
                // Its predecessor, killed a moment ago, may still hold the port or the data.
                self.spawn();
                tokio::time::sleep(PAUSE * 10).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&self) {
        drop(self.process().take());
    }

    /// SIGSTOP: it keeps its connections and answers nothing.
    pub fn pause(&self) {
        self.with_process(Process::pause);
    }

    /// SIGCONT: undoes [`Daemon::pause`].
    pub fn resume(&self) {
        self.with_process(Process::resume);
    }

    /// What it wrote, for the message of a failed test.
    pub fn log_text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn spawn(&self) {
        let log = File::options().create(true).append(true).open(&self.log).expect("a log file");
        let mut command = (self.command)();
        command
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a second handle of the log"))
            .stderr(log);
        *self.process() = Some(Process::spawn(&mut command));
    }

    fn has_ended(&self) -> bool {
        self.process().as_ref().is_none_or(|process| process.exited().is_some())
    }

    fn with_process(&self, act: impl FnOnce(&Process)) {
        if let Some(process) = self.process().as_ref() {
            act(process);
        }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Daemon {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Daemon").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Whether somebody listens on a port of the loopback.
pub(crate) async fn listens(port: u16) -> bool {
    tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok()
}
