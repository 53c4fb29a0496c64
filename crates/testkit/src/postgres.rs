//! PostgreSQL: one real server on loopback, its data in a temporary folder.
//!
//! The server refuses to run as root; for root it runs as the user `postgres`, who must exist (Debian's package makes it).

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::unistd::{User, geteuid};
use tempfile::TempDir;

use crate::certificates::Authority;
use crate::process::{Daemon, listens};
use crate::{free_port, tools};

/// Settings that make a short-lived server quick. What is committed survives SIGKILL of the processes all the same.
const QUICK: &str =
    "fsync = off\nsynchronous_commit = on\nfull_page_writes = off\nmax_connections = 50\n";

/// A running server. Dropping it kills the process and removes its data.
#[derive(Debug)]
pub struct PostgresServer {
    port: u16,
    folder: TempDir,
    daemon: Daemon,
}

impl PostgresServer {
    /// A server that trusts every local connection.
    pub async fn start() -> Self {
        Self::launch(false).await
    }

    /// The same, and it also speaks TLS with a certificate of [`PostgresServer::ca`].
    pub async fn with_tls() -> Self {
        Self::launch(true).await
    }

    async fn launch(tls: bool) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let port = free_port();
        let data = folder.path().join("data");
        give_away(folder.path());
        let output = as_owner(Command::new(binary("initdb")))
            .args(["-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C", "-D"])
            .arg(&data)
            .output()
            .expect("initdb runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut settings = fs::read_to_string(data.join("postgresql.conf")).expect("settings");
        settings.push_str(QUICK);
        if tls {
            make_certificates(folder.path());
            settings.push_str(&format!(
                "ssl = on\nssl_cert_file = '{0}/server.pem'\nssl_key_file = '{0}/server.key'\n",
                folder.path().display()
            ));
        }
        fs::write(data.join("postgresql.conf"), settings).expect("settings");
        let sockets = folder.path().to_owned();
        let daemon = Daemon::new("PostgreSQL", folder.path().join("log"), move || {
            let mut command = as_owner(Command::new(binary("postgres")));
            command.arg("-D").arg(&data).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]);
            command.arg(&sockets);
            command
        });
        let server = Self { port, folder, daemon };
        server.run().await;
        server
    }

    /// A URL of the database `postgres`, with the user and without a password.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// The certificate authority of a server with TLS, as a file.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// SIGKILL of the server; its own children end by themselves. What was committed stays.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Starts it again on the same port with the same data.
    pub async fn restart(&self) {
        self.kill();
        self.run().await;
    }

    /// The server itself, to pause it or to look at its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// Runs SQL with the stock client and returns its rows, columns separated by `|`. Panics on an error.
    pub fn psql(&self, sql: &str) -> String {
        let output = self.try_psql(sql);
        output.unwrap_or_else(|error| panic!("{sql}: {error}"))
    }

    /// The same, or what the client complained about.
    pub fn try_psql(&self, sql: &str) -> Result<String, String> {
        self.try_psql_in("postgres", sql)
    }

    /// The same in another database.
    pub fn try_psql_in(&self, database: &str, sql: &str) -> Result<String, String> {
        let output = Command::new(binary("psql"))
            .args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql])
            .arg(format!("postgres://postgres@127.0.0.1:{}/{database}", self.port))
            .output()
            .expect("psql runs");
        if output.status.success() {
            Ok(String::from_utf8(output.stdout).expect("UTF-8").trim_end().to_owned())
        } else {
            Err(String::from_utf8_lossy(&output.stderr).into_owned())
        }
    }

    async fn run(&self) {
        // It listens before it has recovered; only an answer means that it is there.
        let ready = async || listens(self.port).await && self.try_psql("SELECT 1").is_ok();
        self.daemon.start(ready).await;
    }
}

/// A program of PostgreSQL: on the PATH, or where Debian keeps it.
fn binary(name: &str) -> PathBuf {
    let debian = || {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let mut paths: Vec<_> = versions
            .filter_map(|version| Some(version.ok()?.path().join("bin").join(name)))
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        paths.pop()
    };
    debian()
        .or_else(|| tools::on_path(name))
        .unwrap_or_else(|| panic!("PostgreSQL's {name} not found; run ./scripts/setup"))
}

fn owner() -> Option<User> {
    if !geteuid().is_root() {
        return None;
    }
    let user = User::from_name("postgres").ok().flatten();
    Some(user.expect(
        "root needs the user postgres, whom Debian's postgresql makes; run ./scripts/setup",
    ))
}

fn as_owner(mut command: Command) -> Command {
    if let Some(user) = owner() {
        command.uid(user.uid.as_raw()).gid(user.gid.as_raw());
    }
    command.current_dir("/");
    command
}

fn give_away(path: &Path) {
    if let Some(user) = owner() {
        chown(path, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root can give away");
    }
}

fn make_certificates(folder: &Path) {
    let authority = Authority::new();
    let server = authority.issue("postgres");
    for (name, content, mode) in [
        ("ca.pem", authority.pem(), 0o644),
        ("server.pem", server.certificate, 0o644),
        ("server.key", server.key, 0o600),
    ] {
        let path = folder.join(name);
        fs::write(&path, content).expect("a file");
        fs::set_permissions(&path, Permissions::from_mode(mode)).expect("own file");
        give_away(&path);
    }
}
