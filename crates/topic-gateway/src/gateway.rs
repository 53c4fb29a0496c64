//! One request: which of the paths it is for, and its answer.

use std::fmt;
use std::net::SocketAddr;
use std::pin::Pin;
#[cfg(feature = "postgres")]
use std::pin::pin;
use std::sync::Arc;

use arc_swap::ArcSwap;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_runtime::bus::Publisher;
use event_bus_runtime::limiter::Limiters;
use event_bus_runtime::server::Service;
use event_bus_runtime::server::body::{self, BodyError, Held, Room};
use event_bus_runtime::{Bus, Clock};
use http::header::EXPECT;
use http::request::Parts as Head;
use http::{Method, Request, StatusCode};
use hyper::body::{Body, Incoming};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::answer::{self, Answer, Refusal};
use crate::docs;
use crate::health::{self, Health, Probe};
#[cfg(feature = "postgres")]
use crate::json::Limits;
#[cfg(feature = "postgres")]
use crate::lane::Place;
use crate::lane::{self, ActiveRules};
use crate::metrics::GatewayMetrics;
use crate::outcomes::Outcomes;
use crate::profile::Profile;
use crate::reason::Reason;
use crate::rules::Rules;
use crate::settings::Settings;
#[cfg(feature = "postgres")]
use crate::stats::{self, Question, Stats};
use crate::token::{self, Tokens};

/// What `/api` serves where no file is named.
pub const API: &str = include_str!("api.yaml");

/// Where statistics are.
#[cfg(feature = "postgres")]
const STATS: &str = "/stats/";

/// What a gateway is made of.
pub struct Parts {
    /// The bus.
    pub bus: Bus,
    /// Name of the stream of events.
    pub stream: String,
    /// Time.
    pub clock: Clock,
    /// Says who sends.
    pub tokens: Tokens,
    /// Topics, schemas and access.
    pub rules: Rules,
    /// What becomes of events.
    pub outcomes: Outcomes,
    /// What `/health` asks.
    pub probes: Vec<Probe>,
    /// What answers `/stats`.
    #[cfg(feature = "postgres")]
    pub stats: Option<Stats>,
    /// Counts.
    pub metrics: GatewayMetrics,
    /// Settings.
    pub settings: Settings,
}

/// The gateway. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct Gateway(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) bus: Bus,
    pub(crate) publisher: Publisher,
    pub(crate) stream: String,
    pub(crate) clock: Clock,
    pub(crate) tokens: Tokens,
    pub(crate) active: ArcSwap<ActiveRules>,
    pub(crate) metrics: GatewayMetrics,
    pub(crate) subjects: Option<Limiters<Option<String>>>,
    pub(crate) outcomes: Outcomes,
    pub(crate) settings: Settings,
    pub(crate) health: Health,
    #[cfg(feature = "postgres")]
    pub(crate) stats: Option<Stats>,
    pub(crate) room: Room,
    pub(crate) permits: Semaphore,
    pub(crate) all_waiting: Semaphore,
    pub(crate) started: Instant,
}

impl Gateway {
    /// Opens nothing.
    pub fn new(parts: Parts) -> Self {
        let Parts {
            bus, stream, clock, tokens, rules, outcomes, probes, metrics, settings, ..
        } = parts;
        let active = ActiveRules::new(rules, None, &metrics, &settings);
        #[cfg(feature = "postgres")]
        let probes = with_stats(probes, parts.stats.as_ref());
        Self(Arc::new(Shared {
            health: Health::new(bus_probe(bus.clone(), stream.clone()), probes),
            publisher: Publisher::new(bus.clone()),
            bus,
            stream,
            clock,
            tokens,
            active: ArcSwap::from_pointee(active),
            metrics,
            subjects: settings.subject_rate.map(Limiters::new),
            outcomes,
            #[cfg(feature = "postgres")]
            stats: parts.stats,
            room: Room::new(settings.max_bytes_in_flight),
            permits: Semaphore::new(settings.max_concurrent_requests),
            all_waiting: lane::all_waiting(settings.max_connections),
            settings,
            started: Instant::now(),
        }))
    }

    /// Takes other rules. Requests under way keep the old ones.
    pub fn replace_rules(&self, rules: Rules) {
        let Shared { active, metrics, settings, .. } = &*self.0;
        let new = ActiveRules::new(rules, Some(&active.load()), metrics, settings);
        active.store(Arc::new(new));
    }

    /// Asks others for `/health` from now on.
    pub fn replace_probes(&self, probes: Vec<Probe>) {
        #[cfg(feature = "postgres")]
        let probes = with_stats(probes, self.0.stats.as_ref());
        self.0.health.replace(probes);
    }

    /// Answers one request.
    pub async fn answer<B: Body<Data = Bytes>>(&self, request: Request<B>) -> Answer {
        let (head, body) = request.into_parts();
        let answered = self.route(&head, body).await;
        answered.unwrap_or_else(|refusal| refusal.answer())
    }

    async fn route<B: Body<Data = Bytes>>(&self, head: &Head, body: B) -> Result<Answer, Refusal> {
        let Settings { profile, .. } = self.0.settings;
        // Names of paths and topics are compared in lower case (section 2).
        let path = head.uri.path().to_lowercase();
        let is_get = matches!(head.method, Method::GET | Method::HEAD);
        let head_only = profile == Profile::Head;
        match path.as_str() {
            "/api" | "/token" | "/topics" if !is_get => {
                Ok(answer::method_not_allowed("GET, HEAD", profile))
            }
            "/docs" | "/health" if head_only && !is_get => {
                Ok(answer::method_not_allowed("GET, HEAD", profile))
            }
            "/api" => {
                Ok(answer::content(StatusCode::OK, "application/yaml", self.0.settings.api.clone()))
            }
            "/docs" if head_only => Ok(docs::page()),
            "/token" => Ok(answer::see_other(&self.0.settings.token_provider)),
            "/health" if head_only => Ok(self.health().await),
            "/topics" => {
                let active = self.0.active.load();
                Ok(answer::json(StatusCode::OK, &active.rules.names().collect::<Vec<_>>()))
            }
            _ => match path.strip_prefix("/topics/") {
                Some(topic) if !topic.is_empty() && !topic.contains('/') => {
                    let topic = topic_name(topic);
                    match head.method {
                        Method::GET | Method::HEAD => self.schema(&topic),
                        Method::POST => self.publish(head, body, &topic).await,
                        _ => Ok(answer::method_not_allowed("GET, HEAD, POST", profile)),
                    }
                }
                Some(_) => Err(Refusal::no_route(profile)),
                #[cfg(feature = "postgres")]
                None if head_only && path.starts_with(STATS) => {
                    let topic = path.strip_prefix(STATS).unwrap_or_default();
                    if topic.contains('/') {
                        return Err(Refusal::no_route(profile));
                    }
                    if head.method != Method::POST {
                        return Ok(answer::method_not_allowed("POST", profile));
                    }
                    self.stats(head, body, &topic_name(topic)).await
                }
                None if head_only && is_get => {
                    docs::asset(&path).await.ok_or_else(|| Refusal::no_route(profile))
                }
                None => Err(Refusal::no_route(profile)),
            },
        }
    }

    fn schema(&self, topic: &str) -> Result<Answer, Refusal> {
        let active = self.0.active.load();
        let governed = active.rules.topic(topic).ok_or_else(|| Refusal::no_topic(topic))?;
        let text = governed.schema.document().to_python_json();
        Ok(answer::content(StatusCode::OK, "application/json", Bytes::from(text)))
    }

    async fn health(&self) -> Answer {
        self.0.health.answer(self.0.started.elapsed().as_secs()).await
    }

    pub(crate) async fn read<B: Body<Data = Bytes>>(&self, body: B) -> Result<Held<'_>, Refusal> {
        let Shared { settings, room, .. } = &*self.0;
        let within = settings.body_read_timeout;
        let read = body::read(body, settings.max_body_bytes, within, false, room).await;
        read.map_err(|error| unread(error, settings))
    }

    /// Statistics. Whoever waits for the database keeps no room of those who publish.
    #[cfg(feature = "postgres")]
    async fn stats<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Answer, Refusal> {
        let Shared { settings, permits, stats, active, clock, metrics, .. } = &*self.0;
        let asked = {
            let mut body = pin!(body);
            if stats.as_ref().is_some_and(Stats::authenticates) {
                self.subject(head, body.as_mut()).await?;
            }
            let place = Place::take(permits, &metrics.in_flight);
            let _place = place.ok_or_else(|| busy(settings.profile))?;
            let body = self.read(body).await?;
            let exists = active.load().rules.topic(topic).is_some();
            let limits = Limits { depth: settings.max_depth };
            Question { topic, exists, body: &body.bytes, limits, now: clock.now() }.understand()?
        };
        stats::answer(stats.as_ref(), &asked).await
    }

    /// Who sends; `None` for a genuine token that names nobody. The body is not kept, nor read unless the token is refused.
    pub(crate) async fn subject<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: Pin<&mut B>,
    ) -> Result<Option<String>, Refusal> {
        let verified = match token::from_headers(&head.headers) {
            Some(token) => self.0.tokens.verify(&token).await.map_err(token::Refusal::as_str),
            None => Err("missing"),
        };
        let reason = match verified {
            Ok(identity) => return Ok(identity.subject),
            Err(reason) => reason,
        };
        self.0.metrics.token_refused(reason);
        tracing::info!(reason, "a token was refused");
        // Somebody who sends everything before he reads must not find the connection reset.
        if !head.headers.contains_key(EXPECT) {
            body::discard(body).await;
        }
        Err(Refusal::unauthenticated())
    }
}

impl fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("settings", &self.0.settings)
            .finish_non_exhaustive()
    }
}

impl Service for Gateway {
    async fn handle(&self, request: Request<Incoming>, _peer: SocketAddr) -> Answer {
        self.answer(request).await
    }

    fn opened(&self) {
        self.0.metrics.connections.inc();
    }

    fn closed(&self) {
        self.0.metrics.connections.dec();
    }
}

/// The database of statistics is asked, too.
#[cfg(feature = "postgres")]
fn with_stats(mut probes: Vec<Probe>, stats: Option<&Stats>) -> Vec<Probe> {
    probes.extend(stats.map(Stats::probe));
    probes
}

/// Asks the bus for the stream of events, which somebody must answer for who can store one.
fn bus_probe(bus: Bus, stream: String) -> Probe {
    Probe::new(health::BUS, move || {
        let (bus, stream) = (bus.clone(), stream.clone());
        async move {
            if !bus.connected() {
                return Err("not connected".to_owned());
            }
            let looked = bus.jetstream().get_stream(stream).await;
            looked.map(drop).map_err(|error| Chain(&error).to_string())
        }
    })
}

/// The name of a topic as it stands in a path.
fn topic_name(part: &str) -> String {
    percent_encoding::percent_decode_str(part).decode_utf8_lossy().to_lowercase()
}

pub(crate) fn busy(profile: Profile) -> Refusal {
    let message = profile.sentence("Too many requests are being handled");
    Refusal::because(Reason::Busy, message).retry_after(1)
}

pub(crate) fn too_large(limit: usize) -> Refusal {
    Refusal::because(Reason::TooLarge, format!("Message is larger than {limit} bytes."))
}

/// The message as an event: each character beyond ASCII takes six bytes or twelve there.
pub(crate) fn too_large_on_bus(length: usize, limit: usize) -> Refusal {
    let message = format!("Message takes {length} bytes on the bus; {limit} are the most.");
    Refusal::because(Reason::TooLarge, message)
}

fn unread(error: BodyError, settings: &Settings) -> Refusal {
    match error {
        BodyError::TooLarge => too_large(settings.max_body_bytes),
        BodyError::TimedOut => {
            Refusal::because(Reason::BodyTimeout, "Request body did not arrive in time.")
        }
        BodyError::Broken => Refusal::because(Reason::BodyBroken, "Request body is incomplete."),
        BodyError::NoRoom => busy(settings.profile),
    }
}
