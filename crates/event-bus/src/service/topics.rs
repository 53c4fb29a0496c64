//! topic-gateway, composed.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use event_bus_runtime::admin::Commands;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::server::{self, Limits};
use event_bus_runtime::{Bus, Clock, Metrics, Readiness};
use tokio::net::TcpListener;
use tokio::time::Instant;
#[cfg(feature = "postgres")]
use topic_gateway::Stats;
use topic_gateway::config::Terminate;
use topic_gateway::token::{self, Keys, Tokens};
use topic_gateway::{
    Config, Destination, Follower, Gateway, GatewayMetrics, Governance, Outcomes, Parts, Prepared,
    Probe, Reader, Rules, Settings,
};

use super::{OutboundService, Start, bind, bind_admin, keep_streams};
use crate::config::RootConfig;
use crate::config::topics::carries;
use crate::failure::Failure;

const NAME: &str = "topic-gateway";

const ADMIN: &str = "topic-gateway's admin listener";

/// Time for the bus to be there, where documents are kept on it.
const CONNECTED_WITHIN: Duration = Duration::from_secs(30);

/// Kinds of sinks in the order in which answers name them; others follow.
const ORDER: [&str; 3] = ["kafka", "eventbridge", "postgres"];

/// Answers of AWS to the question for a bus that leave open whether it takes events: the rights to put some need not allow
/// to ask.
const SAYS_NOTHING: [&str; 2] = ["AccessDeniedException", "UnknownOperationException"];

/// A topic-gateway whose listeners are bound.
pub(super) struct Bound {
    config: Config,
    http: TcpListener,
    admin: Option<TcpListener>,
}

/// A running topic-gateway. Cloning shares it.
#[derive(Clone)]
pub(crate) struct TopicsService {
    pub(crate) readiness: Readiness,
    pub(crate) bus: Bus,
    pub(crate) grace: Duration,
    pub(crate) keys: Arc<Keys>,
    started: Arc<Config>,
    reader: Reader,
    follower: Arc<Follower>,
    outcomes: Outcomes,
    counts: GatewayMetrics,
    gateway: Gateway,
    outbound: Option<OutboundService>,
}

impl Bound {
    pub(super) async fn bind(config: &Config) -> Result<Self, Failure> {
        Ok(Self {
            config: config.clone(),
            http: bind(config.listen, NAME).await?,
            admin: bind_admin(config.admin_listen, ADMIN).await?,
        })
    }

    /// `outbound` is the relay of the same process, whose destinations `/health` asks.
    pub(super) async fn start(
        self,
        start: &mut Start<'_>,
        outbound: Option<&OutboundService>,
    ) -> Result<TopicsService, Failure> {
        let Self { config, http, admin } = self;
        let address = http.local_addr()?;
        let metrics = Metrics::new();
        let readiness = Readiness::new(NAME);
        for name in ["http", "bus", "streams", "documents"] {
            readiness.dependency(name);
        }
        let commands = Commands {
            reload: start.reload.clone(),
            terminate_ends: config.terminate == Terminate::Exit,
        };
        start.serve_admin(ADMIN, admin, &readiness, &metrics, Some(commands))?;
        let counts = GatewayMetrics::register(&metrics);
        let settings = settings(&config)?;
        #[cfg(feature = "postgres")]
        let stats = config.stats.as_ref().map(|stats| Stats::new(stats, &start.secrets));
        #[cfg(feature = "postgres")]
        let stats = stats.transpose().map_err(Failure::misuse)?;
        let shutdown = start.tasks.shutdown().clone();
        let bus = start.connect(NAME, &metrics).await?;
        let reader = Reader::new(config.aws.clone(), Some(bus.clone()));
        let whole = start.config.clone();
        let destinations = Box::new(move |subject: &str| destinations(&whole, subject));
        let mut governance =
            Governance::new(&config, reader.clone(), destinations).map_err(Failure::misuse)?;
        governance = governance.counted(counts.clone());
        let reading = first_rules(&config, &mut governance, &bus);
        let rules = shutdown.run_until_cancelled(reading).await.ok_or(Failure::Quiet)??;
        let fetching = tokens(&config, start.clock.clone());
        let tokens = shutdown.run_until_cancelled(fetching).await.ok_or(Failure::Quiet)??;
        let keys = Arc::clone(tokens.keys());
        topic_gateway::export_keys(&keys, &metrics);
        let routes = start.config.routes_with_receipts().map(|route| route.name.clone()).collect();
        let outcomes = Outcomes::new(bus.clone(), routes);
        let gateway = Gateway::new(Parts {
            bus: bus.clone(),
            stream: start.config.bus.streams.name(StreamRole::Events).to_owned(),
            clock: start.clock.clone(),
            tokens,
            rules,
            outcomes: outcomes.clone(),
            probes: probes(start.config, outbound)?,
            #[cfg(feature = "postgres")]
            stats,
            metrics: counts.clone(),
            settings,
        });
        start.tasks.spawn_fallible(
            "topic-gateway's streams",
            keep_streams(
                bus.clone(),
                start.config.bus.clone(),
                vec![StreamRole::Events],
                readiness.clone(),
                shutdown.clone(),
            ),
        );
        start.tasks.spawn("topic-gateway's keys", Arc::clone(&keys).run(shutdown.clone()));
        let (end, heard) = (shutdown.clone(), outcomes.clone());
        start.tasks.spawn("topic-gateway's receipts", async move {
            end.run_until_cancelled(heard.run()).await;
        });
        let health = readiness.dependency("documents");
        let follower = Follower::new(gateway.clone(), governance, counts.clone(), health);
        let follower = Arc::new(follower);
        let (end, following) = (shutdown.clone(), Arc::clone(&follower));
        start.tasks.spawn("topic-gateway's access", async move {
            end.run_until_cancelled(following.follow_access()).await;
        });
        let (end, following) = (shutdown.clone(), Arc::clone(&follower));
        start.tasks.spawn("topic-gateway's schemas", async move {
            end.run_until_cancelled(following.follow_schemas()).await;
        });
        let limits = Limits {
            header_read_timeout: config.limits.header_read_timeout,
            max_headers: config.limits.max_headers,
            max_connections: config.limits.max_connections,
        };
        start.tasks.spawn_fallible(
            NAME,
            server::serve(gateway.clone(), limits, http, readiness.clone(), shutdown, config.grace),
        );
        tracing::info!(%address, topics = config.topic.len(), "topic-gateway listens");
        let grace = config.grace;
        let started = Arc::new(config);
        Ok(TopicsService {
            readiness,
            bus,
            grace,
            keys,
            started,
            reader,
            follower,
            outcomes,
            counts,
            gateway,
            outbound: outbound.cloned(),
        })
    }
}

impl TopicsService {
    /// Reads what a new configuration says of topics, and changes nothing. Documents change only afterwards.
    pub(super) async fn prepare(
        &self,
        config: &RootConfig,
    ) -> Result<Option<Prepared<'_>>, Failure> {
        let Some(topics) = &config.topics else { return Ok(None) };
        // The wording stays that of the start.
        let topics = Config { compat: self.started.compat, ..topics.clone() };
        let whole = config.clone();
        let destinations = Box::new(move |subject: &str| destinations(&whole, subject));
        let wanted = Governance::new(&topics, self.reader.clone(), destinations);
        let wanted = wanted.map_err(Failure::misuse)?.counted(self.counts.clone());
        self.follower.prepare(wanted).await.map(Some).map_err(Failure::misuse)
    }

    /// Takes over what was prepared of a configuration. Gives why documents keep their last good version, if any does.
    pub(super) fn take(&self, config: &RootConfig, prepared: Prepared<'_>) -> Vec<String> {
        let routes = config.routes_with_receipts().map(|route| route.name.clone()).collect();
        self.outcomes.replace_routes(routes);
        self.follower.take(prepared)
    }

    /// What asks the destinations of a configuration for `/health`, with the secrets of now.
    pub(super) fn probes(&self, config: &RootConfig) -> Result<Vec<Probe>, Failure> {
        probes(config, self.outbound.as_ref())
    }

    /// Asks these destinations from now on.
    pub(super) fn take_probes(&self, probes: Vec<Probe>) {
        self.gateway.replace_probes(probes);
    }

    /// Keys of a new configuration that need a restart.
    pub(super) fn needs_restart(&self, config: &RootConfig) -> Vec<&'static str> {
        config.topics.as_ref().map(|new| self.started.needs_restart(new)).unwrap_or_default()
    }
}

/// What verifies tokens, with the keys to begin with.
async fn tokens(config: &Config, clock: Clock) -> Result<Tokens, Failure> {
    let keys = config.tokens.keys().ok_or_else(|| {
        Failure::usage("topics.tokens: name one of keys_url and issuer".to_owned())
    })?;
    let keys = Keys::fetch(keys).await;
    let keys = keys.map_err(|error| Failure::failed(event_bus_core::Chain(&error)))?;
    let rules = token::Rules {
        leeway: config.tokens.leeway,
        audiences: config.tokens.audiences.clone(),
        issuers: Vec::new(),
    };
    Tokens::new(keys, rules, clock).map_err(Failure::misuse)
}

/// The rules to begin with: every document must be usable.
async fn first_rules(
    config: &Config,
    governance: &mut Governance,
    bus: &Bus,
) -> Result<Rules, Failure> {
    if config.reads_bus() && !bus.wait_connected(Instant::now() + CONNECTED_WITHIN).await {
        let why = bus.last_problem().unwrap_or_else(|| "no answer".to_owned());
        return Err(Failure::failed(format!(
            "documents are kept on the bus, which is away: {why}"
        )));
    }
    let look = governance.look().await;
    let problems: Vec<_> = look
        .problems
        .values()
        .filter(|problem| !problem.is_harmless())
        .map(|error| topic_gateway::advice(config, error))
        .collect();
    if problems.is_empty()
        && let Some(rules) = look.rules
    {
        return Ok(rules);
    }
    Err(Failure::usage(problems.join("\n")))
}

/// The routes that carry a subject and tell what became of its events.
fn destinations(config: &RootConfig, subject: &str) -> Vec<Destination> {
    let mut found: Vec<_> = config
        .routes_with_receipts()
        .filter(|route| carries(route, subject))
        .map(|route| Destination { kind: route.sink.settings().kind(), route: route.name.clone() })
        .collect();
    let rank = |kind: &str| ORDER.iter().position(|known| *known == kind).unwrap_or(ORDER.len());
    found.sort_by_key(|destination| rank(destination.kind));
    found
}

/// What asks the destinations; nothing where another process delivers.
fn probes(config: &RootConfig, outbound: Option<&OutboundService>) -> Result<Vec<Probe>, Failure> {
    let (Some(service), Some(outbound)) = (outbound, &config.outbound) else {
        return Ok(Vec::new());
    };
    let probes = service.relay.probes(outbound).map_err(Failure::misuse)?;
    let asking = probes.into_iter().map(|probe| {
        Probe::new(probe.kind(), move || {
            let probe = probe.clone();
            async move {
                match probe.ask().await {
                    Err(reason) if !SAYS_NOTHING.iter().any(|code| reason.contains(code)) => {
                        Err(reason)
                    }
                    Ok(_) | Err(_) => Ok(()),
                }
            }
        })
    });
    Ok(asking.collect())
}

fn settings(config: &Config) -> Result<Settings, Failure> {
    let api = match &config.api {
        Some(path) => std::fs::read(path)
            .map_err(|error| Failure::usage(format!("topics.api: {}: {error}", path.display())))?,
        None => topic_gateway::API.as_bytes().to_vec(),
    };
    Settings::of(config, Bytes::from(api)).map_err(Failure::misuse)
}
