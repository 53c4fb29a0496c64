//! `event-bus access`: why somebody may publish a message, or may not, without sending it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use event_bus_core::Chain;
use serde::Serialize;
use topic_gateway::access::{Access, Reason};
use topic_gateway::json::{Limits, Value, parse};
use topic_gateway::{Config, Location, Profile, Reader, field_value};

use super::bus;
use super::publish::read_file;
use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};
use crate::output::{note, printable};
use crate::reference::parse_profile;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say why a message would be let through or not; the exit code is 0 or 1
    Explain(Explain),
}

#[derive(Debug, Args)]
struct Explain {
    /// Who publishes: `sub` of the token
    subject: String,
    /// Name of the topic
    topic: String,
    /// The message as JSON; - reads it from standard input
    file: PathBuf,
    /// The access document, instead of the one that the configuration names: a file, s3://BUCKET/KEY or kv://BUCKET/KEY
    #[arg(long, value_name = "FILE")]
    access: Option<Location>,
    /// Whether names are compared without case (head) or with it (seed); head, unless the configuration says otherwise
    #[arg(long, value_name = "VERSION", value_parser = parse_profile)]
    compat: Option<Profile>,
}

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Explained<'a> {
    allowed: bool,
    subject: &'a str,
    topic: &'a str,
    /// What was looked at, in order, and the outcome last.
    because: &'a [String],
    /// As the label of metrics.
    reason: Option<&'static str>,
    /// What the sender is told.
    error: Option<Told<'a>>,
}

#[derive(Debug, Serialize)]
struct Told<'a> {
    #[serde(rename = "type")]
    kind: &'static str,
    message: &'a str,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let Command::Explain(explain) = arguments.command;
    // The gateway reads names in paths this way.
    let topic = explain.topic.to_lowercase();
    let config = match context.source.is_empty() {
        true => None,
        false => Some(context.source.read()?),
    };
    let topics = config.as_ref().and_then(|config| config.topics.as_ref());
    let location = location(&explain, topics, &topic, config.is_some())?;
    let text = read(&location, config.as_ref(), context).await?;
    let access = Access::parse(&text)
        .map_err(|error| Failure::usage(format!("{location}: {}", Chain(&error))))?;
    let configured = topics.map(|topics| topics.compat);
    let access = access.with_profile(explain.compat.or(configured).unwrap_or_default());
    let text = read_file(&explain.file)?;
    let message = parse(&text, Limits::default()).map_err(|error| {
        Failure::usage(format!("{}: not JSON: {}", explain.file.display(), Chain(&error)))
    })?;
    for warning in access.warnings() {
        note(warning);
    }
    if access.is_empty() {
        note("the access document lists nobody: the gateway answers every message with 500");
    }
    explain_decision(&access, &explain.subject, &topic, &message, context)
}

/// The access document that was named, or that of the configuration.
fn location(
    explain: &Explain,
    topics: Option<&Config>,
    topic: &str,
    has_config: bool,
) -> Result<Location, Failure> {
    if let Some(location) = &explain.access {
        return Ok(location.clone());
    }
    let topics = topics.ok_or_else(|| {
        Failure::usage(if has_config {
            "the configuration has no section [topics]; name --access"
        } else {
            "name the access document with --access, or a configuration with --config"
        })
    })?;
    if topics.registry.is_none() && !topics.topic.iter().any(|each| each.name == topic) {
        note(format!("the configuration has no topic {topic}: the gateway answers 404"));
    }
    Ok(topics.access.clone())
}

/// Connects to the bus only for what is kept there.
async fn read(
    location: &Location,
    config: Option<&RootConfig>,
    context: &Context,
) -> Result<Vec<u8>, Failure> {
    let bus = match location {
        Location::File(path) => return Ok(read_file(path)?.into()),
        Location::S3 { .. } => None,
        Location::Kv { .. } => {
            let config = config.ok_or_else(|| {
                Failure::usage(format!("{location} is on the bus, which --config names"))
            })?;
            Some(bus::connect(context, config).await?)
        }
    };
    let aws = config.and_then(|config| config.topics.as_ref()).map(|topics| topics.aws.clone());
    let reader = Reader::new(aws.unwrap_or_default(), bus);
    let read = reader.read(location).await;
    read.map_err(|error| Failure::failed(format!("{location} cannot be read: {}", Chain(&error))))
}

fn explain_decision(
    access: &Access,
    subject: &str,
    topic: &str,
    message: &Value,
    context: &Context,
) -> Outcome {
    let field = |name: &str| field_value(message, name);
    let because = access.explain(Some(subject), topic, &field);
    let decision = access.decide(Some(subject), topic, &field);
    let denied = decision.as_ref().err();
    let explained = Explained {
        allowed: denied.is_none(),
        subject,
        topic,
        because: &because,
        reason: denied.map(|denied| denied.reason()).map(Reason::as_str),
        error: denied.map(|denied| Told { kind: denied.error_type(), message: denied.message() }),
    };
    context.output.either(&explained, || {
        let lines: Vec<_> = because.iter().map(|line| printable(line)).collect();
        lines.join("\n")
    })?;
    if explained.allowed { Ok(()) } else { Err(Failure::Reported) }
}
