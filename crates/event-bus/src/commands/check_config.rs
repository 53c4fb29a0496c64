//! `event-bus check-config`: reads the file and nothing else, and says what is in it and what is wrong.

use event_bus_runtime::ConfigError;
use serde::Serialize;
use topic_gateway::Acknowledge;

use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};
use crate::output::note;

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    ok: bool,
    file: Option<String>,
    sources: Vec<Item>,
    routes: Vec<Item>,
    topics: Vec<Item>,
    problems: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Item {
    name: String,
    /// Provider of a source, sink of a route, when a producer of a topic is answered.
    kind: String,
    subjects: Vec<String>,
}

pub(crate) fn run(context: &Context) -> Outcome {
    if context.source.is_empty() {
        return Err(Failure::usage("name a file with --config or EVENT_BUS_CONFIG"));
    }
    if context.source.file().is_none() {
        note("no file was read, only the environment; name one with --config or EVENT_BUS_CONFIG");
    }
    let file = context.source.file().map(|path| path.display().to_string());
    match context.source.check() {
        Ok(config) => {
            let checked = Checked {
                ok: true,
                file,
                sources: sources(&config),
                routes: routes(&config),
                topics: topics(&config),
                problems: Vec::new(),
            };
            context.output.either(&checked, || text(&checked, &config))
        }
        Err(errors) => {
            let problems = errors.iter().flat_map(lines).collect();
            let (sources, routes, topics) = (Vec::new(), Vec::new(), Vec::new());
            let checked = Checked { ok: false, file, sources, routes, topics, problems };
            if context.output.is_json() {
                context.output.json(&checked)?;
                return Err(Failure::usage("the configuration cannot be used"));
            }
            let lines = checked.problems.iter().map(|problem| format!("\n  {problem}"));
            let lines: String = lines.collect();
            Err(Failure::usage(format!("the configuration cannot be used{lines}")))
        }
    }
}

fn sources(config: &RootConfig) -> Vec<Item> {
    let Some(inbound) = &config.inbound else { return Vec::new() };
    let sources = inbound.sources.iter().map(|source| Item {
        name: source.name.clone(),
        kind: provider(source),
        subjects: vec![source.subject_template().to_owned()],
    });
    let events = inbound.events.iter().map(|events| Item {
        name: serve_inbound::EVENTS_ENDPOINT.to_owned(),
        kind: "cloudevents".to_owned(),
        subjects: vec![events.subject.clone()],
    });
    sources.chain(events).collect()
}

fn routes(config: &RootConfig) -> Vec<Item> {
    let Some(outbound) = &config.outbound else { return Vec::new() };
    let routes = outbound.routes.iter().map(|route| Item {
        name: route.name.clone(),
        kind: route.sink.settings().kind().to_owned(),
        subjects: route.subjects.clone(),
    });
    routes.collect()
}

fn topics(config: &RootConfig) -> Vec<Item> {
    let topics = config.topics.iter().flat_map(|topics| &topics.topic);
    let topics = topics.map(|topic| Item {
        name: topic.name.clone(),
        kind: match topic.acknowledge {
            Acknowledge::Durable => "durable",
            Acknowledge::Delivered => "delivered",
        }
        .to_owned(),
        subjects: vec![topic.subject()],
    });
    topics.collect()
}

fn provider(source: &serve_inbound::SourceConfig) -> String {
    let scheme = source.scheme().ok().flatten();
    scheme.map(|scheme| scheme.name().to_owned()).unwrap_or_default()
}

fn text(checked: &Checked, config: &RootConfig) -> String {
    let mut lines = Vec::new();
    let name = checked.file.as_deref().unwrap_or("the environment");
    lines.push(format!("{name} is sound"));
    for (what, items, present) in [
        ("source", &checked.sources, config.inbound.is_some()),
        ("route", &checked.routes, config.outbound.is_some()),
        ("topic", &checked.topics, config.topics.is_some()),
    ] {
        if !present {
            continue;
        }
        for Item { name, kind, subjects } in items {
            lines.push(format!("  {what} {name} ({kind}): {}", subjects.join(", ")));
        }
        if items.is_empty() {
            lines.push(format!("  no {what}s"));
        }
    }
    lines.join("\n")
}

fn lines(error: &ConfigError) -> Vec<String> {
    let text = match error {
        ConfigError::Unreadable { .. } => event_bus_core::Chain(error).to_string(),
        ConfigError::Syntax { .. }
        | ConfigError::Variable { .. }
        | ConfigError::Value(_)
        | ConfigError::Invalid(_) => error.to_string(),
    };
    text.lines().map(str::to_owned).collect()
}
