//! `POST /topics/{topic}`: messages are checked, stored, and answered.
//!
//! In the order of the contract (section 3), but for what it names as better: who sends is asked before what is sent. 202
//! means that the stream has confirmed the event and, where the topic says so, that every destination has it.

use std::num::NonZeroU32;
use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_runtime::limiter::{Limited, whole_seconds};
use futures_util::future::join_all;
use http::header::CONTENT_ENCODING;
use http::request::Parts as Head;
use hyper::body::Body;
use tokio::time::Instant;

use crate::admission::Admission;
use crate::answer::{self, Answer, Refusal};
use crate::batch::{self, Results};
use crate::gateway::{Gateway, Shared, busy};
use crate::json::{self, Limits, ParseError, Value};
use crate::lane::{ActiveRules, Lane, Place};
use crate::reason::Reason;
use crate::rules::Governed;
use crate::store::{Ended, Prepared};

/// What a request holds.
enum Sent {
    /// One value: a message, or an array of messages.
    Value(Value),
    /// A message in each line.
    Lines(batch::Messages),
}

impl Sent {
    /// How many messages it is for a topic.
    fn messages(&self, governed: Option<&Governed>) -> usize {
        match self {
            Self::Value(value) => several(value, governed).map_or(1, <[Value]>::len),
            Self::Lines(lines) => lines.len(),
        }
    }
}

/// The messages of an array, unless it is one message of its topic.
fn several<'a>(value: &'a Value, governed: Option<&Governed>) -> Option<&'a [Value]> {
    let is_one = governed.is_none_or(|governed| governed.schema.names_arrays());
    value.as_array().filter(|items| !items.is_empty() && !is_one)
}

/// What may be stored of a request. Nothing is left of what its body was parsed into.
enum Judged {
    One(Prepared),
    Several {
        prepared: Vec<Result<Prepared, Refusal>>,
        /// What an array hears that is taken for one message, if none of its messages fits.
        as_one: Option<Refusal>,
    },
}

/// A request that was taken.
enum Taken {
    One(Ended),
    Several(Answer, Results),
}

impl Gateway {
    pub(crate) async fn publish<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Answer, Refusal> {
        let began = Instant::now();
        let taken = self.take(head, body, topic).await;
        let lane = Arc::clone(self.0.active.load().lane(topic));
        let answered = match taken {
            Ok(Taken::One(ended)) => {
                lane.ended(Ok(ended));
                Ok(answer::accepted())
            }
            Ok(Taken::Several(answer, results)) => {
                results.iter().for_each(|result| lane.ended(result.as_ref().copied()));
                Ok(answer)
            }
            Err(refusal) => {
                lane.ended(Err(&refusal));
                Err(refusal)
            }
        };
        lane.metrics.answered(began.elapsed());
        answered
    }

    async fn take<B: Body<Data = Bytes>>(
        &self,
        head: &Head,
        body: B,
        topic: &str,
    ) -> Result<Taken, Refusal> {
        let Shared { settings, permits, metrics, active, .. } = &*self.0;
        let mut body = pin!(body);
        // First of all: whoever proves nothing takes neither a place nor room.
        let subject = self.subject(head, body.as_mut()).await?;
        let place = Place::take(permits, &metrics.in_flight);
        let place = place.ok_or_else(|| busy(settings.profile))?;
        let mut body = self.read(body).await?;
        let active = active.load_full();
        let (admission, judged) =
            self.judge(&active, subject.as_deref(), head, topic, &body.bytes)?;
        // Its room is that of the events now, until they are stored.
        body.bytes = Bytes::new();
        let (prepared, as_one) = match judged {
            Judged::One(prepared) => {
                let stored = self.store(&admission, prepared, self.publish_deadline()).await?;
                // A request that waits for destinations keeps nobody out but others of its topic.
                drop((place, body));
                let place = admission.place();
                return self.settle(&admission, stored, place.is_some()).await.map(Taken::One);
            }
            Judged::Several { prepared, as_one } => (prepared, as_one),
        };
        let mut results: Results = Vec::new();
        let mut waiting = Vec::new();
        for (index, stored) in self.store_all(&admission, prepared).await.into_iter().enumerate() {
            match stored {
                Ok(stored) => {
                    results.push(Ok(Ended::Accepted));
                    waiting.push((index, stored));
                }
                Err(refusal) => results.push(Err(refusal)),
            }
        }
        drop(place);
        // Refusals may quote what was sent.
        body.shrink(batch::shorten(&mut results));
        let place = admission.place();
        let (admission, has_place) = (&admission, place.is_some());
        let settling = waiting.into_iter().map(|(index, stored)| async move {
            (index, self.settle(admission, stored, has_place).await)
        });
        for (index, result) in join_all(settling).await {
            results[index] = result;
        }
        Ok(Taken::Several(batch::answer(&results, as_one), results))
    }

    /// Reads what was sent and judges it. Parsed, a body of small objects is sixty times as large: it is gone before anything
    /// is waited for, so that there are never more of them than processors.
    fn judge<'a>(
        &'a self,
        active: &'a ActiveRules,
        subject: Option<&'a str>,
        head: &Head,
        topic: &str,
        body: &[u8],
    ) -> Result<(Admission<'a>, Judged), Refusal> {
        let Shared { settings, all_waiting, .. } = &*self.0;
        let rules = &*active.rules;
        let sent = self.parse(head, body);
        let messages = sent.as_ref().map_or(1, |sent| sent.messages(rules.topic(topic)));
        // More than that is refused below, whatever the rate.
        self.limit(subject, messages.min(settings.max_batch))?;
        let sent = sent?;
        if !rules.has_access() {
            tracing::error!("the access document lists nobody");
            let refusal = Refusal::internal(settings.profile);
            return Err(Refusal { reason: Some(Reason::NobodyAllowed), ..refusal });
        }
        let governed = rules.topic(topic).ok_or_else(|| Refusal::no_topic(topic))?;
        let lane = active.lane(topic);
        let admission = Admission { rules, governed, lane, all_waiting, subject };
        let judged = match &sent {
            Sent::Value(array) if let Some(items) = several(array, Some(governed)) => {
                batch::check_count(items.len(), settings.max_batch)?;
                let prepared: Vec<_> =
                    items.iter().map(|message| self.prepare(&admission, message)).collect();
                let as_one = match batch::none_fits(&prepared) {
                    true => governed.schema.check(array).err(),
                    false => None,
                };
                let as_one = as_one.map(|error| Refusal::because(Reason::Schema, error.message));
                Judged::Several { prepared, as_one }
            }
            Sent::Value(message) => Judged::One(self.prepare(&admission, message)?),
            Sent::Lines(lines) => {
                let prepared = lines.iter().map(|line| {
                    line.as_ref()
                        .map_err(Clone::clone)
                        .and_then(|message| self.prepare(&admission, message))
                });
                Judged::Several { prepared: prepared.collect(), as_one: None }
            }
        };
        Ok((admission, judged))
    }

    /// Lets a subject through at its rate.
    fn limit(&self, subject: Option<&str>, messages: usize) -> Result<(), Refusal> {
        let (Some(subjects), Some(count)) =
            (&self.0.subjects, u32::try_from(messages).ok().and_then(NonZeroU32::new))
        else {
            return Ok(());
        };
        match subjects.of(subject.map(str::to_owned)).check_all(count) {
            Ok(()) => Ok(()),
            Err(Limited::For(wait)) => {
                let name = subject.unwrap_or("None");
                let message = format!("User '{name}' sends more than the rate allows");
                let refusal = Refusal::because(Reason::SubjectRate, message);
                Err(refusal.retry_after(whole_seconds(wait)))
            }
            Err(Limited::Always) => {
                let message = "Request body holds more messages than the rate of a user allows.";
                Err(Refusal::because(Reason::BatchTooLarge, message))
            }
        }
    }

    fn parse(&self, head: &Head, body: &[u8]) -> Result<Sent, Refusal> {
        let settings = &self.0.settings;
        let limits = Limits { depth: settings.max_depth };
        if let Some(coding) =
            head.headers.get(CONTENT_ENCODING).filter(|coding| *coding != "identity")
        {
            let coding = String::from_utf8_lossy(coding.as_bytes());
            let message =
                format!("Content-Encoding '{coding}' is not read; send the message without.");
            return Err(Refusal::because(Reason::NotJson, message));
        }
        if batch::has_lines(&head.headers) {
            return batch::lines(body, limits, settings.max_batch).map(Sent::Lines);
        }
        // The brackets around several messages are not part of any of them.
        let is_array = body.trim_ascii_start().first() == Some(&b'[');
        let limits = Limits { depth: limits.depth + usize::from(is_array) };
        json::parse(body, limits).map(Sent::Value).map_err(|error| unreadable(&error))
    }
}

impl Lane {
    /// Counts a message and, if it was refused, logs why; never what it holds.
    fn ended(&self, result: Result<Ended, &Refusal>) {
        match result {
            Ok(ended) => self.metrics.accepted(ended == Ended::Duplicate),
            Err(refusal) => {
                let reason = refusal.reason.unwrap_or(Reason::Internal);
                self.metrics.refused(reason);
                tracing::info!(
                    topic = self.metrics.topic(),
                    reason = reason.as_str(),
                    status = refusal.status.as_u16(),
                    "message refused"
                );
            }
        }
    }
}

/// The body, or a line of it, is no JSON.
pub(crate) fn unreadable(error: &ParseError) -> Refusal {
    let message = format!("Request body must be valid JSON: {}.", Chain(error));
    Refusal::because(Reason::NotJson, message)
}
