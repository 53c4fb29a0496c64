//! How a `nats-server` shall run: version, port, credentials, extra configuration.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use super::{NEWEST, NatsServer};

/// Settings of a server to start; see [`NatsServer::builder`].
#[derive(Debug, Clone, Default)]
pub struct NatsServerBuilder {
    pub(super) version: Option<String>,
    pub(super) port: Option<u16>,
    pub(super) name: Option<String>,
    pub(super) store: Option<PathBuf>,
    pub(super) user: Option<(String, String)>,
    pub(super) clustered: bool,
    extra: String,
    jetstream: String,
}

impl NatsServerBuilder {
    /// One of [`super::VERSIONS`]; the newest unless given.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = Some(version.to_owned());
        self
    }

    /// Listens on this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Adds lines to the top level of the server's configuration file.
    #[must_use]
    pub fn config(mut self, lines: &str) -> Self {
        self.extra.push_str(lines);
        self.extra.push('\n');
        self
    }

    /// Adds lines to the `jetstream` block of the configuration file.
    #[must_use]
    pub fn jetstream_config(mut self, lines: &str) -> Self {
        self.jetstream.push_str(lines);
        self.jetstream.push('\n');
        self
    }

    /// Keeps the data in this folder, which outlives the server.
    #[must_use]
    pub fn store(mut self, folder: &Path) -> Self {
        self.store = Some(folder.to_owned());
        self
    }

    /// Syncs every message to the disk before its acknowledgement. Unknown before 2.10.
    #[must_use]
    pub fn sync_always(self) -> Self {
        self.jetstream_config("sync_interval: always")
    }

    /// Admits only this user.
    #[must_use]
    pub fn user(mut self, name: &str, password: &str) -> Self {
        self.user = Some((name.to_owned(), password.to_owned()));
        self
    }

    /// Starts the server and waits until it is ready. Panics with its log when it does not come up.
    pub async fn start(self) -> NatsServer {
        NatsServer::launch(self).await
    }

    /// A member of a cluster, whose health depends on the other members.
    pub(super) fn member(mut self, name: &str) -> Self {
        self.name = Some(name.to_owned());
        self.clustered = true;
        self
    }

    pub(super) fn version_or_newest(&self) -> &str {
        self.version.as_deref().unwrap_or(NEWEST)
    }

    /// The configuration file.
    pub(super) fn render(&self, name: &str, port: u16, monitor_port: u16, store: &Path) -> String {
        let mut text = format!(
            "server_name: {name:?}\nhost: \"127.0.0.1\"\nport: {port}\nhttp: \"127.0.0.1:{monitor_port}\"\n\
             jetstream {{\nstore_dir: {store:?}\n{}}}\n",
            self.jetstream
        );
        if let Some((user, password)) = &self.user {
            writeln!(text, "authorization {{ user: {user:?}, password: {password:?} }}")
                .expect("a String takes all");
        }
        text.push_str(&self.extra);
        text
    }
}
