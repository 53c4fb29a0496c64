//! Composition: a service is its configuration, a connection, its listeners and its tasks, put together here.
//!
//! Order of the start: read and check, bind every listener, then for each service connect, build with its secrets, run.
//! Building comes after connecting because it needs the connection. A broker that is away delays nothing.
//! Order of the end: no new work, work at hand finishes within its grace, the rest stays on the bus, connections close.

mod inbound;
mod listener;
mod outbound;
mod reload;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::admin::{self, Commands};
use event_bus_runtime::bus::{ProvisionError, StreamRole, keep_provisioned, supervise};
use event_bus_runtime::reload::ReloadHandle;
use event_bus_runtime::shutdown::ReloadSignal;
use event_bus_runtime::{
    Bus, BusConfig, Clock, Metrics, Readiness, Secret, SecretResolver, TaskGroup, shutdown,
    telemetry,
};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::config::{self, ConfigSource, RootConfig};
use crate::failure::{Failure, Outcome};
pub(crate) use inbound::InboundService;
pub(crate) use listener::bind;
use listener::bind_admin;
pub(crate) use outbound::OutboundService;
use topics::TopicsService;

/// What ending may take beyond the grace of a service itself.
const GRACE_MARGIN: Duration = Duration::from_secs(5);

/// How long a connection may take to send what is buffered.
const CLOSE_GRACE: Duration = Duration::from_secs(5);

/// Which services a process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// serve-inbound alone.
    Inbound,
    /// relay-outbound alone.
    Outbound,
    /// topic-gateway alone.
    Topics,
    /// Every service that is configured.
    All,
}

/// Services whose listeners are bound: nobody else can take their ports any more, and nothing runs yet.
pub(crate) struct Bound {
    config: RootConfig,
    inbound: Option<inbound::Bound>,
    outbound: Option<outbound::Bound>,
    topics: Option<topics::Bound>,
}

/// The services of this process. Cloning shares them.
#[derive(Clone)]
pub(crate) struct Services {
    /// What they were started with: what a reload cannot change is compared with it.
    started: Arc<RootConfig>,
    /// What they resolve their secrets with.
    secrets: SecretResolver,
    /// The doctor's secret at the start.
    doctor: Option<Secret>,
    pub(crate) inbound: Option<InboundService>,
    pub(crate) outbound: Option<OutboundService>,
    topics: Option<TopicsService>,
}

/// What every service is started with.
struct Start<'a> {
    config: &'a RootConfig,
    secrets: SecretResolver,
    /// The secret of the doctor's built-in source and route; none switches them off.
    doctor: Option<Secret>,
    clock: Clock,
    tasks: &'a mut TaskGroup,
    /// What `POST /reload` of an admin listener asks.
    reload: ReloadHandle,
}

/// Runs one service until a signal ends it.
pub(crate) async fn run(source: ConfigSource, mode: Mode) -> Outcome {
    let config = source.read()?;
    let _telemetry = telemetry::init(&config.telemetry)?;
    let mut tasks = TaskGroup::new(shutdown::signals());
    let reload = shutdown::reload_signal();
    let bound = Bound::bind(&config, mode).await?;
    let services = Box::pin(bound.start(&source, &mut tasks, reload.handle())).await?;
    services.run(source, reload, tasks).await
}

impl Bound {
    /// Binds every listener of the services of this mode.
    pub(crate) async fn bind(config: &RootConfig, mode: Mode) -> Result<Self, Failure> {
        let (inbound, outbound, topics) = match mode {
            Mode::Inbound => (Some(require(&config.inbound, "inbound")?), None, None),
            Mode::Outbound => (None, Some(require(&config.outbound, "outbound")?), None),
            Mode::Topics => (None, None, Some(require(&config.topics, "topics")?)),
            Mode::All => {
                (config.inbound.as_ref(), config.outbound.as_ref(), config.topics.as_ref())
            }
        };
        let inbound = match inbound {
            Some(inbound) => Some(inbound::Bound::bind(inbound).await?),
            None => None,
        };
        let outbound = match outbound {
            Some(outbound) => Some(outbound::Bound::bind(outbound).await?),
            None => None,
        };
        let topics = match topics {
            Some(topics) => Some(topics::Bound::bind(topics).await?),
            None => None,
        };
        Ok(Self { config: config.clone(), inbound, outbound, topics })
    }

    /// Starts the services; their tasks end with the group.
    pub(crate) async fn start(
        self,
        source: &ConfigSource,
        tasks: &mut TaskGroup,
        reload: ReloadHandle,
    ) -> Result<Services, Failure> {
        let secrets = SecretResolver::new(source.env().clone(), &self.config.secrets);
        let wanted = self.config.secrets_of(&sections(
            self.inbound.is_some(),
            self.outbound.is_some(),
            self.topics.is_some(),
        ));
        let fetching = config::secrets::fetch(&secrets, &wanted);
        let fetched = tasks.shutdown().run_until_cancelled(fetching).await;
        fetched.ok_or(Failure::Quiet)??;
        let doctor = doctor_secret(&self.config, &secrets)?;
        let config = &self.config;
        let clock = Clock::system();
        tasks.spawn("secrets", secrets.clone().keep_fresh(tasks.shutdown().clone()));
        let mut start = Start {
            config,
            secrets: secrets.clone(),
            doctor: doctor.clone(),
            clock,
            tasks,
            reload,
        };
        let inbound = match self.inbound {
            Some(bound) => Some(Box::pin(bound.start(&mut start)).await?),
            None => None,
        };
        let outbound = match self.outbound {
            Some(bound) => Some(Box::pin(bound.start(&mut start)).await?),
            None => None,
        };
        let topics = match self.topics {
            Some(bound) => Some(Box::pin(bound.start(&mut start, outbound.as_ref())).await?),
            None => None,
        };
        Ok(Services { started: Arc::new(self.config), secrets, doctor, inbound, outbound, topics })
    }
}

impl Services {
    /// The sections of the configuration that this process uses.
    fn sections(&self) -> Vec<&'static str> {
        sections(self.inbound.is_some(), self.outbound.is_some(), self.topics.is_some())
    }

    /// Runs until the group's shutdown or a task's failure, then ends in order.
    pub(crate) async fn run(
        self,
        source: ConfigSource,
        reload: ReloadSignal,
        mut tasks: TaskGroup,
    ) -> Outcome {
        tasks.spawn(
            "reload",
            reload::follow(self.clone(), source, reload, tasks.shutdown().clone()),
        );
        let ended = tasks.first_exit_or_shutdown().await;
        let drained = tasks.drain(self.grace() + GRACE_MARGIN).await;
        for bus in self.buses() {
            bus.close(CLOSE_GRACE).await;
        }
        ended?;
        drained?;
        tracing::info!("stopped");
        Ok(())
    }

    /// Whether every service can do its job.
    pub(crate) fn are_ready(&self) -> bool {
        let inbound = self.inbound.as_ref().is_none_or(|service| service.readiness.is_ready());
        let topics = self.topics.as_ref().is_none_or(|service| service.readiness.is_ready());
        inbound
            && topics
            && self.outbound.as_ref().is_none_or(|service| service.readiness.is_ready())
    }

    fn grace(&self) -> Duration {
        let inbound = self.inbound.as_ref().map(|service| service.grace);
        let outbound = self.outbound.as_ref().map(|service| service.grace);
        let topics = self.topics.as_ref().map(|service| service.grace);
        inbound.max(outbound).max(topics).unwrap_or_default()
    }

    fn buses(&self) -> impl Iterator<Item = &Bus> {
        let inbound = self.inbound.iter().map(|service| &service.bus);
        let topics = self.topics.iter().map(|service| &service.bus);
        inbound.chain(topics).chain(self.outbound.iter().map(|service| &service.bus))
    }
}

impl Start<'_> {
    /// Connects, unless the process is asked to stop meanwhile.
    async fn connect(&self, name: &'static str, metrics: &Metrics) -> Result<Bus, Failure> {
        let connecting = Bus::connect(&self.config.bus, &self.secrets, name);
        let connected = self.tasks.shutdown().run_until_cancelled(connecting).await;
        let bus = connected.ok_or(Failure::Quiet)?.map_err(crate::commands::bus::failure)?;
        bus.export(metrics);
        Ok(bus)
    }

    /// Answers admin requests from now on, where the service has a listener for them.
    fn serve_admin(
        &mut self,
        task: &'static str,
        listener: Option<TcpListener>,
        readiness: &Readiness,
        metrics: &Metrics,
        commands: Option<Commands>,
    ) -> Outcome {
        let Some(listener) = listener else { return Ok(()) };
        tracing::info!(address = %listener.local_addr()?, "{task} listens");
        let (readiness, metrics) = (readiness.clone(), metrics.clone());
        let shutdown = self.tasks.shutdown().clone();
        let serving = admin::serve_with(listener, readiness, metrics, commands, shutdown);
        self.tasks.spawn(task, serving);
        Ok(())
    }
}

fn sections(inbound: bool, outbound: bool, topics: bool) -> Vec<&'static str> {
    let all = [
        ("bus", true),
        ("doctor", true),
        ("inbound", inbound),
        ("outbound", outbound),
        ("topics", topics),
    ];
    all.into_iter().filter(|(_, used)| *used).map(|(section, _)| section).collect()
}

/// The secret of the doctor's built-in source and route.
fn doctor_secret(config: &RootConfig, secrets: &SecretResolver) -> Result<Option<Secret>, Failure> {
    let resolved = config.doctor_secret().map(|reference| secrets.resolve(reference)).transpose();
    resolved.map_err(|error| Failure::usage(format!("doctor.secret: {}", Chain(&error))))
}

/// Makes the streams, waiting for the broker as long as it takes, and then watches over them.
async fn keep_streams(
    bus: Bus,
    config: BusConfig,
    which: Vec<StreamRole>,
    readiness: Readiness,
    shutdown: CancellationToken,
) -> Result<(), ProvisionError> {
    let provisioning = keep_provisioned(&bus, &config, &which, &readiness);
    match shutdown.run_until_cancelled(provisioning).await {
        Some(provisioned) => provisioned.map(drop)?,
        None => return Ok(()),
    }
    supervise(bus, config, which, readiness, shutdown).await;
    Ok(())
}

fn require<'a, T>(section: &'a Option<T>, name: &str) -> Result<&'a T, Failure> {
    section.as_ref().ok_or_else(|| {
        Failure::usage(format!(
            "there is no section [{name}]; name the file that has it with --config or EVENT_BUS_CONFIG"
        ))
    })
}
