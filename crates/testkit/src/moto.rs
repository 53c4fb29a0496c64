//! AWS as `moto` emulates it: EventBridge, SQS, Secrets Manager and more, on one loopback port.
//!
//! It checks no credentials, enforces no size and never throttles, and it forgets everything when it ends.

use std::process::Command;

use tempfile::TempDir;

use crate::process::{Daemon, listens};
use crate::{free_port, tools};

/// A running emulator. Dropping it kills the process.
#[derive(Debug)]
pub struct MotoServer {
    port: u16,
    _folder: TempDir,
    daemon: Daemon,
}

impl MotoServer {
    pub async fn start() -> Self {
        let port = free_port();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let python = tools::locate("moto/bin/python");
        let daemon = Daemon::new("moto", folder.path().join("log"), move || {
            let mut command = Command::new(&python);
            command.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            command
        });
        let server = Self { port, _folder: folder, daemon };
        server.restart().await;
        server
    }

    /// Where its clients connect to.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL; what it held is lost.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Starts it again on the same port, empty.
    pub async fn restart(&self) {
        self.kill();
        self.daemon.start(async || listens(self.port).await).await;
    }
}
