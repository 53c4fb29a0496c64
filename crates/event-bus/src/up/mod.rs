//! `event-bus up`: everything on this machine in one go: a managed `nats-server`, the configured services, and a sink
//! that prints what it receives.
//!
//! The broker is a real one with its data in a folder, so what was accepted survives a restart. It listens on the
//! loopback alone, and ends with this process, last of all.

mod broker;
mod demo;
mod guard;
mod locate;
mod sink;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use event_bus_runtime::bus::ServerUrls;
use event_bus_runtime::{TaskGroup, shutdown, telemetry};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::broker::Broker;
use self::demo::Addresses;
use crate::cli::Context;
use crate::config::{ConfigSource, RootConfig};
use crate::failure::{Failure, Outcome};
use crate::output::{Output, note};
use crate::service::{Mode, Services, bind};
pub(crate) use guard::{GuardArguments, guard};

const BROKER_PORT: u16 = 4222;
const INBOUND_PORT: u16 = 8080;
const SINK_PORT: u16 = 8081;

/// How often it is looked whether everything is ready.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder for the broker's data, and for the configuration that is made without --config
    #[arg(long, value_name = "DIR", default_value = ".run/event-bus")]
    data: PathBuf,
    /// The nats-server to run; NATS_SERVER names it too
    #[arg(long, value_name = "PATH")]
    nats_server: Option<PathBuf>,
    /// Port of the broker, 0 for any free one; by default that of bus.url
    #[arg(long, value_name = "PORT")]
    nats_port: Option<u16>,
    /// Address of the inbound; only without --config
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Address of a sink that prints what it receives; without --config there always is one
    #[arg(long, value_name = "ADDRESS")]
    sink_listen: Option<SocketAddr>,
}

/// What is to run.
struct Plan {
    source: ConfigSource,
    config: RootConfig,
    broker_port: u16,
    sink: Option<SocketAddr>,
}

pub(crate) async fn run(arguments: Arguments, context: Context) -> Outcome {
    let plan = Plan::make(&arguments, &context)?;
    let program = locate::nats_server(arguments.nats_server.as_deref(), context.source.env())?;
    let _telemetry = telemetry::init(&plan.config.telemetry)?;
    let (stop, reload) = (shutdown::signals(), shutdown::reload_signal());
    let sink = match plan.sink {
        Some(address) => Some(bind(address, "the built-in sink").await?),
        None => None,
    };
    let broker = Broker::new(program, &arguments.data.join("nats"), plan.broker_port);
    let Some(broker) = stop.run_until_cancelled(broker.start()).await else { return Ok(()) };
    // What the services need until their end: it stops after them.
    let mut below = TaskGroup::new(CancellationToken::new());
    below.spawn_fallible("broker", broker?.keep(below.shutdown().clone()));
    if let Some(listener) = sink {
        let served = sink::serve(listener, context.output, below.shutdown().clone());
        below.spawn_fallible("sink", served);
    }
    let ended = tokio::select! {
        ended = serve(plan, stop, reload, context.output) => ended,
        ended = below.first_exit_or_shutdown() => ended.map_err(Failure::from),
    };
    below.drain(guard::GRACE * 3).await?;
    ended
}

async fn serve(
    plan: Plan,
    stop: CancellationToken,
    reload: shutdown::ReloadSignal,
    output: Output,
) -> Outcome {
    let mut tasks = TaskGroup::new(stop.clone());
    let services = Services::start(&plan.config, &plan.source, Mode::All, &mut tasks).await?;
    let source = plan.source.clone();
    tasks.spawn("greeting", greet(plan, services.clone(), stop, output));
    services.run(source, reload, tasks).await
}

/// Says that everything is ready, once it is.
async fn greet(plan: Plan, services: Services, stop: CancellationToken, output: Output) {
    let ready = async {
        while !services.are_ready() {
            sleep(LOOK).await;
        }
    };
    if stop.run_until_cancelled(ready).await.is_some() {
        let inbound = services.inbound.as_ref().map(|service| service.address);
        plan.say_ready(inbound, output);
        stop.cancelled().await;
    }
}

impl Plan {
    fn make(arguments: &Arguments, context: &Context) -> Result<Self, Failure> {
        if context.source.url().is_some() {
            return Err(Failure::usage(
                "`up` runs a broker of its own; choose its port with --nats-port",
            ));
        }
        let given = context.source.file().is_some();
        if given && arguments.listen.is_some() {
            return Err(Failure::usage("with --config, inbound.listen says where to listen"));
        }
        let (source, sink) = if given {
            (context.source.clone(), arguments.sink_listen)
        } else {
            let (file, sink) = make_demo(arguments)?;
            (context.source.clone().with_file(file), Some(sink))
        };
        let config = source.read()?;
        let port = match (arguments.nats_port, given) {
            // Without a file the port is in the one that was just written.
            (Some(port), true) => free_port(port)?,
            (Some(_), false) | (None, _) => managed_port(&config.bus.url)?,
        };
        let source =
            source.with_url(ServerUrls::parse([format!("nats://127.0.0.1:{port}").as_str()])?);
        Ok(Self { config: source.read()?, source, broker_port: port, sink })
    }

    fn say_ready(&self, inbound: Option<SocketAddr>, output: Output) {
        let config = self.source.file().map(|file| file.display().to_string()).unwrap_or_default();
        if output.is_json() {
            let ready = serde_json::json!({ "ready": {
                "broker": format!("nats://127.0.0.1:{}", self.broker_port),
                "inbound": inbound.map(|address| format!("http://{address}")),
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
        if let Some(address) = self.sink {
            note(format!("  sink     http://{address}/ prints what it receives"));
        }
        note(format!("  config   {config}, with the places of the secrets"));
        let sources = self.config.inbound.iter().flat_map(|inbound| &inbound.sources);
        for source in sources.take(1) {
            note(format!("try: event-bus --config {config} trigger {} <event>", source.name));
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
