//! The managed broker: a `nats-server` on this machine's loopback, started again when it dies.

use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::guard;
use crate::failure::{Failure, Outcome};

/// How long a start may take, with the recovery of a large store.
const START_WITHIN: Duration = Duration::from_secs(60);

/// First and longest wait before a server that died is started again.
const RESTART_AFTER: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));

/// A server that ran so long is not in a crash loop.
const SOUND_AFTER: Duration = Duration::from_secs(60);

/// How much of the log is shown when a start fails.
const LOG_TAIL: u64 = 4096;

/// A broker that can be started.
#[derive(Debug)]
pub(super) struct Broker {
    program: PathBuf,
    folder: PathBuf,
    port: u16,
}

/// A broker that runs.
#[derive(Debug)]
pub(super) struct Running {
    broker: Broker,
    guard: Guard,
    since: Instant,
}

/// The process around the broker, and the pipe that keeps it from stopping the broker.
#[derive(Debug)]
struct Guard {
    process: Child,
    // Taken out of the process, because waiting for that closes it.
    pipe: Option<ChildStdin>,
}

impl Broker {
    /// A broker on a port of the loopback, with its data, its configuration and its log in a folder.
    pub(super) fn new(program: PathBuf, folder: &Path, port: u16) -> Self {
        Self { program, folder: folder.to_owned(), port }
    }

    /// Starts it and waits until it answers.
    pub(super) async fn start(self) -> Result<Running, Failure> {
        fs::create_dir_all(&self.folder).map_err(|error| {
            let folder = self.folder.display();
            Failure::failed(format!(
                "{folder} cannot be made: {error}; choose a folder with --data"
            ))
        })?;
        if TcpStream::connect(("127.0.0.1", self.port)).await.is_ok() {
            return Err(Failure::failed(format!(
                "another program listens on 127.0.0.1:{}; stop it, or run beside it with --nats-port 0 and a folder of your own, named with --data",
                self.port
            )));
        }
        // Of this run alone, so that an old error is not taken for the reason of a new one.
        File::create(self.log_path())?;
        let guard = self.spawn()?;
        let mut running = Running { broker: self, guard, since: Instant::now() };
        running.wait_until_ready().await?;
        Ok(running)
    }

    fn spawn(&self) -> io::Result<Guard> {
        fs::write(self.config_path(), self.config())?;
        let log = File::options().create(true).append(true).open(self.log_path())?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .arg("guard-broker")
            .arg("--")
            .arg(&self.program)
            .arg("-c")
            .arg(self.config_path())
            .stdin(Stdio::piped())
            .stdout(log.try_clone()?)
            .stderr(log)
            .process_group(0);
        let mut process = command.spawn()?;
        let pipe = process.stdin.take();
        Ok(Guard { process, pipe })
    }

    fn config(&self) -> String {
        let store = self.folder.join("jetstream");
        format!(
            "# Written by `event-bus up` at each start.\n\
             listen: \"127.0.0.1:{}\"\n\
             server_name: \"event-bus\"\n\
             jetstream {{ store_dir: {} }}\n",
            self.port,
            quoted(&store.display().to_string())
        )
    }

    fn config_path(&self) -> PathBuf {
        self.folder.join("nats.conf")
    }

    fn log_path(&self) -> PathBuf {
        self.folder.join("nats.log")
    }

    /// The end of the log.
    fn log_tail(&self) -> String {
        let read = || {
            let mut file = File::open(self.log_path())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(LOG_TAIL)))?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            Ok::<_, io::Error>(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = read().unwrap_or_default();
        let lines: Vec<_> = text.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join("\n")
    }
}

impl Running {
    /// Keeps the broker running until `stop`, then stops it.
    pub(super) async fn keep(mut self, stop: CancellationToken) -> io::Result<()> {
        let mut wait = RESTART_AFTER.0;
        loop {
            let ended = tokio::select! {
                () = stop.cancelled() => return self.stop().await,
                ended = self.guard.process.wait() => ended?,
            };
            if self.since.elapsed() > SOUND_AFTER {
                wait = RESTART_AFTER.0;
            }
            let log = self.broker.log_path();
            tracing::error!(status = %ended, log = %log.display(), "the broker died and is started again");
            if stop.run_until_cancelled(sleep(wait)).await.is_none() {
                return Ok(());
            }
            wait = (wait * 2).min(RESTART_AFTER.1);
            self.guard = self.broker.spawn()?;
            self.since = Instant::now();
        }
    }

    /// SIGTERM, then SIGKILL; both are sent by the guard.
    async fn stop(mut self) -> io::Result<()> {
        drop(self.guard.pipe.take());
        if timeout(guard::GRACE * 2, self.guard.process.wait()).await.is_err() {
            tracing::warn!("the broker did not stop in time");
            self.guard.process.kill().await?;
        }
        Ok(())
    }

    async fn wait_until_ready(&mut self) -> Outcome {
        let deadline = Instant::now() + START_WITHIN;
        while Instant::now() < deadline {
            if self.guard.process.try_wait()?.is_some() {
                return Err(self.broken("ended during its start"));
            }
            if greets(self.broker.port).await {
                return Ok(());
            }
            sleep(Duration::from_millis(20)).await;
        }
        Err(self.broken("was not ready in time"))
    }

    fn broken(&self, what: &str) -> Failure {
        let program = self.broker.program.display();
        Failure::failed(format!("{program} {what}:\n{}", self.broker.log_tail()))
    }
}

/// A string in the broker's own notation, which has no other escapes.
fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            letter if letter.is_ascii_control() => {
                quoted.push_str(&format!("\\x{:02x}", u32::from(letter)));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

/// Whether a NATS server answers there.
async fn greets(port: u16) -> bool {
    let greeting = async {
        let stream = TcpStream::connect(("127.0.0.1", port)).await.ok()?;
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).await.ok()?;
        Some(line.starts_with("INFO "))
    };
    timeout(Duration::from_secs(1), greeting).await.ok().flatten().unwrap_or(false)
}
