//! The two durable consumers of a route: created once, compared ever after.

use std::time::Duration;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::consumer::push::Config as PushConfig;
use async_nats::jetstream::consumer::{
    AckPolicy, Config as ConsumerConfig, DeliverPolicy, FromConsumer as _, Info, PushConsumer,
};
use async_nats::jetstream::response::Response;
use event_bus_core::wire;
use event_bus_runtime::Bus;

use crate::store::StreamNames;

/// How long the server waits for news of a message before it delivers it again.
pub(crate) const ACK_WAIT: Duration = Duration::from_secs(30);

/// Retries that a server without schedules may hold back at once; each waits as an unacknowledged message.
const WAITING_RETRIES: i64 = 20_000;

/// What a consumer must be.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Its stream.
    pub stream: String,
    /// Its name: that of the route.
    pub route: String,
    /// Its subjects.
    pub subjects: Vec<String>,
    /// Where it begins if it is created now.
    pub deliver_policy: DeliverPolicy,
    /// Unacknowledged messages.
    pub max_ack_pending: i64,
}

/// A consumer cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConsumerError {
    /// The bus does not answer; try again.
    #[error("the consumer cannot be looked at now")]
    Unavailable(#[source] async_nats::Error),
    /// An operator must act.
    #[error(
        "consumer {consumer} on {stream} does not fit: {problem}; delete it with `event-bus routes remove {consumer}` and it is made again"
    )]
    Incompatible {
        /// The consumer.
        consumer: String,
        /// Its stream.
        stream: String,
        /// What is wrong.
        problem: &'static str,
    },
}

impl Wanted {
    /// The consumer on the stream of events.
    pub(crate) fn events(
        names: &StreamNames,
        route: &str,
        subjects: &[String],
        start: DeliverPolicy,
        window: u32,
    ) -> Self {
        Self {
            stream: names.events.clone(),
            route: route.to_owned(),
            subjects: subjects.to_vec(),
            deliver_policy: start,
            max_ack_pending: i64::from(window),
        }
    }

    /// The consumer on the stream of retries. Without schedules on the server, it holds back what is not due.
    pub(crate) fn retries(names: &StreamNames, route: &str, window: u32, schedules: bool) -> Self {
        let window = i64::from(window);
        Self {
            stream: names.retries.clone(),
            route: route.to_owned(),
            subjects: vec![wire::retry_subject(route)],
            deliver_policy: DeliverPolicy::All,
            max_ack_pending: if schedules { window } else { window.max(WAITING_RETRIES) },
        }
    }

    fn config(&self) -> PushConfig {
        let (filter_subject, filter_subjects) = match self.subjects.as_slice() {
            // The single form is understood by every server version.
            [subject] => (subject.clone(), Vec::new()),
            several => (String::new(), several.to_vec()),
        };
        PushConfig {
            durable_name: Some(self.route.clone()),
            description: Some("Event Bus Bridge: a route of relay-outbound".to_owned()),
            deliver_subject: wire::deliver_subject(&self.stream, &self.route),
            deliver_group: Some(self.route.clone()),
            deliver_policy: self.deliver_policy,
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            max_deliver: -1,
            filter_subject,
            filter_subjects,
            max_ack_pending: self.max_ack_pending,
            flow_control: false,
            ..PushConfig::default()
        }
    }
}

/// Looks the consumer up, creates it if it is absent, and lets it follow the route's subjects and window.
pub(crate) async fn ensure(bus: &Bus, wanted: &Wanted) -> Result<Info, ConsumerError> {
    let (info, created) = match look_up(bus, &wanted.stream, &wanted.route).await? {
        Some(info) => (info, false),
        None => (create(bus, wanted).await?, true),
    };
    check(wanted, &info)?;
    if created {
        tracing::info!(
            route = wanted.route,
            stream = wanted.stream,
            events = info.num_pending,
            "consumer created; it will deliver what the stream holds for it"
        );
        return Ok(info);
    }
    if follows(wanted, &info.config) { Ok(info) } else { update(bus, wanted, info).await }
}

/// The consumer as it is, if it is there.
pub(crate) async fn look_up(
    bus: &Bus,
    stream: &str,
    route: &str,
) -> Result<Option<Info>, ConsumerError> {
    let subject = format!("CONSUMER.INFO.{stream}.{route}");
    let response = bus.jetstream().request(subject, &serde_json::json!({})).await;
    match response.map_err(|error| ConsumerError::Unavailable(error.into()))? {
        Response::Ok(info) => Ok(Some(info)),
        Response::Err { error } if error.error_code() == ErrorCode::CONSUMER_NOT_FOUND => Ok(None),
        Response::Err { error } => Err(ConsumerError::Unavailable(error.into())),
    }
}

async fn create(bus: &Bus, wanted: &Wanted) -> Result<Info, ConsumerError> {
    let created: Result<PushConsumer, _> =
        bus.jetstream().create_consumer_on_stream(wanted.config(), &wanted.stream).await;
    match created {
        Ok(consumer) => Ok(consumer.cached_info().clone()),
        Err(error) => Err(ConsumerError::Unavailable(error.into())),
    }
}

/// What cannot be changed on a consumer, and would lose events or stall it.
pub(crate) fn check(wanted: &Wanted, info: &Info) -> Result<(), ConsumerError> {
    let config = &info.config;
    let problem = if config.flow_control {
        "it has flow control, with which a killed reader stalls it for ever"
    } else if config.ack_policy != AckPolicy::Explicit {
        "its acknowledgement policy is not explicit"
    } else if config.deliver_subject.is_none()
        || config.deliver_group.as_deref() != Some(wanted.route.as_str())
    {
        "it is no push consumer with the route as deliver group"
    } else if config.deliver_subject != Some(wire::deliver_subject(&wanted.stream, &wanted.route)) {
        "it delivers to another subject than the route listens to"
    } else if config.headers_only {
        "it delivers headers only"
    } else if !config.inactive_threshold.is_zero() {
        "the server deletes it, and with it the route's position, when no relay runs for a while"
    } else if config.memory_storage {
        "its position is kept in memory only"
    } else if config.max_deliver > 0 {
        "it has a limit of deliveries, which crashes use up"
    } else if !config.backoff.is_empty() {
        "it has a backoff, which replaces ack_wait"
    } else {
        return Ok(());
    };
    Err(ConsumerError::Incompatible {
        consumer: wanted.route.clone(),
        stream: wanted.stream.clone(),
        problem,
    })
}

fn follows(wanted: &Wanted, live: &ConsumerConfig) -> bool {
    let config = wanted.config();
    live.filter_subject == config.filter_subject
        && live.filter_subjects == config.filter_subjects
        && live.max_ack_pending == config.max_ack_pending
        && live.ack_wait >= ACK_WAIT
}

/// Changes what belongs to the route in the server's own settings, and nothing else.
async fn update(bus: &Bus, wanted: &Wanted, info: Info) -> Result<Info, ConsumerError> {
    let unavailable = |error: async_nats::Error| ConsumerError::Unavailable(error);
    let config = wanted.config();
    let mut live = PushConfig::try_from_consumer_config(info.config).map_err(unavailable)?;
    live.filter_subject = config.filter_subject;
    live.filter_subjects = config.filter_subjects;
    live.max_ack_pending = config.max_ack_pending;
    live.ack_wait = live.ack_wait.max(ACK_WAIT);
    let updated = bus.jetstream().update_consumer_on_stream(live, &wanted.stream).await;
    let consumer = updated.map_err(|error| unavailable(error.into()))?;
    tracing::info!(
        route = wanted.route,
        stream = wanted.stream,
        "consumer follows the changed route"
    );
    Ok(consumer.cached_info().clone())
}
