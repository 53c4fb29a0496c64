//! What `up` is to run: with a configuration that is given, or with one that it writes.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;

use event_bus_runtime::bus::ServerUrls;

use super::Arguments;
use super::demo::{self, Addresses};
use super::lock::FolderLock;
use crate::cli::Context;
use crate::config::{ConfigSource, RootConfig};
use crate::failure::Failure;
use crate::output::{Output, note};

const BROKER_PORT: u16 = 4222;
const INBOUND_PORT: u16 = 8080;
const SINK_PORT: u16 = 8081;

/// What is to run.
pub(super) struct Plan {
    pub(super) source: ConfigSource,
    pub(super) config: RootConfig,
    pub(super) broker_port: u16,
    pub(super) sink: Option<SocketAddr>,
    /// Whether the configuration was written by `up` itself.
    is_demo: bool,
}

impl Plan {
    /// Takes the folder, and reads the configuration, after writing it where none is given.
    pub(super) fn make(
        arguments: &Arguments,
        context: &Context,
    ) -> Result<(Self, FolderLock), Failure> {
        if context.source.url().is_some() {
            return Err(Failure::usage(
                "`up` runs a broker of its own; choose its port with --nats-port",
            ));
        }
        let given = context.source.file().is_some();
        if given && arguments.listen.is_some() {
            return Err(Failure::usage("with --config, inbound.listen says where to listen"));
        }
        let (source, sink, port, lock) = if given {
            let source = context.source.clone();
            let url = source.read()?.bus.url;
            let port = arguments.nats_port.map_or_else(|| managed_port(&url), free_port)?;
            (source, arguments.sink_listen, port, FolderLock::take(&arguments.data)?)
        } else {
            // Taken before the file is written, which may be in use.
            let lock = FolderLock::take(&arguments.data)?;
            let (file, sink) = make_demo(arguments)?;
            let source = context.source.clone().with_file(file);
            let port = managed_port(&source.read()?.bus.url)?;
            (source, Some(sink), port, lock)
        };
        let source =
            source.with_url(ServerUrls::parse([format!("nats://127.0.0.1:{port}").as_str()])?);
        let config = source.read()?;
        Ok((Self { source, config, broker_port: port, sink, is_demo: !given }, lock))
    }

    /// Tells the user what there is, and a program what it needs.
    pub(super) fn say_ready(&self, inbound: Option<SocketAddr>, output: Output) {
        let config = self.source.file().map(|file| file.display().to_string()).unwrap_or_default();
        if output.is_json() {
            let ready = serde_json::json!({ "ready": {
                "broker": format!("nats://127.0.0.1:{}", self.broker_port),
                "inbound": inbound.map(|address| format!("http://{address}")),
                "topics": self.config.topics.as_ref().map(|topics| format!("http://{}", topics.listen)),
                "sink": self.sink.map(|address| format!("http://{address}")),
                "config": config,
            }});
            output.json(&ready).ok();
            return;
        }
        note("event-bus is up; stop it with Ctrl-C");
        note(format!("  broker   nats://127.0.0.1:{}", self.broker_port));
        if let Some(address) = inbound {
            note(format!("  inbound  http://{address}/hooks/<source>"));
        }
        if let Some(topics) = &self.config.topics {
            note(format!("  topics   http://{}/topics/<name>", topics.listen));
        }
        if let Some(address) = self.sink {
            note(format!("  sink     http://{address}/ prints what it receives"));
        }
        note(format!("  config   {config}"));
        let sources = self.config.inbound.iter().flat_map(|inbound| &inbound.sources);
        for source in sources.clone().filter(|_| self.is_demo) {
            for secret in &source.secrets {
                note(format!("  secret   of {}: {secret}", source.name));
            }
        }
        for source in sources.take(1) {
            note(format!("try: event-bus --config {config} trigger {}", source.name));
        }
    }
}

fn make_demo(arguments: &Arguments) -> Result<(PathBuf, SocketAddr), Failure> {
    let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let addresses = Addresses {
        broker_port: free_port(arguments.nats_port.unwrap_or(BROKER_PORT))?,
        inbound: arguments.listen.unwrap_or(local(INBOUND_PORT)),
        sink: arguments.sink_listen.unwrap_or(local(SINK_PORT)),
    };
    Ok((demo::write(&arguments.data, addresses)?, addresses.sink))
}

/// The port itself, or a free one for 0.
fn free_port(port: u16) -> Result<u16, Failure> {
    match port {
        0 => Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port()),
        port => Ok(port),
    }
}

/// The port of the configured broker, if that is one that could run here.
fn managed_port(urls: &ServerUrls) -> Result<u16, Failure> {
    let first = urls.addresses().first();
    match first {
        Some(address) if matches!(address.host(), "127.0.0.1" | "localhost") => Ok(address.port()),
        Some(_) | None => Err(Failure::usage(format!(
            "bus.url is {urls}, and `up` runs a broker on this machine: use serve-inbound and relay-outbound with that broker, or --nats-port"
        ))),
    }
}
