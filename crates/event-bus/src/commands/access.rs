//! `event-bus access`: why somebody may publish a message, or may not, without sending it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use event_bus_core::Chain;
use serde::Serialize;
use topic_gateway::access::{Access, Denied, Reason};
use topic_gateway::documents::ReadError;
use topic_gateway::json::{Limits, Value, parse};
use topic_gateway::schema::names_arrays;
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
    /// The message as JSON, or an array of messages; - reads it from standard input
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
    #[serde(flatten)]
    message: Option<Verdict>,
    /// Of several messages, what is said of each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    results: Vec<Indexed>,
}

/// One of several messages.
#[derive(Debug, Serialize)]
struct Indexed {
    index: usize,
    allowed: bool,
    #[serde(flatten)]
    verdict: Verdict,
}

/// What is said of one message.
#[derive(Debug, Serialize)]
struct Verdict {
    /// What was looked at, in order, and the outcome last.
    because: Vec<String>,
    /// As the label of metrics.
    reason: Option<&'static str>,
    /// What the sender is told.
    error: Option<Told>,
}

#[derive(Debug, Serialize)]
struct Told {
    #[serde(rename = "type")]
    kind: &'static str,
    message: String,
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
    let text = read_file(&explain.file)?;
    let message = parse(&text, Limits::default()).map_err(|error| {
        Failure::usage(format!("{}: not JSON: {}", explain.file.display(), Chain(&error)))
    })?;
    let items = message.as_array().filter(|items| !items.is_empty());
    // Only of an array, the schema says what its messages are.
    let schema = items.and(topics).and_then(|topics| schema_place(topics, &topic));
    let needed: Vec<_> = [&location].into_iter().chain(schema).collect();
    let reader = reader(&needed, config.as_ref(), context).await?;
    let text = read(&reader, &location).await?;
    let access = Access::parse(&text)
        .map_err(|error| Failure::usage(format!("{location}: {}", Chain(&error))))?;
    let configured = topics.map(|topics| topics.compat);
    let access = access.with_profile(explain.compat.or(configured).unwrap_or_default());
    for warning in access.warnings() {
        note(warning);
    }
    if access.is_empty() {
        note("the access document lists nobody: the gateway answers every message with 500");
    }
    let several = match (items, topics) {
        (Some(_), Some(topics)) if takes_arrays(&reader, topics, &topic).await? => None,
        (items, _) => items,
    };
    let judge = |message: &Value| Verdict::of(&access, &explain.subject, &topic, message);
    let (message, results) = match several {
        None => (Some(judge(&message)), Vec::new()),
        Some(items) => {
            let results = items.iter().enumerate().map(|(index, item)| {
                let verdict = judge(item);
                Indexed { index, allowed: verdict.error.is_none(), verdict }
            });
            (None, results.collect())
        }
    };
    let allowed = message.iter().all(|verdict| verdict.error.is_none())
        && results.iter().all(|result| result.allowed);
    let (subject, topic) = (explain.subject.as_str(), topic.as_str());
    let explained = Explained { allowed, subject, topic, message, results };
    context.output.either(&explained, || explained.lines().join("\n"))?;
    if allowed { Ok(()) } else { Err(Failure::Reported) }
}

impl Explained<'_> {
    /// For a person.
    fn lines(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.message.iter().flat_map(Verdict::lines).collect();
        for result in &self.results {
            lines.push(format!("message {}:", result.index));
            lines.extend(result.verdict.lines().map(|line| format!("  {line}")));
        }
        let denied = self.results.iter().filter(|result| !result.allowed).count();
        match (self.results.len(), denied) {
            (0, _) => {}
            (all, 0) => lines.push(format!("allowed: each of {all} messages")),
            (all, denied) => lines.push(format!("denied: {denied} of {all} messages")),
        }
        lines
    }
}

impl Verdict {
    fn of(access: &Access, subject: &str, topic: &str, message: &Value) -> Self {
        let field = |name: &str| field_value(message, name);
        let decision = access.decide(Some(subject), topic, &field);
        let denied = decision.as_ref().err();
        let told = |denied: &Denied| Told {
            kind: denied.error_type(),
            message: denied.message().to_owned(),
        };
        Self {
            because: access.explain(Some(subject), topic, &field),
            reason: denied.map(|denied| denied.reason()).map(Reason::as_str),
            error: denied.map(told),
        }
    }

    fn lines(&self) -> impl Iterator<Item = String> {
        self.because.iter().map(|line| printable(line))
    }
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

/// Connects to the bus only for a document that is kept there.
async fn reader(
    needed: &[&Location],
    config: Option<&RootConfig>,
    context: &Context,
) -> Result<Reader, Failure> {
    let on_bus = needed.iter().find(|location| matches!(location, Location::Kv { .. }));
    let bus = match on_bus {
        None => None,
        Some(location) => {
            let config = config.ok_or_else(|| {
                Failure::usage(format!("{location} is on the bus, which --config names"))
            })?;
            Some(bus::connect(context, config).await.map_err(undecided)?)
        }
    };
    let aws = config.and_then(|config| config.topics.as_ref()).map(|topics| topics.aws.clone());
    Ok(Reader::new(aws.unwrap_or_default(), bus))
}

async fn read(reader: &Reader, location: &Location) -> Result<Vec<u8>, Failure> {
    if let Location::File(path) = location {
        return Ok(read_file(path)?.into());
    }
    let read = reader.read(location).await;
    read.map_err(|error| Failure::usage(format!("{location} cannot be read: {}", Chain(&error))))
}

/// The code of a failure would say that the message is denied, which nobody knows.
fn undecided(failure: Failure) -> Failure {
    match failure {
        Failure::Failed(error) => Failure::Misuse(error),
        Failure::Misuse(_) | Failure::Reported | Failure::Quiet => failure,
    }
}

/// The schema of a topic, or where the registry would have it.
fn schema_place<'a>(topics: &'a Config, topic: &str) -> Option<&'a Location> {
    let configured = topics.topic.iter().find(|each| each.name == topic);
    let registry = topics.registry.as_ref().map(|registry| &registry.location);
    configured.map(|each| &each.schema).or(registry)
}

/// Whether the topic takes an array as one message. Without its schema nobody knows how the gateway would judge one.
async fn takes_arrays(reader: &Reader, topics: &Config, topic: &str) -> Result<bool, Failure> {
    let unknown = |place: &Location, why: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "whether topic {topic} takes an array as one message is not known: {place} {why}"
        ))
    };
    let Some(place) = schema_place(topics, topic) else { return Ok(false) };
    let unreadable = |place: &Location, error: &ReadError| {
        unknown(place, &format_args!("cannot be read: {}", Chain(error)))
    };
    let schema = match &topics.registry {
        Some(registry) if *place == registry.location => {
            let listed = reader.list(place).await.map_err(|error| unreadable(place, &error))?;
            let found = listed.into_iter().find(|(stem, _)| registry.topic(stem) == topic);
            let Some((_, schema)) = found else { return Ok(false) };
            schema
        }
        Some(_) | None => place.clone(),
    };
    let text = reader.read(&schema).await.map_err(|error| unreadable(&schema, &error))?;
    let document = parse(&text, Limits::default());
    let document = document
        .map_err(|error| unknown(&schema, &format_args!("is not JSON: {}", Chain(&error))))?;
    Ok(names_arrays(&document))
}
