//! Puts events on a bus with `PutEvents` and settles each by its own entry of the answer.
//!
//! EventBridge knows no event again: one that was taken without our hearing of it is delivered a second time.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::{PutEventsRequestEntry, PutEventsResultEntry};
use event_bus_core::event::Event;
use event_bus_runtime::aws::{self, Access, AccessKey, SharedDnsResolver};
use tokio::sync::OnceCell;
use url::Url;

use super::Config;
use super::entry::{Entry, requests};
use super::errors::Answer;
use super::fields::Fields;
use crate::sinks::{BuildError, CheckError, Delivery, Pace, Sink, SinkContext};

/// A bus of EventBridge. Its only success is an entry with an event id.
#[derive(Debug)]
pub struct EventBridgeSink {
    access: Access,
    endpoint: Option<Url>,
    client: OnceCell<Client>,
    bus: String,
    fields: Fields,
    /// Shared with all routes that use the quota of this bus.
    pace: Arc<Pace>,
    timeout: Duration,
}

impl EventBridgeSink {
    /// Reads the settings and resolves the secret; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        for url in config.endpoint_url.iter().chain(&config.sts_endpoint_url) {
            context.guard.check_literal(url).map_err(BuildError::Denied)?;
        }
        let fields = Fields::parse(config);
        let mut access = Access {
            region: config.region(),
            profile: config.profile.clone(),
            access_key: None,
            role_arn: config.role_arn.clone(),
            sts_endpoint_url: config.sts_endpoint_url.as_ref().map(Url::to_string),
            resolver: Some(SharedDnsResolver::new(context.guard.clone())),
        };
        if let (Some(id), Some(secret)) = (&config.access_key_id, &config.secret_access_key) {
            let secret = context.secrets.resolve(secret).map_err(BuildError::Secret)?;
            access.access_key = Some(AccessKey { id: id.clone(), secret });
        }
        // Who asks tells the account, whose quota it is.
        let Access { region, profile, role_arn, .. } = &access;
        let place = (region, profile, &config.access_key_id, role_arn, &config.endpoint_url);
        let place = format!("eventbridge {} {place:?}", config.bus);
        Ok(Self {
            access,
            endpoint: config.endpoint_url.clone(),
            client: OnceCell::new(),
            bus: config.bus.clone(),
            fields: fields.map_err(|(key, error)| BuildError::Setting(key, error.into()))?,
            pace: context.paces.of(place.as_bytes(), || Pace::new(Duration::ZERO, 1)),
            timeout: config.timeout,
        })
    }

    async fn client(&self) -> Result<&Client, Answer> {
        let make = async || {
            let config = aws::configure(&self.access, self.timeout).await;
            let config = config.map_err(|error| Answer::unavailable(error.to_string()))?;
            let mut config = aws_sdk_eventbridge::config::Builder::from(&config);
            config.set_endpoint_url(self.endpoint.as_ref().map(Url::to_string));
            Ok(Client::from_conf(config.build()))
        };
        self.client.get_or_try_init(make).await
    }

    /// Answers for each entry; those that it does not come to keep the answer that stands there.
    async fn put(&self, entries: &[Entry], answers: &mut [Result<(), Answer>]) {
        let client = match self.client().await {
            Ok(client) => client,
            Err(answer) => return answers.fill(Err(answer)),
        };
        let mut open = requests(entries);
        while let Some(range) = open.pop() {
            let request: Vec<_> =
                entries[range.clone()].iter().map(|e| e.request.clone()).collect();
            let answer = match request_once(client, request).await {
                Ok(results) => {
                    let places = answers[range].iter_mut().enumerate();
                    places.for_each(|(place, answer)| *answer = judge(results.get(place)));
                    continue;
                }
                Err(answer) => answer,
            };
            if answer.may_concern_one_event() && range.len() > 1 {
                let middle = range.start + range.len() / 2;
                open.extend([middle..range.end, range.start..middle]);
                continue;
            }
            if !answer.lets_others_through() {
                for range in open.drain(..) {
                    answers[range].fill(Err(answer.clone()));
                }
            }
            answers[range].fill(Err(answer));
        }
    }

    /// Tells the bus's pace what came of a delivery, and the throttled events how long they wait.
    fn learn(&self, answers: &mut [Result<(), Answer>]) {
        if answers.iter().any(Result::is_ok) {
            self.pace.took();
        }
        let mut errors = answers.iter().filter_map(|answer| answer.as_ref().err());
        let Some(first) = errors.find(|answer| answer.is_throttled()) else { return };
        let wait = self.pace.back_off(first.retry_after());
        for answer in answers {
            match answer {
                Err(error) if error.is_throttled() => *error = error.clone().after(wait),
                Ok(()) | Err(_) => {}
            }
        }
    }

    async fn describe(&self) -> Result<String, CheckError> {
        let failed = |answer| CheckError::new("EventBridge cannot be asked", answer);
        let client = self.client().await.map_err(failed)?;
        match client.describe_event_bus().name(&self.bus).send().await {
            Ok(bus) => Ok(format!("bus {}", bus.arn().unwrap_or(&self.bus))),
            Err(error) => {
                let what = format!("the bus {} cannot be described", self.bus);
                Err(CheckError::new(what, Answer::of_request(&error)))
            }
        }
    }
}

#[async_trait]
impl Sink for EventBridgeSink {
    async fn turn(&self) {
        self.pace.turn().await;
    }

    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let encoded = batch.iter().map(|event| Entry::new(self.fields.fill(event)?, &self.bus));
        let encoded: Vec<_> = encoded.collect();
        let entries: Vec<Entry> = encoded.iter().flatten().cloned().collect();
        let mut answers = vec![Err(Answer::timeout()); entries.len()];
        let work = self.put(&entries, &mut answers);
        // What is not answered by then stands there as unanswered.
        tokio::time::timeout(self.timeout, work).await.ok();
        self.learn(&mut answers);
        let mut answers = answers.into_iter();
        let each = encoded.into_iter().map(|entry| {
            entry?;
            let answer = answers.next().unwrap_or_else(|| Err(Answer::timeout()));
            answer.map_err(|answer| answer.error())
        });
        each.collect()
    }

    async fn check(&self) -> Result<String, CheckError> {
        match tokio::time::timeout(self.timeout, self.describe()).await {
            Ok(seen) => seen,
            Err(_) => Err(CheckError::bare("EventBridge did not answer in time")),
        }
    }
}

async fn request_once(
    client: &Client,
    entries: Vec<PutEventsRequestEntry>,
) -> Result<Vec<PutEventsResultEntry>, Answer> {
    let sent = client.put_events().set_entries(Some(entries)).send().await;
    let output = sent.map_err(|error| Answer::of_request(&error))?;
    Ok(output.entries.unwrap_or_default())
}

/// A 200 says nothing about an entry: only its event id does.
fn judge(result: Option<&PutEventsResultEntry>) -> Result<(), Answer> {
    let Some(result) = result else {
        return Err(Answer::unavailable("the answer has no result for this entry"));
    };
    match (result.error_code(), result.event_id()) {
        (None, Some(_)) => Ok(()),
        (None, None) => Err(Answer::unavailable("the answer has no event id for this entry")),
        (Some(code), _) => Err(Answer::of_entry(code, result.error_message())),
    }
}
