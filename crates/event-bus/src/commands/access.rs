//! `event-bus access`: why somebody may publish a message, or may not, without sending it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use event_bus_core::Chain;
use serde::Serialize;
use topic_gateway::access::{Access, Denied, Reason};
use topic_gateway::json::{Limits, Value, parse};
use topic_gateway::schema::{Options, Schema};
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
    let reader = reader(&location, config.as_ref(), context).await?;
    let text = read(&reader, &location).await?;
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
    let items = message.as_array().filter(|items| !items.is_empty());
    let several = match items {
        Some(items) if !takes_arrays(&reader, topics, &topic).await => Some(items),
        Some(_) | None => None,
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
    location: &Location,
    config: Option<&RootConfig>,
    context: &Context,
) -> Result<Reader, Failure> {
    let bus = match location {
        Location::File(_) | Location::S3 { .. } => None,
        Location::Kv { .. } => {
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

/// Whether the topic takes an array as one message, as far as its schema can be had.
async fn takes_arrays(reader: &Reader, topics: Option<&Config>, topic: &str) -> bool {
    let Some(topics) = topics else { return false };
    let configured = topics.topic.iter().find(|each| each.name == topic);
    let mut schema = configured.map(|each| each.schema.clone());
    if let (None, Some(registry)) = (&schema, &topics.registry) {
        let listed = reader.list(&registry.location).await.unwrap_or_default();
        let name = |stem: &str| format!("{}{}", registry.prefix, stem.to_lowercase());
        schema = listed.into_iter().find(|(stem, _)| name(stem) == topic).map(|(_, found)| found);
    }
    let Some(schema) = schema else { return false };
    let text = reader.read(&schema).await.unwrap_or_default();
    let document = parse(&text, Limits::default()).ok();
    let compiled = document.and_then(|document| Schema::new(document, &Options::default()).ok());
    if compiled.is_none() {
        note(format!("{schema} cannot be used, so each item of the array is taken for a message"));
    }
    compiled.is_some_and(|schema| schema.names_arrays())
}
