//! `dead-letters show`: everything that is known of one.

use event_bus_core::event::{Event, nats};
use relay_outbound::dead_letters::{DeadLetters, Entry};
use serde::Serialize;
use serde_json::value::RawValue;

use super::Summary;
use crate::cli::Context;
use crate::failure::Outcome;
use crate::output::printable;

/// One dead letter and its event.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    summary: Summary,
    subject: String,
    /// Null where the message is no CloudEvent, or where its payload stands at its origin.
    event: Option<Box<RawValue>>,
}

pub(super) async fn run(letters: &DeadLetters, number: u64, context: &Context) -> Outcome {
    let entry = letters.get(number).await?;
    let event = decode(&entry);
    let structured = event.as_ref().map(Event::to_structured);
    let event = structured.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    let shown = Shown { summary: Summary::of(&entry), subject: entry.subject.clone(), event };
    context.output.either(&shown, || text(&shown))
}

fn decode(entry: &Entry) -> Option<Event> {
    let headers: Vec<(String, String)> = entry
        .headers
        .iter()
        .filter_map(|(name, values)| Some((name.to_string(), values.first()?.to_string())))
        .collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    nats::decode(headers, entry.payload.clone()).ok()
}

fn text(shown: &Shown) -> String {
    let Shown { summary, subject, event } = shown;
    let optional = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
    let status = summary.status.map_or_else(|| "-".to_owned(), |status| status.to_string());
    let origin =
        format!("{} {} {}", summary.origin_stream, summary.origin_seq, summary.origin_subject);
    let lines = [
        ("number", summary.number.to_string()),
        ("subject", subject.clone()),
        ("route", summary.route.clone()),
        ("reason", summary.reason.to_owned()),
        ("status", status),
        ("detail", summary.detail.clone()),
        ("attempts", summary.attempts.to_string()),
        ("first", optional(&summary.first_attempt)),
        ("last", optional(&summary.last_attempt)),
        ("since", summary.recorded.clone()),
        ("origin", origin),
        ("event", event.as_ref().map_or_else(|| "-".to_owned(), |event| event.get().to_owned())),
    ];
    let lines = lines.map(|(name, value)| format!("{name:<9} {}", printable(&value)));
    lines.join("\n")
}
