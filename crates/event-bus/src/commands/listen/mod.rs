//! `event-bus listen`: a live tail of the stream of events.
//!
//! It reads through an ephemeral consumer, which takes nothing from any route and leaves nothing behind. Within one run
//! it shows every event once and in order, also across a restart of the broker.

mod tail;

use std::time::Duration;

use async_nats::jetstream::Message;
use async_nats::jetstream::consumer::DeliverPolicy;
use clap::Args;
use event_bus_core::event::{Event, format_time, nats, parse_time};
use event_bus_core::subject::Pattern;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::config::duration;
use event_bus_runtime::{Clock, shutdown};
use relay_outbound::filter::{Filter, Verdict};
use serde::Serialize;
use serde_json::value::RawValue;
use time::OffsetDateTime;

use self::tail::Tail;
use super::bus;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{Output, note, printable};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only events of this subject; wildcards allowed
    #[arg(long, value_name = "SUBJECT", default_value = ">")]
    subject: String,
    /// Only events of this CloudEvents type; `*` at the end matches any rest; may be repeated
    #[arg(long = "type", value_name = "TYPE")]
    types: Vec<String>,
    /// Only events of this CloudEvents source; `*` at the end matches any rest; may be repeated
    #[arg(long = "source", value_name = "URI")]
    sources: Vec<String>,
    /// Only events for which this CEL expression is true, such as 'data.action == "opened"'
    #[arg(long, value_name = "CEL")]
    filter: Option<String>,
    /// Begin in the past: a time span such as 10m, a time (RFC 3339), or `all`
    #[arg(long, value_name = "WHEN", value_parser = Since::parse)]
    since: Option<Since>,
    /// End after this many events
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
    /// Show the data too
    #[arg(long)]
    data: bool,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Since {
    All,
    Ago(Duration),
    At(OffsetDateTime),
}

/// One event as JSON.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    seq: u64,
    subject: &'a str,
    stored: String,
    event: &'a RawValue,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    if let Err(error) = Pattern::parse(&arguments.subject) {
        return Err(Failure::usage(format!("subject `{}`: {error}", arguments.subject)));
    }
    let filter = Filter::new(&arguments.types, &arguments.sources, arguments.filter.as_deref())
        .map_err(|error| Failure::usage(format!("filter: {error}")))?;
    let config = context.source.read()?;
    let bus = bus::connect(context, &config).await?;
    let stop = shutdown::signals();
    let name = config.bus.streams.name(StreamRole::Events);
    let from = Since::policy(arguments.since, Clock::system().now());
    let mut tail = Tail::open(bus, name, &arguments.subject, from).await?;
    note(format!("listening to {} on {name}", arguments.subject));
    let mut left = arguments.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let Some(message) = stop.run_until_cancelled(tail.next()).await else { break };
        if show(&message?, &filter, arguments.data, context.output)? {
            left -= 1;
        }
    }
    Ok(())
}

/// Prints an event that passes the filter, and says whether it did.
fn show(
    message: &Message,
    filter: &Filter,
    with_data: bool,
    output: Output,
) -> Result<bool, Failure> {
    let subject = message.subject.as_str();
    let (seq, stored) = match message.info() {
        Ok(info) => (info.stream_sequence, format_time(info.published)),
        Err(error) => return Err(Failure::failed(format!("a message without origin: {error}"))),
    };
    let event = match decode(message) {
        Ok(event) => event,
        Err(error) => {
            note(format!("{seq} on {subject} is no CloudEvent: {error}"));
            return Ok(false);
        }
    };
    match filter.judge(&event) {
        Verdict::Pass => {}
        Verdict::Drop => return Ok(false),
        Verdict::Failed => {
            note(format!("{seq} on {subject}: the filter fails on this event"));
            return Ok(false);
        }
    }
    let structured = event.to_structured();
    let json = std::str::from_utf8(&structured)?;
    if output.is_json() {
        let event: &RawValue = serde_json::from_str(json)?;
        output.json(&Shown { seq, subject, stored, event })?;
        return Ok(true);
    }
    let (kind, source, id) = (event.kind(), event.ce_source(), event.id());
    output.line(printable(&format!("{stored} {seq} {subject} {kind} {source} {id}")))?;
    if with_data && let Some(data) = event.data() {
        output.line(printable(&String::from_utf8_lossy(&data.to_bytes())))?;
    }
    Ok(true)
}

fn decode(message: &Message) -> Result<Event, event_bus_core::event::DecodeError> {
    let headers: Vec<(String, String)> = message
        .headers
        .iter()
        .flat_map(async_nats::HeaderMap::iter)
        .filter_map(|(name, values)| Some((name.to_string(), values.first()?.to_string())))
        .collect();
    let headers = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    nats::decode(headers, message.payload.clone())
}

impl Since {
    fn parse(text: &str) -> Result<Self, &'static str> {
        if text == "all" {
            return Ok(Self::All);
        }
        match (duration::parse(text), parse_time(text)) {
            (Ok(ago), _) => Ok(Self::Ago(ago)),
            (Err(_), Some(time)) => Ok(Self::At(time)),
            (Err(_), None) => Err("write a time span such as 10m, a time (RFC 3339), or all"),
        }
    }

    fn policy(since: Option<Self>, now: OffsetDateTime) -> DeliverPolicy {
        let start_time = match since {
            None => return DeliverPolicy::New,
            Some(Self::All) => None,
            Some(Self::Ago(ago)) => ago.try_into().ok().and_then(|ago| now.checked_sub(ago)),
            Some(Self::At(time)) => Some(time),
        };
        // Nothing is older than that, and the broker does not know every year.
        match start_time.filter(|time| *time > OffsetDateTime::UNIX_EPOCH) {
            Some(start_time) => DeliverPolicy::ByStartTime { start_time },
            None => DeliverPolicy::All,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_beginning_is_a_span_a_time_or_everything() {
        for (text, expected) in [
            ("all", Ok(Since::All)),
            ("10m", Ok(Since::Ago(Duration::from_secs(600)))),
            ("2026-01-31T00:00:00Z", Ok(Since::At(datetime!(2026-01-31 00:00 UTC)))),
        ] {
            assert_eq!(Since::parse(text), expected, "{text}");
        }
        assert!(Since::parse("yesterday").is_err());
    }

    #[test]
    fn a_beginning_before_all_events_is_everything() {
        let now = datetime!(2026-01-31 00:00 UTC);
        let ten_minutes_ago =
            DeliverPolicy::ByStartTime { start_time: datetime!(2026-01-30 23:50 UTC) };
        for (text, expected) in [
            ("10m", ten_minutes_ago),
            ("all", DeliverPolicy::All),
            ("9000d", DeliverPolicy::ByStartTime { start_time: datetime!(2001-06-11 00:00 UTC) }),
            ("999999d", DeliverPolicy::All),
            ("999999999999d", DeliverPolicy::All),
            ("0001-01-01T00:00:00Z", DeliverPolicy::All),
        ] {
            let since = Since::parse(text).unwrap();
            assert_eq!(Since::policy(Some(since), now), expected, "{text}");
        }
    }
}
