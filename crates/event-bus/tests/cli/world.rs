//! A folder with a configuration and secrets, a broker, and the binary run in it.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Duration;

use tempfile::TempDir;
use testkit::process::{Output, Running};
use testkit::{Bin, NatsServer, free_port, http, poll_until};

/// Longer than anything takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

/// Secrets by the name of their file.
pub(crate) const SECRETS: [(&str, &str); 11] = [
    ("github", "secret-of-github-6f1d"),
    ("slack", "secret-of-slack-b2a9"),
    ("stripe", "whsec_secret_of_stripe_77c0"),
    ("linear", "secret-of-linear-0d3e"),
    ("standard", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("builds", "secret-of-builds-91aa"),
    ("header", "secret-of-header-4c4c"),
    ("bearer", "secret-of-bearer-e8e1"),
    ("query", "secret-of-query-a5b7"),
    ("basic", "basic-user:secret-of-basic-3f20"),
    ("doctor", "secret-of-doctor-d0c7"),
];

/// The configured sources and their providers' settings.
const SOURCES: [(&str, &str); 11] = [
    ("github", "provider = 'github'"),
    ("slack", "provider = 'slack'"),
    ("stripe", "provider = 'stripe'"),
    ("linear", "provider = 'linear'"),
    ("standard", "provider = 'standard-webhooks'"),
    (
        "builds",
        "provider = 'hmac'\nhmac = { header = 'X-Signature', algorithm = 'sha512', encoding = 'base64', \
         signed = '{timestamp}.{id}.{url}.{body}', timestamp_header = 'X-Time', id_header = 'X-Id' }",
    ),
    ("header", "provider = 'token'\ntoken = { header = 'X-Token' }"),
    ("bearer", "provider = 'token'\ntoken = { header = 'Authorization' }"),
    ("query", "provider = 'token'\ntoken = { query_param = 'key' }"),
    ("basic", "provider = 'basic'"),
    ("open", "provider = 'unsigned'"),
];

pub(crate) struct World {
    pub(crate) nats: NatsServer,
    pub(crate) folder: TempDir,
    pub(crate) inbound: SocketAddr,
    admin: SocketAddr,
    relay_admin: SocketAddr,
    transcript: Mutex<String>,
}

impl World {
    /// A broker, and a configuration with every kind of source and these routes.
    pub(crate) async fn start(routes: &str) -> Self {
        Self::on(NatsServer::start().await, routes)
    }

    /// The same on this broker.
    pub(crate) fn on(nats: NatsServer, routes: &str) -> Self {
        let address = || SocketAddr::from(([127, 0, 0, 1], free_port()));
        let world = Self {
            nats,
            folder: tempfile::tempdir().unwrap(),
            inbound: address(),
            admin: address(),
            relay_admin: address(),
            transcript: Mutex::default(),
        };
        for (name, secret) in SECRETS {
            fs::write(world.folder.path().join(name), format!("{secret}\n")).unwrap();
        }
        world.configure(routes);
        world
    }

    /// Writes the configuration anew, with these routes.
    pub(crate) fn configure(&self, routes: &str) {
        let sources = SOURCES.map(|(name, settings)| self.source(name, settings)).concat();
        self.write(&sources, routes);
    }

    /// Writes the configuration with these sources and routes.
    pub(crate) fn write(&self, sources: &str, routes: &str) {
        let Self { inbound, admin, relay_admin, .. } = self;
        let text = format!(
            "[bus]\nurl = '{}'\n[inbound]\nlisten = '{inbound}'\nadmin_listen = '{admin}'\n\
             public_url = 'https://hooks.example.com'\ngrace = '5s'\n{sources}\
             [outbound]\nadmin_listen = '{relay_admin}'\ngrace = '5s'\n{routes}\n\
             [doctor]\nsecret = {}\n",
            self.nats.url(),
            self.secret("doctor"),
        );
        // Whole at any moment: a command may be reading it.
        let new = self.folder.path().join("new.toml");
        fs::write(&new, text).unwrap();
        fs::rename(new, self.config()).unwrap();
    }

    /// One `[[inbound.sources]]`; `open` has no secret.
    pub(crate) fn source(&self, name: &str, settings: &str) -> String {
        let secrets = match name {
            "open" => String::new(),
            name => format!("secrets = [{}]\n", self.secret(name)),
        };
        format!("[[inbound.sources]]\nname = '{name}'\n{secrets}{settings}\n")
    }

    fn secret(&self, name: &str) -> String {
        format!("{{ file = {:?} }}", self.folder.path().join(name))
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.folder.path().join("event-bus.toml")
    }

    /// The binary with this configuration.
    pub(crate) fn event_bus(&self, arguments: &[&str]) -> Bin {
        event_bus(arguments).arg("--config").arg(self.config())
    }

    /// A page of serve-inbound's admin listener.
    pub(crate) fn admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.admin)
    }

    /// A page of relay-outbound's admin listener.
    pub(crate) fn relay_admin_url(&self, path: &str) -> String {
        format!("http://{}{path}", self.relay_admin)
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        let output = self.event_bus(arguments).output(LONG).await;
        self.remember(&output);
        output
    }

    /// Runs a command that must succeed, and gives the lines of its standard output as JSON.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Vec<serde_json::Value> {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(output.code(), Some(0), "{arguments:?}\n{}\n{}", output.stdout, output.stderr);
        json_lines(&output.stdout)
    }

    /// Starts serve-inbound and waits until it is ready.
    pub(crate) async fn serve_inbound(&self) -> Running {
        let running = self.event_bus(&["serve-inbound"]).spawn();
        wait_ready(self.admin, &running).await;
        running
    }

    /// Starts relay-outbound and waits until it is ready.
    pub(crate) async fn relay_outbound(&self) -> Running {
        let running = self.event_bus(&["relay-outbound"]).spawn();
        wait_ready(self.relay_admin, &running).await;
        running
    }

    /// Stops a service, which must end well.
    pub(crate) async fn stop(&self, running: Running) {
        running.terminate();
        let output = running.output(LONG).await;
        self.remember(&output);
        assert_eq!(output.code(), Some(0), "{}", output.stderr);
    }

    pub(crate) fn remember(&self, output: &Output) {
        let mut transcript = self.transcript.lock().unwrap();
        transcript.push_str(&output.stdout);
        transcript.push_str(&output.stderr);
    }

    /// No output of this world holds a secret.
    pub(crate) fn assert_silent_about_secrets(&self) {
        let transcript = self.transcript.lock().unwrap();
        assert!(!transcript.is_empty());
        for (name, secret) in SECRETS {
            let word = secret.rsplit(':').next().unwrap();
            assert!(!transcript.contains(word), "the secret {name} is in the output");
        }
    }
}

/// The binary without any configuration.
pub(crate) fn event_bus(arguments: &[&str]) -> Bin {
    Bin::at(env!("CARGO_BIN_EXE_event-bus")).args(arguments.iter().copied())
}

/// A route with quick retries.
pub(crate) fn route(name: &str, subject: &str, url: &str) -> String {
    format!(
        "[[outbound.routes]]\nname = '{name}'\nsubjects = ['{subject}']\n\
         retry = {{ attempts = 3, schedule = ['0s', '100ms'] }}\nsink.webhook = {{ url = '{url}' }}\n"
    )
}

/// Each line as JSON.
pub(crate) fn json_lines(text: &str) -> Vec<serde_json::Value> {
    let parse = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    text.lines().map(parse).collect()
}

async fn wait_ready(admin: SocketAddr, running: &Running) {
    let url = format!("http://{admin}/readyz");
    poll_until(LONG, "the service to be ready", async || {
        assert!(running.exited().is_none(), "it ended:\n{}", running.stderr());
        let answer = http::try_send("GET", &url, &[], b"").await.ok()?;
        (answer.status == 200).then_some(())
    })
    .await;
}
