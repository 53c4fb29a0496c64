//! The service itself: one request in, one answer out.

use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use event_bus_core::wire;
use event_bus_runtime::bus::Publisher;
use event_bus_runtime::server::body::{self, BodyError, Room};
use event_bus_runtime::{Bus, Clock, Metrics, Secret, SecretResolver};
use http::header::{CONTENT_ENCODING, EXPECT};
use http::request;
use http::{HeaderMap, Method, Request};
use hyper::body::Body;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::build::{self, BuildError};
use crate::config::{Config, LimitsConfig};
use crate::error::ReceiveError;
use crate::metrics::{InboundMetrics, Outcome};
use crate::place::Place;
use crate::refusal::Refusal;
use crate::respond::{self, Answer};
use crate::seen::Seen;
use crate::source::Table;
use crate::{client, consent};

/// What the service works with.
pub struct Parts<'a> {
    /// Connection to the broker.
    pub bus: Bus,
    /// The stream that takes the events.
    pub target: Target,
    /// Time.
    pub clock: Clock,
    /// Registry of the process.
    pub metrics: &'a Metrics,
    /// Secret of the doctor's built-in source; without it there is no such source.
    pub doctor: Option<Secret>,
}

/// The stream that takes the events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Its name.
    pub stream: String,
    /// How long it remembers ids.
    pub duplicate_window: Duration,
}

/// The HTTP side of the bus. Cloning is cheap and shares it.
#[derive(Clone)]
pub struct Inbound(Arc<Shared>);

struct Shared {
    table: ArcSwap<Table>,
    bus: Bus,
    publisher: Publisher,
    target: Target,
    clock: Clock,
    metrics: InboundMetrics,
    seen: Seen,
    permits: Semaphore,
    room: Room,
    limits: LimitsConfig,
}

/// An answer that is no refusal.
pub(crate) struct Done {
    pub(crate) answer: Answer,
    pub(crate) outcome: Outcome,
}

impl Inbound {
    /// Resolves the secrets and prepares every source. Opens nothing; whatever is wrong with a source is an error.
    pub fn build(
        config: &Config,
        secrets: &SecretResolver,
        parts: Parts<'_>,
    ) -> Result<Self, BuildError> {
        let Parts { bus, target, clock, metrics, doctor } = parts;
        let metrics = InboundMetrics::register(metrics);
        let table = build::table(config, secrets, doctor.as_ref(), &metrics)?;
        Ok(Self(Arc::new(Shared {
            table: ArcSwap::from_pointee(table),
            publisher: Publisher::new(bus.clone()),
            seen: Seen::new(&bus, target.duplicate_window),
            bus,
            target,
            clock,
            metrics,
            permits: Semaphore::new(config.limits.max_concurrent_requests.get()),
            room: Room::new(config.limits.max_bytes_in_flight.as_usize()),
            limits: config.limits.clone(),
        })))
    }

    /// Takes a new configuration. Requests under way keep the old one; after an error everything stays as it was.
    ///
    /// What belongs to the listener needs a restart: see [`Config::needs_restart`].
    pub fn reload(
        &self,
        config: &Config,
        secrets: &SecretResolver,
        doctor: Option<&Secret>,
    ) -> Result<(), BuildError> {
        let table = build::table(config, secrets, doctor, &self.0.metrics)?;
        self.0.table.store(Arc::new(table));
        Ok(())
    }

    /// Answers one request of a client with this address.
    pub async fn handle<B>(&self, request: Request<B>, peer: IpAddr) -> Answer
    where
        B: Body<Data = Bytes>,
    {
        let received = Instant::now();
        let table = self.0.table.load_full();
        let (head, body) = request.into_parts();
        let place = Place::of(&table, head.uri.path());
        let metrics = place.metrics(&table);
        self.0.metrics.in_flight.inc();
        let _in_flight = InFlight(&self.0.metrics);
        match self.answer(&table, &place, &head, body, peer, received).await {
            Ok(Done { answer, outcome }) => {
                metrics.ended(outcome);
                answer
            }
            Err(refusal) => {
                refusal.report(place.name(), metrics);
                respond::refusal(&refusal.error)
            }
        }
    }

    async fn answer<B>(
        &self,
        table: &Table,
        place: &Place,
        head: &request::Parts,
        body: B,
        peer: IpAddr,
        received: Instant,
    ) -> Result<Done, Refusal>
    where
        B: Body<Data = Bytes>,
    {
        let waits = head.headers.contains_key(EXPECT);
        if let Err(error) = self.admit(table, place, head, peer) {
            if !waits {
                body::discard(pin!(body)).await;
            }
            return Err(error.into());
        }
        if let (Place::Events(events), &Method::OPTIONS) = (place, &head.method) {
            return Ok(consent::answer(events, &head.headers)?);
        }
        let _permit = self.0.permits.try_acquire().map_err(|_| ReceiveError::Busy)?;
        let limit = table.max_body.unwrap_or(usize::MAX).min(self.largest_message());
        let room = &self.0.room;
        let held = match body::read(body, limit, table.body_timeout, waits, room).await {
            Ok(held) => held,
            Err(BodyError::TooLarge) => return Err(ReceiveError::BodyTooLarge { limit }.into()),
            Err(BodyError::TimedOut) => return Err(ReceiveError::BodyTimeout.into()),
            Err(BodyError::Broken) => return Err(ReceiveError::BodyBroken.into()),
            Err(BodyError::NoRoom) => return Err(ReceiveError::Busy.into()),
        };
        let body = held.bytes.clone();
        match place {
            Place::Hook(source) => self.receive_hook(table, source, head, body, received).await,
            Place::Events(events) => self.receive_events(table, events, head, body, received).await,
            Place::UnknownSource | Place::Nowhere => Err(ReceiveError::NotFound.into()),
        }
    }

    /// Everything that can be said before the body is read.
    fn admit(
        &self,
        table: &Table,
        place: &Place,
        head: &request::Parts,
        peer: IpAddr,
    ) -> Result<(), ReceiveError> {
        if let Some(clients) = &table.clients {
            let client = client::address(peer, &head.headers, &table.trusted_proxies);
            clients
                .check(client)
                .map_err(|retry_after| ReceiveError::ClientRate { retry_after })?;
        }
        let (endpoint, allow) = match place {
            Place::Hook(source) => (&source.endpoint, "POST"),
            Place::Events(events) => (&events.endpoint, "POST, OPTIONS"),
            Place::UnknownSource => return Err(ReceiveError::UnknownSource),
            Place::Nowhere => return Err(ReceiveError::NotFound),
        };
        let asks = matches!(place, Place::Events(_)) && head.method == Method::OPTIONS;
        if head.method != Method::POST && !asks {
            return Err(ReceiveError::MethodNotAllowed { allow });
        }
        if head.headers.len() > table.max_headers {
            return Err(ReceiveError::TooManyHeaders { limit: table.max_headers });
        }
        if is_encoded(&head.headers) {
            return Err(ReceiveError::EncodedBody);
        }
        match &endpoint.rate {
            Some(rate) => {
                rate.check().map_err(|retry_after| ReceiveError::SourceRate { retry_after })
            }
            None => Ok(()),
        }
    }

    /// Largest message that still leaves room for the headers of its retry and its dead letter.
    pub(crate) fn largest_message(&self) -> usize {
        self.0.bus.max_payload().saturating_sub(wire::RECORD_RESERVE)
    }

    pub(crate) fn publisher(&self) -> &Publisher {
        &self.0.publisher
    }

    pub(crate) fn target(&self) -> &Target {
        &self.0.target
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(crate) fn seen(&self) -> &Seen {
        &self.0.seen
    }

    pub(crate) fn limits(&self) -> &LimitsConfig {
        &self.0.limits
    }

    pub(crate) fn metrics(&self) -> &InboundMetrics {
        &self.0.metrics
    }
}

struct InFlight<'a>(&'a InboundMetrics);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.dec();
    }
}

/// Whether a body is compressed or otherwise not what was signed.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers
        .get_all(CONTENT_ENCODING)
        .iter()
        .any(|value| !value.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity"))
}
