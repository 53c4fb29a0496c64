//! The service: starts a route for each one configured, and follows changes of the configuration.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::wire;
use event_bus_runtime::bus::{BusConfig, ProvisionError, StreamRole, keep_provisioned, supervise};
use event_bus_runtime::{Bus, Clock, Metrics as Registry, Readiness, Secret, SecretResolver};
use futures_util::future::select_all;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::address::AddressGuard;
use crate::config::{Config, RouteConfig};
use crate::consumers::{self, Wanted};
use crate::incoming::Lane;
use crate::metrics::Metrics;
use crate::objects::Objects;
use crate::route::{Route, RouteContext};
use crate::set_up::{SET_UP_AGAIN, SetUp};
use crate::sinks::{self, Paces, SinkConfig, SinkContext};
use crate::store::StreamNames;
use crate::task::{Ended, unless_asked, until_asked};
use crate::{intake, janitor, monitor};

/// How long the last acknowledgements may take to leave.
const FLUSH_WITHIN: Duration = Duration::from_secs(2);

/// How long a sink may take to close; its deliveries have ended by then.
const CLOSE_WITHIN: Duration = Duration::from_secs(5);

/// Wait before a route that could not be started is tried again.
const START_AGAIN: Duration = Duration::from_secs(10);

/// Wait between two times that secrets are read again because a destination refused them.
const RENEW_EVERY: Duration = Duration::from_secs(5);

/// The streams that the relay needs.
pub const STREAMS: [StreamRole; 3] =
    [StreamRole::Events, StreamRole::Retries, StreamRole::DeadLetters];

/// What the relay works with.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The bus.
    pub bus: Bus,
    /// Its settings.
    pub bus_config: BusConfig,
    /// Resolves secrets.
    pub secrets: SecretResolver,
    /// Time.
    pub clock: Clock,
    /// The process's metrics.
    pub metrics: Registry,
    /// Whether the doctor's built-in route runs.
    pub doctor: bool,
}

/// A relay whose settings have been checked.
#[derive(Clone, Debug)]
pub struct Relay {
    environment: Environment,
    names: Arc<StreamNames>,
    metrics: Metrics,
    config: Config,
    /// The HTTP client of all sinks, and the guard that it was made for.
    http: Arc<Mutex<Option<(AddressGuard, reqwest::Client)>>>,
    paces: Arc<Paces>,
}

/// The settings cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A route is not sound.
    #[error("route {route}: {problem}")]
    Route {
        /// The route.
        route: String,
        /// What is wrong.
        problem: String,
    },
    /// A sink cannot be built.
    #[error("the sink of route {route} cannot be built")]
    Sink {
        /// The route.
        route: String,
        /// What is wrong.
        #[source]
        source: sinks::BuildError,
    },
}

/// The relay cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The streams on the bus do not fit.
    #[error("the streams on the bus do not fit")]
    Streams(#[source] ProvisionError),
    /// A task of the relay ended although nobody asked it to: a defect, which a restart may mend.
    #[error("a task of the relay ended by itself")]
    Ended(#[source] Option<JoinError>),
}

/// The routes that run.
struct Routes {
    running: BTreeMap<String, Running>,
    tasks: JoinSet<Ended>,
    set_up: SetUp,
    schedules: bool,
}

/// A route that runs.
struct Running {
    settings: Settings,
    route: Arc<Route>,
    stop: CancellationToken,
}

/// Everything that a running route was made of. What differs from it now makes it start anew.
#[derive(Clone, PartialEq)]
struct Settings {
    config: RouteConfig,
    guard: AddressGuard,
    data_buckets: Vec<String>,
    secrets: Vec<Secret>,
}

impl Relay {
    /// Checks all routes and resolves their secrets; opens no connection to a destination.
    pub fn build(config: Config, environment: Environment) -> Result<Self, BuildError> {
        let streams = &environment.bus_config.streams;
        let names = Arc::new(StreamNames {
            events: streams.name(StreamRole::Events).to_owned(),
            retries: streams.name(StreamRole::Retries).to_owned(),
            dead_letters: streams.name(StreamRole::DeadLetters).to_owned(),
        });
        let metrics = Metrics::register(&environment.metrics);
        let http = Arc::default();
        let paces = Arc::default();
        let relay = Self { environment, names, metrics, config, http, paces };
        for route in relay.wanted(&relay.config) {
            relay.build_route(&relay.config, route, CancellationToken::new(), false)?;
        }
        Ok(relay)
    }

    /// Checks a changed configuration as [`Relay::build`] does, without taking it over.
    pub fn check(&self, config: &Config) -> Result<(), BuildError> {
        for route in self.wanted(config) {
            self.build_route(config, route, CancellationToken::new(), false)?;
        }
        Ok(())
    }

    /// Runs until `shutdown`, then finishes deliveries under way within the grace period.
    ///
    /// A broker that is away is waited for. A new value in `changes`, which [`Relay::check`] has passed, replaces the routes: unchanged
    /// ones go on undisturbed.
    pub fn run(
        self,
        changes: watch::Receiver<Config>,
        readiness: Readiness,
        shutdown: CancellationToken,
    ) -> impl Future<Output = Result<(), RunError>> + Send {
        // Named at once, so that nobody takes a relay for ready that has not begun.
        let set_up = SetUp::new(readiness.dependency("routes"));
        self.run_until(changes, readiness, set_up, shutdown)
    }

    async fn run_until(
        self,
        mut changes: watch::Receiver<Config>,
        readiness: Readiness,
        set_up: SetUp,
        shutdown: CancellationToken,
    ) -> Result<(), RunError> {
        let environment = &self.environment;
        let provisioned = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            done = keep_provisioned(&environment.bus, &environment.bus_config, &STREAMS, &readiness) => done,
        };
        provisioned.map_err(RunError::Streams)?;
        let schedules = tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            schedules = fires_schedules(&environment.bus, &self.names.retries) => schedules,
        };
        let mut config = changes.borrow_and_update().clone();
        let mut routes =
            Routes { running: BTreeMap::new(), tasks: JoinSet::new(), set_up, schedules };
        let supervised = supervise(
            environment.bus.clone(),
            environment.bus_config.clone(),
            STREAMS.to_vec(),
            readiness,
            shutdown.clone(),
        );
        routes.tasks.spawn(until_asked(supervised, shutdown.clone()));
        // Tasks of their own, so that nothing that happens to a route interrupts them.
        let running = watch::Sender::new(Vec::new());
        let watching = monitor::watch(
            running.subscribe(),
            Arc::clone(&self.names),
            self.metrics.clone(),
            environment.bus.clone(),
        );
        routes.tasks.spawn(unless_asked(watching, shutdown.clone()));
        let sweeping = janitor::sweep(environment.bus.clone(), Arc::clone(&self.names));
        routes.tasks.spawn(unless_asked(sweeping, shutdown.clone()));
        let mut renew_from = Instant::now();
        loop {
            self.reconcile(&config, &mut routes);
            let watched: Vec<_> =
                routes.running.values().map(|running| Arc::clone(&running.route)).collect();
            running.send_replace(watched.clone());
            tokio::select! {
                biased;
                () = shutdown.cancelled() => break,
                Some(ended) = routes.tasks.join_next() => match ended {
                    Ok(Ended::Asked) => {}
                    Ok(Ended::ByItself) => return Err(RunError::Ended(None)),
                    Err(error) => return Err(RunError::Ended(Some(error))),
                },
                () = tokio::time::sleep(START_AGAIN), if routes.running.len() < self.wanted(&config).len() => {}
                changed = changes.changed() => {
                    if changed.is_err() {
                        shutdown.cancelled().await;
                        break;
                    }
                    config = changes.borrow_and_update().clone();
                }
                () = renew_refused(&watched, &environment.secrets, renew_from) => {
                    renew_from = Instant::now() + RENEW_EVERY;
                }
            }
        }
        for running in routes.running.values() {
            running.stop.cancel();
        }
        // Each task bounds its own end by the grace period.
        while routes.tasks.join_next().await.is_some() {}
        // Whoever closes the connection next must not take the last acknowledgements with it.
        tokio::time::timeout(FLUSH_WITHIN, environment.bus.client().flush()).await.ok();
        Ok(())
    }

    /// The configured routes and the doctor's own.
    fn wanted(&self, config: &Config) -> Vec<RouteConfig> {
        let doctor = self.environment.doctor.then(doctor_route);
        config.routes.iter().cloned().chain(doctor).collect()
    }

    pub(crate) fn build_route(
        &self,
        config: &Config,
        route: RouteConfig,
        stop: CancellationToken,
        schedules: bool,
    ) -> Result<Route, BuildError> {
        let guard = AddressGuard::new(config.deny_private, config.allow_cidrs.clone());
        let http = self
            .http_client(&guard)
            .map_err(|source| BuildError::Sink { route: route.name.clone(), source })?;
        let client = self.environment.bus.client();
        let objects = Objects::new(client.clone(), &config.data_buckets);
        let sink = SinkContext {
            secrets: &self.environment.secrets,
            guard: &guard,
            http: &http,
            clock: &self.environment.clock,
            client,
            objects: &objects,
            paces: &self.paces,
        };
        let context = RouteContext {
            sink,
            bus: &self.environment.bus,
            names: &self.names,
            streams: &self.environment.bus_config.streams,
            schedules,
            metrics: &self.metrics,
        };
        Route::build(route, &context, stop)
    }

    fn http_client(&self, guard: &AddressGuard) -> Result<reqwest::Client, sinks::BuildError> {
        let mut kept = self.http.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((made_for, client)) = &*kept
            && made_for == guard
        {
            return Ok(client.clone());
        }
        let client = sinks::http_client(guard)?;
        *kept = Some((guard.clone(), client.clone()));
        Ok(client)
    }

    /// What a route is made of, now.
    fn settings(&self, config: &Config, route: RouteConfig) -> Result<Settings, BuildError> {
        let secrets = route.sink.secrets().into_iter().map(|(_, reference)| {
            let secret = self.environment.secrets.resolve(&reference);
            secret.map_err(|error| BuildError::Sink {
                route: route.name.clone(),
                source: sinks::BuildError::Secret(error),
            })
        });
        let secrets = secrets.collect::<Result<_, _>>()?;
        let guard = AddressGuard::new(config.deny_private, config.allow_cidrs.clone());
        Ok(Settings { config: route, guard, data_buckets: config.data_buckets.clone(), secrets })
    }

    /// Stops what is gone or changed, starts what is new or changed. A route whose secret cannot be read goes on as it is.
    fn reconcile(&self, config: &Config, routes: &mut Routes) {
        let wanted: BTreeMap<_, _> =
            self.wanted(config).into_iter().map(|route| (route.name.clone(), route)).collect();
        routes.set_up.keep(|name| wanted.contains_key(name));
        routes.running.retain(|name, running| {
            let now = wanted.get(name).map(|route| self.settings(config, route.clone()));
            let keep = match now {
                Some(Ok(settings)) => settings == running.settings,
                Some(Err(_)) => true,
                None => {
                    self.metrics.forget(name);
                    false
                }
            };
            if !keep {
                running.stop.cancel();
                routes.set_up.forget(name);
                tracing::info!(
                    route = name.as_str(),
                    "route stopped, because the configuration changed"
                );
            }
            keep
        });
        for (name, route_config) in wanted {
            if routes.running.contains_key(&name) {
                continue;
            }
            if let Err(error) = self.start(config, route_config, routes)
                && routes.set_up.failed(&name, &error)
            {
                tracing::error!(route = name, error = %Chain(&error), "route cannot start; trying again");
            }
        }
        routes.set_up.report();
    }

    fn start(
        &self,
        config: &Config,
        route: RouteConfig,
        routes: &mut Routes,
    ) -> Result<(), BuildError> {
        let name = route.name.clone();
        let settings = self.settings(config, route.clone())?;
        let stop = CancellationToken::new();
        let route = Arc::new(self.build_route(config, route, stop.clone(), routes.schedules)?);
        routes.set_up.begin(&name);
        let running = run_route(
            Arc::clone(&route),
            Arc::clone(&self.names),
            routes.schedules,
            config.grace,
            routes.set_up.clone(),
        );
        routes.tasks.spawn(until_asked(running, stop.clone()));
        routes.running.insert(name, Running { settings, route, stop });
        Ok(())
    }
}

/// Waits until a destination refuses the credentials of a route, and reads that route's secrets again. What has changed is
/// taken over when the routes are compared with the configuration next, which is at once.
async fn renew_refused(routes: &[Arc<Route>], secrets: &SecretResolver, not_before: Instant) {
    sleep_until(not_before).await;
    let refused = routes.iter().map(|route| {
        Box::pin(async move {
            route.credentials_refused().await;
            route
        })
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() {
        return std::future::pending().await;
    }
    let (route, ..) = select_all(refused).await;
    let references = route.config().sink.secrets();
    if secrets.refresh(references.iter().map(|(_, reference)| reference)).await {
        tracing::info!(route = route.name(), "a secret has a new value");
    }
}

/// Whether the stream of retries fires schedules. A server before 2.12 acknowledges them and forgets them; a stream that
/// such a server made does not take them after an upgrade either.
async fn fires_schedules(bus: &Bus, stream: &str) -> bool {
    loop {
        match bus.jetstream().get_stream(stream).await {
            Ok(stream) => {
                return bus.supports(2, 12) && stream.cached_info().config.allow_message_schedules;
            }
            Err(error) => {
                tracing::warn!(stream, error = %Chain(&error), "the stream of retries cannot be looked at yet");
            }
        }
        tokio::time::sleep(SET_UP_AGAIN).await;
    }
}

/// Sets the consumers up, again and again while the bus is away, and takes their messages.
async fn run_route(
    route: Arc<Route>,
    names: Arc<StreamNames>,
    schedules: bool,
    grace: Duration,
    state: SetUp,
) {
    let window = route.window().get();
    let config = route.config();
    let events = Wanted::events(
        &names,
        &config.name,
        &config.subjects,
        config.start.deliver_policy(),
        window,
    );
    let retries = Wanted::retries(&names, &config.name, window, schedules);
    route.metrics().state.set(0);
    if let Some(receipts) = route.receipts()
        && state.until_done(&route, || receipts.provide()).await.is_none()
    {
        return;
    }
    for (lane, wanted) in [(Lane::Events, &events), (Lane::Retries, &retries)] {
        match state.until_done(&route, || consumers::ensure(route.bus(), wanted)).await {
            Some(info) => route.set_incarnation(lane, info.created),
            None => return,
        }
    }
    state.done(route.name());
    tracing::info!(route = route.name(), "route delivers");
    let limit = |wanted: &Wanted| usize::try_from(wanted.max_ack_pending).unwrap_or(usize::MAX);
    tokio::join!(
        intake::run(Arc::clone(&route), Lane::Events, events.stream.clone(), limit(&events), grace),
        intake::run(
            Arc::clone(&route),
            Lane::Retries,
            retries.stream.clone(),
            limit(&retries),
            grace
        ),
        async {
            if let Some(receipts) = route.receipts() {
                receipts.keep(&route).await;
            }
        },
    );
    if tokio::time::timeout(CLOSE_WITHIN, route.close()).await.is_err() {
        tracing::warn!(route = route.name(), "the sink did not close in time");
    }
}

/// The doctor's built-in route: quick retries, a sink that asks the doctor.
pub fn doctor_route() -> RouteConfig {
    let mut route = RouteConfig::new(wire::DOCTOR_NAME, SinkConfig::Doctor(sinks::doctor::Config));
    route.subjects = vec![format!("{}.*.outbound", wire::DOCTOR_ROOT)];
    route.retry.schedule = vec![Duration::ZERO, Duration::from_millis(200)];
    route.retry.attempts = std::num::NonZeroU32::new(3).unwrap_or(std::num::NonZeroU32::MIN);
    route
}
