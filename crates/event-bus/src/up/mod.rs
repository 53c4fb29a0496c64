//! `event-bus up`: everything on this machine in one go: a managed `nats-server`, the configured services, and a sink
//! that prints what it receives.
//!
//! The broker is a real one with its data in a folder, so what was accepted survives a restart. It listens on the
//! loopback alone, and ends with this process, last of all. One `up` at a time uses a folder.

mod broker;
mod demo;
mod guard;
mod locate;
mod lock;
mod plan;
mod sink;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use event_bus_runtime::{TaskGroup, shutdown, telemetry};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use self::broker::Broker;
use self::plan::Plan;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::Output;
use crate::service::{Bound, Mode, Services, bind};
pub(crate) use guard::{GuardArguments, guard};
pub(crate) use sink::{Arguments as SinkArguments, run as run_sink};

/// How often it is looked whether everything is ready.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder for the data of the broker, and for the configuration that is made without --config; one `up` at a time uses it
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

impl Arguments {
    /// Runs what a file says, with a broker on any free port.
    pub(crate) fn for_file(data: PathBuf, nats_server: Option<PathBuf>) -> Self {
        Self { data, nats_server, nats_port: Some(0), listen: None, sink_listen: None }
    }
}

pub(crate) async fn run(arguments: Arguments, context: Context) -> Outcome {
    let (plan, _lock) = Plan::make(&arguments, &context)?;
    let program = locate::nats_server(arguments.nats_server.as_deref(), context.source.env())?;
    let _telemetry = telemetry::init(&plan.config.telemetry)?;
    let (stop, reload) = (shutdown::signals(), shutdown::reload_signal());
    let sink = match plan.sink {
        Some(address) => Some(bind(address, "the built-in sink").await?),
        None => None,
    };
    // Before the broker starts: what cannot listen leaves the broker's files alone.
    let services = Bound::bind(&plan.config, Mode::All).await?;
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
        ended = serve(plan, services, stop, reload, context.output) => ended,
        ended = below.first_exit_or_shutdown() => ended.map_err(Failure::from),
    };
    below.drain(guard::GRACE * 3).await?;
    ended
}

async fn serve(
    plan: Plan,
    services: Bound,
    stop: CancellationToken,
    reload: shutdown::ReloadSignal,
    output: Output,
) -> Outcome {
    let mut tasks = TaskGroup::new(stop.clone());
    let services = services.start(&plan.source, &mut tasks, reload.handle()).await?;
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
