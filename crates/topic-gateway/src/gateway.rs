//! One request: which of the paths it is for, and its answer.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::event::nats;
use event_bus_core::key::EventKey;
use event_bus_core::wire;
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher};
use event_bus_runtime::server::Service;
use event_bus_runtime::server::body::{self, BodyError, Held, Room};
use event_bus_runtime::{Bus, Clock};
use http::request::Parts as Head;
use http::{HeaderValue, Method, Request, StatusCode};
use hyper::body::{Body, Incoming};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::answer::{self, Answer, Refusal};
use crate::docs;
use crate::failures;
use crate::health::{self, Probe};
use crate::json::{self, Limits, Value};
use crate::outcomes::Outcomes;
use crate::profile::Profile;
use crate::rules::{Governed, Rules};
#[cfg(feature = "postgres")]
use crate::stats::{self, Question, Stats};
use crate::token::{self, Tokens};
use crate::topic::Acknowledge;

/// What `/api` serves where no file is named.
pub const API: &str = include_str!("api.yaml");

/// Endpoint of dedup ids.
const ENDPOINT: &str = "topics";

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
    /// Settings.
    pub settings: Settings,
}

/// Settings of the HTTP contract.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Wording of answers.
    pub profile: Profile,
    /// What `/api` serves.
    pub api: Bytes,
    /// Where `/token` leads.
    pub token_provider: HeaderValue,
    /// Largest body, in bytes.
    pub max_body_bytes: usize,
    /// Deepest nesting of a message.
    pub max_depth: usize,
    /// Time for the body to arrive.
    pub body_read_timeout: Duration,
    /// Bytes of bodies that are held at once.
    pub max_bytes_in_flight: usize,
    /// Requests that are handled at once.
    pub max_concurrent_requests: usize,
    /// Time for the stream to confirm an event.
    pub publish_within: Duration,
    /// Time for the destinations of a topic to answer, where producers wait for them.
    pub delivered_within: Duration,
}

/// The gateway. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct Gateway(Arc<Shared>);

struct Shared {
    bus: Bus,
    publisher: Publisher,
    stream: String,
    clock: Clock,
    tokens: Tokens,
    rules: ArcSwap<Rules>,
    outcomes: Outcomes,
    settings: Settings,
    probes: Vec<Probe>,
    #[cfg(feature = "postgres")]
    stats: Option<Stats>,
    room: Room,
    permits: Semaphore,
    started: Instant,
}

impl Gateway {
    /// Opens nothing.
    pub fn new(parts: Parts) -> Self {
        let Parts { bus, stream, clock, tokens, rules, outcomes, probes, settings, .. } = parts;
        #[cfg(feature = "postgres")]
        let probes = probes.into_iter().chain(parts.stats.as_ref().map(Stats::probe)).collect();
        Self(Arc::new(Shared {
            publisher: Publisher::new(bus.clone()),
            bus,
            stream,
            clock,
            tokens,
            rules: ArcSwap::from_pointee(rules),
            outcomes,
            probes,
            #[cfg(feature = "postgres")]
            stats: parts.stats,
            room: Room::new(settings.max_bytes_in_flight),
            permits: Semaphore::new(settings.max_concurrent_requests),
            settings,
            started: Instant::now(),
        }))
    }

    /// Takes other rules. Requests under way keep the old ones.
    pub fn replace_rules(&self, rules: Rules) {
        self.0.rules.store(Arc::new(rules));
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
            "/terminate" if head.method != Method::POST => {
                Ok(answer::method_not_allowed("POST", profile))
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
                let rules = self.0.rules.load();
                Ok(answer::json(StatusCode::OK, &rules.names().collect::<Vec<_>>()))
            }
            _ => match path.strip_prefix("/topics/") {
                Some(topic) if !topic.is_empty() && !topic.contains('/') => {
                    let topic = percent_encoding::percent_decode_str(topic).decode_utf8_lossy();
                    match head.method {
                        Method::GET | Method::HEAD => self.schema(&topic.to_lowercase()),
                        Method::POST => self.publish(head, body, &topic.to_lowercase()).await,
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
                    let topic = percent_encoding::percent_decode_str(topic).decode_utf8_lossy();
                    self.stats(head, body, &topic.to_lowercase()).await
                }
                None if head_only && is_get => {
                    docs::asset(&path).await.ok_or_else(|| Refusal::no_route(profile))
                }
                None => Err(Refusal::no_route(profile)),
            },
        }
    }

    fn schema(&self, topic: &str) -> Result<Answer, Refusal> {
        let rules = self.0.rules.load();
        let governed = rules.topic(topic).ok_or_else(|| Refusal::no_topic(topic))?;
        let text = governed.schema.document().to_python_json();
        Ok(answer::content(StatusCode::OK, "application/json", Bytes::from(text)))
    }

    async fn health(&self) -> Answer {
        let bus = if self.0.bus.connected() { Ok(()) } else { Err("not connected".to_owned()) };
        health::answer(bus, &self.0.probes, self.0.started.elapsed().as_secs()).await
    }

    /// In the order of the contract (section 3), but for what it names as better: who sends is asked before what is sent.
    async fn publish<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Answer, Refusal> {
        let Shared { settings, permits, .. } = &*self.0;
        let profile = settings.profile;
        let _permit = permits.try_acquire().map_err(|_| busy(profile))?;
        let body = self.read(body).await?;
        let subject = self.subject(head).await?;
        let limits = Limits { depth: settings.max_depth };
        let message = json::parse(&body.bytes, limits).map_err(|error| {
            let message = format!("Request body must be valid JSON: {}.", Chain(&error));
            Refusal::new(StatusCode::BAD_REQUEST, "validation", message)
        })?;
        drop(body);
        let rules = self.0.rules.load_full();
        if !rules.has_access() {
            tracing::error!("the access document lists nobody");
            return Err(Refusal::internal(profile));
        }
        let governed = rules.topic(topic).ok_or_else(|| Refusal::no_topic(topic))?;
        check(&rules, governed, subject.as_deref(), &message)?;
        self.store(governed, &message).await
    }

    /// Statistics. Whoever waits for the database keeps no room of those who publish.
    #[cfg(feature = "postgres")]
    async fn stats<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Answer, Refusal> {
        let Shared { settings, permits, stats, rules, clock, .. } = &*self.0;
        let asked = {
            let _permit = permits.try_acquire().map_err(|_| busy(settings.profile))?;
            let body = self.read(body).await?;
            if stats.as_ref().is_some_and(Stats::authenticates) {
                self.subject(head).await?;
            }
            let exists = rules.load().topic(topic).is_some();
            let limits = Limits { depth: settings.max_depth };
            Question { topic, exists, body: &body.bytes, limits, now: clock.now() }.understand()?
        };
        stats::answer(stats.as_ref(), &asked).await
    }

    async fn read<B: Body<Data = Bytes>>(&self, body: B) -> Result<Held<'_>, Refusal> {
        let Shared { settings, room, .. } = &*self.0;
        let within = settings.body_read_timeout;
        let read = body::read(body, settings.max_body_bytes, within, false, room).await;
        read.map_err(|error| unread(error, settings))
    }

    /// Who sends; `None` for a genuine token that names nobody.
    async fn subject(&self, head: &Head) -> Result<Option<String>, Refusal> {
        let token = token::from_headers(&head.headers).ok_or_else(Refusal::unauthenticated)?;
        match self.0.tokens.verify(&token).await {
            Ok(identity) => Ok(identity.subject),
            Err(reason) => {
                tracing::debug!(reason = reason.as_str(), "a token was refused");
                Err(Refusal::unauthenticated())
            }
        }
    }

    async fn store(&self, governed: &Governed, message: &Value) -> Result<Answer, Refusal> {
        let Shared { settings, .. } = &*self.0;
        let topic = &governed.topic;
        let event = topic.event(message, self.0.clock.now()).map_err(|error| {
            Refusal::new(StatusCode::BAD_REQUEST, "validation", Chain(&error).to_string())
        })?;
        let key = EventKey::of(&event);
        let waits = topic.acknowledge == Acknowledge::Delivered;
        // Before it is published, so that no receipt is missed.
        let waiter = waits.then(|| self.0.outcomes.wait_for(&key));
        let (headers, payload) = nats::encode_structured(&event);
        let limit = self.0.bus.max_payload().saturating_sub(wire::RECORD_RESERVE);
        if payload.len() > limit {
            return Err(too_large(limit));
        }
        let outgoing = Outgoing {
            subject: topic.subject().into(),
            headers: &headers,
            payload,
            dedup_id: &key.dedup_id(ENDPOINT),
            stream: &self.0.stream,
        };
        let deadline = Instant::now() + settings.publish_within;
        let ack = self.0.publisher.publish(outgoing, deadline).await;
        let ack = ack.map_err(|error| not_stored(&error, settings.profile))?;
        let Some(waiter) = waiter else { return Ok(answer::accepted()) };
        let routes: Vec<_> =
            topic.destinations.iter().map(|destination| destination.route.clone()).collect();
        let deadline = Instant::now() + settings.delivered_within;
        let known = waiter.outcome(&routes, ack.duplicate, deadline).await;
        let problems = failures::problems(
            &topic.destinations,
            &known,
            settings.delivered_within,
            settings.profile,
        );
        if problems.is_empty() {
            return Ok(answer::accepted());
        }
        tracing::error!(
            topic = topic.name,
            event = %key,
            failed = problems.len(),
            destinations = routes.len(),
            "not every destination has the event yet"
        );
        Err(Refusal { status: StatusCode::INTERNAL_SERVER_ERROR, problems, retry_after: None })
    }
}

impl Service for Gateway {
    async fn handle(&self, request: Request<Incoming>, _peer: SocketAddr) -> Answer {
        self.answer(request).await
    }
}

/// Who may send what, and whether it fits.
fn check(
    rules: &Rules,
    governed: &Governed,
    subject: Option<&str>,
    message: &Value,
) -> Result<(), Refusal> {
    let name = &governed.topic.name;
    rules.decide(subject, name, message).map_err(|denied| {
        Refusal::new(StatusCode::FORBIDDEN, denied.error_type(), denied.message())
    })?;
    let invalid = |message| Refusal::new(StatusCode::BAD_REQUEST, "validation", message);
    governed.schema.check(message).map_err(|error| invalid(error.message))?;
    governed.storage.check(message).map_err(|error| invalid(error.to_string()))
}

fn busy(profile: Profile) -> Refusal {
    let message = profile.sentence("Too many requests are being handled");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "internal", message).retry_after(1)
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("Message is larger than {limit} bytes.");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "validation", message)
}

fn unread(error: BodyError, settings: &Settings) -> Refusal {
    match error {
        BodyError::TooLarge => too_large(settings.max_body_bytes),
        BodyError::TimedOut => Refusal::new(
            StatusCode::REQUEST_TIMEOUT,
            "validation",
            "Request body did not arrive in time.",
        ),
        BodyError::Broken => {
            Refusal::new(StatusCode::BAD_REQUEST, "validation", "Request body is incomplete.")
        }
        BodyError::NoRoom => busy(settings.profile),
    }
}

/// Never 202: the event is not known to be durable.
fn not_stored(error: &PublishError, profile: Profile) -> Refusal {
    tracing::error!(error = %Chain(error), "an event could not be stored");
    match error {
        PublishError::TooLarge { limit } => too_large(*limit),
        PublishError::Unavailable(_)
        | PublishError::StreamFull
        | PublishError::WrongStream
        | PublishError::Rejected { .. } => {
            let message = profile.sentence("The event could not be stored; send it again");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "internal", message).retry_after(5)
        }
    }
}
