//! `event-bus publish`: makes one CloudEvent and stores it on the bus.
//!
//! The event is as strict as one that comes in over HTTP. It is published only once under one id, however often the
//! command is repeated within the stream's duplicate window.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::HeaderMap;
use bytes::Bytes;
use clap::Args;
use event_bus_core::event::{Data, Event, is_json_media_type, json, nats};
use event_bus_core::key::EventKey;
use event_bus_core::subject::{Pattern, Template, Variables, type_suffix};
use event_bus_core::wire;
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher, StreamRole};
use event_bus_runtime::config::duration;
use event_bus_runtime::{Bus, Clock};
use serde::Serialize;
use tokio::time::Instant;
use uuid::Uuid;

use super::bus;
use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};

/// Stands where the name of an endpoint stands for events that came over HTTP, in subjects and deduplication ids.
const ENDPOINT: &str = "publish";

/// Subject of an event unless the command names one.
const SUBJECT: &str = "fleet.{source}.{type}";

/// No event is larger.
const MAX_DATA: u64 = 64 * 1024 * 1024;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// CloudEvents type, such as com.example.deployed
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,
    /// CloudEvents source, a URI-reference
    #[arg(long, value_name = "URI", default_value = "/event-bus/publish")]
    source: String,
    /// CloudEvents id; a new one by default
    #[arg(long)]
    id: Option<String>,
    /// CloudEvents subject
    #[arg(long)]
    subject: Option<String>,
    /// Data of the event
    #[arg(long, value_name = "TEXT", conflicts_with = "data_file", allow_hyphen_values = true)]
    data: Option<String>,
    /// File with the data; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
    /// Media type of the data; by default found out from the data
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// CloudEvents extension attribute; may be repeated
    #[arg(long, value_name = "NAME=VALUE", value_parser = parse_extension)]
    extension: Vec<(String, String)>,
    /// Subject on the bus; by default fleet.publish.<type without com.<vendor>.>
    #[arg(long, value_name = "SUBJECT")]
    nats_subject: Option<String>,
    /// How long to try
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,
}

/// The result.
#[derive(Debug, Serialize)]
struct Published<'a> {
    id: &'a str,
    subject: &'a str,
    stream: &'a str,
    seq: u64,
    duplicate: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let config = context.source.read()?;
    let subject = subject(&arguments, &config)?;
    let event = event(&arguments)?;
    let bus = bus::connect(context, &config).await?;
    let stream = config.bus.streams.name(StreamRole::Events);
    let (headers, payload) = message(&event, &bus)?;
    let outgoing = Outgoing {
        subject: subject.as_str().into(),
        headers,
        payload,
        dedup_id: &EventKey::of(&event).dedup_id(ENDPOINT),
        stream,
    };
    let deadline = Instant::now() + arguments.timeout;
    let ack = Publisher::new(bus).publish(outgoing, deadline).await.map_err(not_published)?;
    let published = Published {
        id: event.id(),
        subject: &subject,
        stream: &ack.stream,
        seq: ack.seq,
        duplicate: ack.duplicate,
    };
    context.output.either(&published, || {
        let Published { id, subject, stream, seq, duplicate } = &published;
        let was = if *duplicate { "was already" } else { "is now" };
        format!("{id} {was} on {stream} at {seq}, subject {subject}")
    })
}

fn event(arguments: &Arguments) -> Result<Event, Failure> {
    let id = arguments.id.clone().unwrap_or_else(|| Uuid::new_v4().to_string());
    let mut event = Event::builder(id, arguments.source.as_str(), arguments.kind.as_str())
        .time(Clock::system().now());
    if let Some(subject) = &arguments.subject {
        event = event.subject(subject.as_str());
    }
    for (name, value) in &arguments.extension {
        event = event.extension(name.as_str(), value.as_str());
    }
    let (data, media_type) = typed(read_data(arguments)?, arguments.content_type.as_deref())?;
    if let Some(media_type) = media_type {
        event = event.datacontenttype(media_type);
    }
    if let Some(data) = data {
        event = event.data(data);
    }
    event.build().map_err(|invalid| Failure::usage(format!("not a valid CloudEvent: {invalid}")))
}

fn read_data(arguments: &Arguments) -> Result<Bytes, Failure> {
    match (&arguments.data, &arguments.data_file) {
        (Some(text), _) => Ok(Bytes::from(text.clone())),
        (None, Some(path)) => read_file(path),
        (None, None) => Ok(Bytes::new()),
    }
}

/// The content of a file, or of standard input for `-`.
pub(super) fn read_file(path: &Path) -> Result<Bytes, Failure> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_DATA).read_to_end(&mut bytes)
    } else {
        let file = std::fs::File::open(path);
        file.and_then(|file| file.take(MAX_DATA).read_to_end(&mut bytes))
    };
    match read {
        Ok(_) => Ok(Bytes::from(bytes)),
        Err(error) => Err(Failure::usage(format!("{} cannot be read: {error}", path.display()))),
    }
}

/// The data in the form that its media type asks for. A mistaken media type is an error, not a guess.
fn typed(body: Bytes, media_type: Option<&str>) -> Result<(Option<Data>, Option<String>), Failure> {
    match media_type {
        Some(media_type) if is_json_media_type(media_type) => {
            json::check(&body).map_err(|error| {
                Failure::usage(format!("the data is not {media_type}: {error}"))
            })?;
            Ok((Some(Data::Json(body)), Some(media_type.to_owned())))
        }
        Some(media_type) => {
            let data = Data::from_payload(Some(media_type), body);
            Ok((data, Some(media_type.to_owned())))
        }
        None if json::check(&body).is_ok() => {
            Ok((Some(Data::Json(body)), Some("application/json".to_owned())))
        }
        None => Ok(Data::from_body(Some("text/plain; charset=utf-8"), body)),
    }
}

fn subject(arguments: &Arguments, config: &RootConfig) -> Result<String, Failure> {
    let subject = match &arguments.nats_subject {
        Some(subject) => subject.clone(),
        None => {
            let template = Template::parse(SUBJECT)?;
            template.render(&Variables {
                source: ENDPOINT,
                kind: Some(type_suffix(&arguments.kind)),
                ..Variables::default()
            })
        }
    };
    let refuse = |why: String| Failure::usage(format!("subject `{subject}`: {why}"));
    let wanted = Pattern::parse(&subject).map_err(|error| refuse(error.to_string()))?;
    if subject.contains(['*', '>']) {
        return Err(refuse("an event has one subject, without wildcards".to_owned()));
    }
    let root = subject.split('.').next().unwrap_or_default();
    if root == wire::DOCTOR_ROOT {
        return Err(refuse("`doctor.` holds the doctor's own events".to_owned()));
    }
    let held = config.bus.streams.subjects(StreamRole::Events);
    let covers =
        |pattern: &String| Pattern::parse(pattern).is_ok_and(|pattern| pattern.covers(&wanted));
    if !held.iter().any(covers) {
        return Err(refuse(format!("the stream of events holds {} only", held.join(", "))));
    }
    Ok(subject)
}

/// The message, refused if its retry or its dead letter would not fit.
fn message(event: &Event, bus: &Bus) -> Result<(HeaderMap, Bytes), Failure> {
    let (headers, payload) = nats::encode_structured(event);
    let mut map = HeaderMap::new();
    let mut size = payload.len();
    for (name, value) in headers {
        size += name.len() + value.len() + 4;
        map.insert(name, value);
    }
    let limit = bus.max_payload().saturating_sub(wire::RECORD_RESERVE);
    if size > limit {
        return Err(Failure::usage(format!(
            "the event has {size} bytes, and the broker takes {limit} of one event"
        )));
    }
    Ok((map, payload))
}

fn not_published(error: PublishError) -> Failure {
    let unavailable = matches!(error, PublishError::Unavailable(_));
    let hint = if unavailable { "; is a service running, which makes the streams?" } else { "" };
    Failure::failed(format!("{}{hint}", event_bus_core::Chain(&error)))
}

fn parse_extension(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_media_type_of_data_is_found_out_or_checked() {
        for (body, given, expected) in [
            (r#"{"a":1}"#, None, Some(Some("application/json"))),
            ("hello", None, Some(Some("text/plain; charset=utf-8"))),
            ("", None, Some(None)),
            ("<a/>", Some("text/xml"), Some(Some("text/xml"))),
            ("{", Some("application/json"), None),
            ("", Some("application/json"), None),
            ("1e400", Some("application/vnd.x+json"), None),
        ] {
            let typed = typed(Bytes::from_static(body.as_bytes()), given);
            let media_type = typed.map(|(_, media_type)| media_type).ok();
            assert_eq!(
                media_type,
                expected.map(|text| text.map(str::to_owned)),
                "{body} {given:?}"
            );
        }
    }
}
