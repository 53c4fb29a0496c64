//! The fourth proof: the relay tries an event again until it is taken, and stores one that is refused as a dead letter.
//!
//! Both events go to the built-in route, whose sink asks this check what to answer. No user's sink sees them.

use std::time::Duration;

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use async_trait::async_trait;
use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::event::{Data, Event, nats};
use event_bus_core::wire::{self, DeadLetter};
use event_bus_runtime::bus::{Outgoing, Publisher};
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use tokio::time::{Instant, interval, sleep, sleep_until};

use super::answers::Answers;
use super::{COMPONENT, unknown};
use crate::consumers::look_up;
use crate::store::StreamNames;

/// How long a relay that has just started may take to connect to its route.
const CONNECTED_WITHIN: Duration = Duration::from_secs(3);

/// Time between two looks.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct Proof {
    pub(super) names: StreamNames,
    pub(super) doctor: bool,
}

#[async_trait]
impl Check for Proof {
    fn id(&self) -> &'static str {
        "retries-and-dead-letters"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        if !self.doctor {
            return vec![Finding::skip(
                "needs the built-in route, which the relay has once [doctor] names a secret",
            )];
        }
        vec![match self.prove(context).await {
            Ok(proof) => proof,
            Err(failure) => failure,
        }]
    }
}

impl Proof {
    async fn prove(&self, context: &CheckContext) -> Result<Finding, Finding> {
        // Earlier than the check's own deadline, so that the report says how far it came.
        let deadline = Instant::now() + context.deadline.mul_f64(0.8);
        self.wait_for_relay(context).await?;
        let (retried, refused) = (id(context, "retried"), id(context, "refused"));
        let reply = wire::doctor_ask_subject(&context.run_id);
        let answers =
            Answers::at(context.bus.client(), reply.clone(), retried.clone(), refused.clone());
        let mut answers = answers.await.map_err(|error| unknown(&*error))?;
        for id in [&retried, &refused] {
            self.publish(context, id, &reply, deadline).await?;
        }
        let dead_letters = context.bus.jetstream().get_stream(&self.names.dead_letters).await;
        let dead_letters = dead_letters.map_err(|error| unknown(&error))?;
        let mut ticks = interval(PAUSE);
        let mut letter = None;
        while letter.is_none() || !answers.is_delivered() {
            tokio::select! {
                biased;
                () = sleep_until(deadline) => break,
                open = answers.next() => if !open { break },
                _ = ticks.tick(), if letter.is_none() && answers.is_refused() => {
                    letter = find(&dead_letters, context, &refused).await?;
                }
            }
        }
        judge(&answers, letter)
    }

    /// Whether somebody takes the route's events.
    async fn wait_for_relay(&self, context: &CheckContext) -> Result<(), Finding> {
        let until = Instant::now() + CONNECTED_WITHIN;
        loop {
            let info = look_up(&context.bus, &self.names.events, wire::DOCTOR_NAME).await;
            let info = info.map_err(|error| unknown(&error))?;
            if info.as_ref().is_some_and(|info| info.push_bound) {
                return Ok(());
            }
            if Instant::now() >= until {
                let message = match info {
                    Some(_) => "no relay is connected to the built-in route",
                    None => {
                        "no relay has made the built-in route, although [doctor] names a secret"
                    }
                };
                return Err(Finding::fail("EB0201", message));
            }
            sleep(PAUSE).await;
        }
    }

    async fn publish(
        &self,
        context: &CheckContext,
        id: &str,
        reply: &str,
        deadline: Instant,
    ) -> Result<(), Finding> {
        let (headers, payload) = nats::encode_structured(&event(id, reply));
        let outgoing = Outgoing {
            subject: context.subject("outbound").into(),
            headers: &headers,
            payload,
            dedup_id: &format!("doctor:{id}"),
            stream: &self.names.events,
        };
        let stored = Publisher::new(context.bus.clone()).publish(outgoing, deadline).await;
        stored.map(|_| ()).map_err(|error| {
            Finding::fail("EB0004", format!("an event cannot be stored: {}", Chain(&error)))
        })
    }
}

fn id(context: &CheckContext, name: &str) -> String {
    format!("{}.{name}", context.run_id)
}

fn event(id: &str, reply: &str) -> Event {
    let ce_source = format!("/{}", wire::DOCTOR_NAME);
    Event::builder(id, ce_source, format!("{}.outbound", wire::DOCTOR_NAME))
        .datacontenttype("application/json")
        .data(Data::Json(Bytes::from(serde_json::json!({ "reply": reply }).to_string())))
        .build()
        .expect("its attributes are made of names and hexadecimal digits")
}

/// The dead letter of an event, once it is there.
async fn find(
    dead_letters: &Stream,
    context: &CheckContext,
    id: &str,
) -> Result<Option<DeadLetter>, Finding> {
    let prefix = wire::dead_letter_prefix(wire::DOCTOR_NAME);
    let subject = format!("{prefix}.{}", context.subject("outbound"));
    let mut next = 1;
    loop {
        let message = match dead_letters.get_first_raw_message_by_subject(&subject, next).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => {
                return Ok(None);
            }
            Err(error) => return Err(unknown(&error)),
        };
        next = message.sequence + 1;
        let header = |name: &str| message.headers.get(name).map(async_nats::HeaderValue::as_str);
        if header("ce-id") == Some(id) {
            return match DeadLetter::read(header) {
                Ok(letter) => Ok(Some(letter)),
                Err(error) => {
                    let message = format!("the dead letter cannot be read: {}", Chain(&error));
                    Err(Finding::fail("EB0202", message))
                }
            };
        }
    }
}

fn judge(answers: &Answers, letter: Option<DeadLetter>) -> Result<Finding, Finding> {
    let attempts = answers.attempts();
    let finding = match letter {
        _ if !answers.is_delivered() => Finding::fail(
            "EB0201",
            format!("an event that is answered 503, 503, 200 was tried {attempts} times in time"),
        ),
        None => {
            let tried = if answers.is_refused() { "was answered 400" } else { "was never tried" };
            let message = format!("an event {tried} and is not among the dead letters");
            Finding::fail("EB0202", message)
        }
        Some(letter) => {
            let (reason, status) = (letter.reason.as_str(), letter.status);
            let finding = if (letter.reason, status) == (DeadLetterReason::Refused, Some(400)) {
                let message = format!(
                    "an event was delivered at attempt {attempts}, another one was refused and is a dead letter"
                );
                Finding::pass(message)
            } else {
                let message =
                    format!("a refused event is a dead letter for another reason: {reason}");
                Finding::fail("EB0202", message)
            };
            finding.with("reason", reason).with("status", status)
        }
    };
    Ok(finding.with("attempts", answers.evidence()))
}
