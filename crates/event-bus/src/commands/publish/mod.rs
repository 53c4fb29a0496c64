//! `event-bus publish`: makes one CloudEvent and stores it on the bus, or has an inbound store it.
//!
//! The event is as strict as one that comes in over HTTP. It is published only once under one id, however often the
//! command is repeated within the stream's duplicate window.

mod event;
mod http;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use event_bus_core::event::{Event, nats};
use event_bus_core::key::EventKey;
use event_bus_core::subject::{Pattern, Template, Variables, type_suffix};
use event_bus_core::wire;
use event_bus_runtime::Bus;
use event_bus_runtime::bus::{Outgoing, PublishError, Publisher, StreamRole};
use event_bus_runtime::config::duration;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use url::Url;

use super::bus;
use super::client::parse_target;
use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};
use crate::output::printable;
pub(super) use event::read_file;

/// Stands where the name of an endpoint stands for events that came over HTTP, in subjects and deduplication ids.
const ENDPOINT: &str = "publish";

/// Subject of an event unless the command names one.
const SUBJECT: &str = "fleet.{source}.{type}";

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
    /// Subject on the bus; by default fleet.publish. and the type without com and vendor
    #[arg(long, value_name = "SUBJECT")]
    nats_subject: Option<String>,
    /// Send to this `POST /events` of an inbound instead of to the bus; it chooses the subject on the bus
    #[arg(long, value_name = "URL", value_parser = parse_target, conflicts_with = "nats_subject")]
    to: Option<Url>,
    /// File with the bearer token that the inbound asks for
    #[arg(long, value_name = "FILE", requires = "to")]
    token_file: Option<PathBuf>,
    /// How long to try
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = duration::parse)]
    timeout: Duration,
}

/// The result, on both ways.
#[derive(Debug, Deserialize, Serialize)]
struct Published {
    id: String,
    subject: String,
    stream: String,
    seq: u64,
    duplicate: bool,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let published = match &arguments.to {
        Some(url) => {
            let token = arguments.token_file.as_deref().map(http::read_token).transpose()?;
            let event = event::event(&arguments)?;
            http::send(&event, url, token.as_ref(), arguments.timeout).await?
        }
        None => to_bus(&arguments, context).await?,
    };
    context.output.either(&published, || {
        let Published { id, subject, stream, seq, duplicate } = &published;
        let was = if *duplicate { "was already" } else { "is now" };
        printable(&format!("{id} {was} on {stream} at {seq}, subject {subject}"))
    })
}

async fn to_bus(arguments: &Arguments, context: &Context) -> Result<Published, Failure> {
    let config = context.source.read()?;
    let subject = subject(arguments, &config)?;
    let event = event::event(arguments)?;
    let deadline = Instant::now() + arguments.timeout;
    let bus = bus::connect_until(deadline, context, &config).await?;
    let stream = config.bus.streams.name(StreamRole::Events);
    let (headers, payload) = message(&event, &bus)?;
    let outgoing = Outgoing {
        subject: subject.as_str().into(),
        headers: &headers,
        payload,
        dedup_id: &EventKey::of(&event).dedup_id(ENDPOINT),
        stream,
    };
    let ack = Publisher::new(bus).publish(outgoing, deadline).await.map_err(not_published)?;
    Ok(Published {
        id: event.id().to_owned(),
        subject,
        stream: ack.stream.to_string(),
        seq: ack.seq,
        duplicate: ack.duplicate,
    })
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
fn message(event: &Event, bus: &Bus) -> Result<nats::Message, Failure> {
    let (headers, payload) = nats::encode_structured(event);
    let lines: usize = headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum();
    let size = payload.len() + lines;
    let limit = bus.max_payload().saturating_sub(wire::RECORD_RESERVE);
    if size > limit {
        return Err(Failure::usage(format!(
            "the event has {size} bytes, and the broker takes {limit} of one event"
        )));
    }
    Ok((headers, payload))
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
