//! A single `nats-server` with JetStream on free loopback ports, its data in a temporary folder.

use std::fmt;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use super::{NatsServerBuilder, binary, probe};
use crate::process::Process;
use crate::{free_port, report};

/// How long a start may take; recovering a large store on a busy machine is slow.
const START_LIMIT: Duration = Duration::from_secs(60);
/// How often a lost race for a port is repeated with other ports.
const PORT_TRIES: usize = 8;

/// A running server. Dropping it kills the process and removes its data.
#[derive(Debug)]
pub struct NatsServer {
    settings: NatsServerBuilder,
    name: String,
    port: u16,
    monitor_port: u16,
    folder: TempDir,
    process: Mutex<Option<Process>>,
    version: String,
}

/// Why a server did not come up.
#[derive(Debug)]
pub(super) enum Failure {
    PortTaken,
    Other { reason: String, log: String },
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PortTaken => formatter.write_str("the port of nats-server is taken"),
            Self::Other { reason, log } => write!(formatter, "nats-server {reason}\n{log}"),
        }
    }
}

impl NatsServer {
    /// Starts the newest server with default settings; see [`NatsServer::builder`].
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> NatsServerBuilder {
        NatsServerBuilder::default()
    }

    pub(super) async fn launch(settings: NatsServerBuilder) -> Self {
        for _ in 0..PORT_TRIES {
            match Self::try_launch(settings.clone()).await {
                Ok(server) => return server,
                Err(Failure::PortTaken) if settings.port.is_none() => {}
                Err(failure) => panic!("{failure}"),
            }
        }
        panic!("lost the race for a port {PORT_TRIES} times");
    }

    pub(super) async fn try_launch(settings: NatsServerBuilder) -> Result<Self, Failure> {
        let port = settings.port.unwrap_or_else(free_port);
        let mut server = Self {
            name: settings.name.clone().unwrap_or_else(|| format!("testkit-{port}")),
            port,
            monitor_port: free_port(),
            folder: tempfile::tempdir().expect("a temporary folder"),
            process: Mutex::new(None),
            version: String::new(),
            settings,
        };
        server.version = server.run().await?;
        Ok(server)
    }

    /// `nats://127.0.0.1:<port>`, without credentials: async-nats ignores those of a URL.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The port of the HTTP monitoring endpoints (`/varz`, `/healthz`, `/jsz`).
    pub fn monitor_port(&self) -> u16 {
        self.monitor_port
    }

    /// The version that the server itself reports, such as `2.15.1`.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The server's name, as in the placement of a stream.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A client that reconnects quickly and for ever.
    pub async fn connect(&self) -> async_nats::Client {
        self.client_options().connect(self.url()).await.expect("connecting to the own nats-server")
    }

    /// Options with the server's credentials that reconnect quickly and for ever.
    pub fn client_options(&self) -> async_nats::ConnectOptions {
        let options = async_nats::ConnectOptions::new()
            .reconnect_delay_callback(|_| Duration::from_millis(50))
            .connection_timeout(Duration::from_secs(10));
        match &self.settings.user {
            Some((user, password)) => options.user_and_password(user.clone(), password.clone()),
            None => options,
        }
    }

    /// A JetStream context on a client of its own.
    pub async fn jetstream(&self) -> async_nats::jetstream::Context {
        async_nats::jetstream::new(self.connect().await)
    }

    /// SIGKILL, as when the machine's memory runs out. The data stay.
    pub fn kill(&self) {
        drop(self.process().take());
    }

    /// SIGTERM, and waits until the server has gone.
    pub async fn terminate(&self) {
        let process = self.process().take();
        if let Some(process) = process {
            process.terminate();
            assert!(process.wait(START_LIMIT).await.is_some(), "nats-server ignored SIGTERM");
        }
    }

    /// Starts again on the same port with the same data, after a SIGKILL if it still runs.
    pub async fn restart(&self) {
        self.kill();
        let deadline = Instant::now() + START_LIMIT;
        loop {
            match self.run().await {
                Ok(_) => return,
                // A connection of the former process may hold the port for a moment.
                Err(Failure::PortTaken) if Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
                Err(failure) => panic!("port {}: {failure}", self.port),
            }
        }
    }

    /// SIGSTOP: connections stay open and nothing is answered.
    pub fn pause(&self) {
        self.process().as_ref().expect("a killed server cannot be paused").pause();
    }

    /// SIGCONT: undoes [`NatsServer::pause`].
    pub fn resume(&self) {
        self.process().as_ref().expect("a killed server cannot be resumed").resume();
    }

    pub fn is_running(&self) -> bool {
        self.process().as_ref().is_some_and(|process| process.exited().is_none())
    }

    /// Resident memory in bytes, `None` when the server does not run.
    pub fn resident_bytes(&self) -> Option<u64> {
        self.process().as_ref().and_then(Process::resident_bytes)
    }

    /// Where the server writes its log, all its starts in one file.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("nats.log")
    }

    /// The log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    pub(super) async fn is_healthy(&self) -> bool {
        probe::healthy(loopback(self.monitor_port)).await
    }

    /// Starts the process and waits until it is ready; answers its version.
    async fn run(&self) -> Result<String, Failure> {
        let log_before = self.log().len();
        let store = self.settings.store.clone().unwrap_or_else(|| self.folder.path().join("data"));
        let config = self.folder.path().join("nats.conf");
        let text = self.settings.render(&self.name, self.port, self.monitor_port, &store);
        fs::write(&config, text).expect("writing the configuration of nats-server");
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log_path())
            .expect("the server's log");
        let process = Process::spawn(
            Command::new(binary::locate(self.settings.version_or_newest()))
                .arg("-c")
                .arg(&config)
                .stdin(Stdio::null())
                .stdout(log.try_clone().expect("a second handle of the log"))
                .stderr(log),
        );
        let version = self.ready(&process, log_before).await?;
        *self.process() = Some(process);
        Ok(version)
    }

    async fn ready(&self, process: &Process, log_before: usize) -> Result<String, Failure> {
        let deadline = Instant::now() + START_LIMIT;
        while Instant::now() < deadline {
            if let Some(status) = process.exited() {
                let log = self.log();
                return Err(
                    match log[log_before.min(log.len())..].contains("address already in use") {
                        true => Failure::PortTaken,
                        false => self.failure(format!("ended during its start with {status}")),
                    },
                );
            }
            // The name shows that the answer is not that of a stranger on the same port.
            let greeting = probe::greeting(loopback(self.port))
                .await
                .filter(|greeting| greeting.server_name == self.name);
            if let Some(greeting) = greeting
                && (self.settings.clustered || self.is_healthy().await)
            {
                return Ok(greeting.version);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Err(self.failure(format!("was not ready after {START_LIMIT:?}")))
    }

    fn failure(&self, reason: String) -> Failure {
        Failure::Other { reason, log: self.log() }
    }

    fn process(&self) -> MutexGuard<'_, Option<Process>> {
        self.process.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() && !self.version.is_empty() {
            let log = self.log();
            let tail: Vec<&str> = log.lines().rev().take(30).collect();
            let tail: String = tail.into_iter().rev().map(|line| format!("  {line}\n")).collect();
            report::loudly(&format!("end of the log of {}:\n{tail}", self.name));
        }
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}
