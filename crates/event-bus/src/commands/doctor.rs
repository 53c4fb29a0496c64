//! `event-bus doctor`: proves that a running system does its job, and explains what it finds.

use std::io::IsTerminal as _;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use event_bus_core::subject::Pattern;
use event_bus_doctor::{Admin, Options};
use event_bus_runtime::config::duration;
use event_bus_runtime::{Bus, Check, CheckContext, Clock, SecretResolver, shutdown};

use super::bus;
use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};
use crate::output::Output;

/// How long a vault that is away is tried.
const FETCH_WITHIN: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(flatten)]
    run: Run,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Ask the running system (also without this word)
    Run(Run),
    /// Explain a finding
    Explain {
        /// Code of the finding, such as EB0007; without one all are listed
        code: Option<String>,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Form of the report; --json is the same as --format json
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Count warnings as failures
    #[arg(long)]
    strict: bool,
    /// How long the whole run may take
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = duration::parse)]
    deadline: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Text,
    Json,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    match arguments.command {
        None => examine(arguments.run, context).await,
        Some(Command::Run(run)) => examine(run, context).await,
        Some(Command::Explain { code: Some(code) }) => explain(&code, context.output),
        Some(Command::Explain { code: None }) => list(context.output),
    }
}

async fn examine(run: Run, context: &Context) -> Outcome {
    let config = context.source.read()?;
    bus::start_log()?;
    let interrupt = shutdown::signals();
    let secrets = SecretResolver::new(context.source.env().clone(), &config.secrets);
    // What no vault gives is a finding of the checks.
    let all = config.secrets_of(&["bus", "doctor", "inbound", "outbound"]);
    let all = all.iter().map(|(_, reference)| reference);
    secrets.fetch_within(all, FETCH_WITHIN).await.ok();
    let bus =
        Bus::connect(&config.bus, &secrets, "event-bus-doctor").await.map_err(bus::failure)?;
    let streams = config.bus.streams.clone();
    let examined = CheckContext::new(bus, streams, secrets, Clock::system());
    let scope = context.source.file().map(|file| file.display().to_string());
    let options = Options {
        scope: scope.unwrap_or_else(|| config.bus.url.to_string()),
        strict: run.strict,
        deadline: run.deadline,
        interrupt,
    };
    let report = event_bus_doctor::run(options, checks(&config), examined).await;
    if context.output.is_json() || run.format == Format::Json {
        context.output.json(&report)?;
    } else {
        context.output.line(report.to_text(std::io::stdout().is_terminal()).trim_end())?;
    }
    if report.exit_code() == 0 { Ok(()) } else { Err(Failure::Reported) }
}

/// The checks of the bus and of every service that is configured.
fn checks(config: &RootConfig) -> Vec<Box<dyn Check>> {
    let doctor = config.doctor.clone().unwrap_or_default();
    let (inbound, outbound) = (config.inbound.as_ref(), config.outbound.as_ref());
    let admins = [
        ("serve-inbound", inbound.and_then(|inbound| inbound.admin_listen)),
        ("relay-outbound", outbound.and_then(|outbound| outbound.admin_listen)),
        ("topic-gateway", config.topics.as_ref().and_then(|topics| topics.admin_listen)),
    ];
    let admins = admins
        .into_iter()
        .filter_map(|(service, address)| Some(Admin { service, address: address? }));
    let mut checks = event_bus_doctor::bus_checks(&config.bus, &doctor, admins.collect());
    if let Some(inbound) = inbound {
        checks.extend(serve_inbound::checks(inbound, doctor.secret.as_ref()));
    }
    if let Some(outbound) = outbound {
        let names = config.stream_names();
        checks.extend(relay_outbound::checks(outbound, names, doctor.secret.is_some()));
    }
    if let Some(topics) = &config.topics {
        checks.extend(topic_gateway::checks(topics, outbound.map(routes)));
    }
    checks
}

/// What topics need to know of the routes.
fn routes(outbound: &relay_outbound::Config) -> Vec<topic_gateway::Route> {
    let route = |route: &relay_outbound::RouteConfig| topic_gateway::Route {
        name: route.name.clone(),
        subjects: route.subjects.iter().filter_map(|text| Pattern::parse(text).ok()).collect(),
        receipts: route.receipts,
    };
    outbound.routes.iter().map(route).collect()
}

fn explain(code: &str, output: Output) -> Outcome {
    match event_bus_doctor::explain(code) {
        Some(page) => {
            let document = serde_json::json!({ "code": code.to_uppercase(), "page": page });
            output.either(&document, || page.trim_end().to_owned())
        }
        None => Err(Failure::usage(format!(
            "there is no finding {code}; `event-bus doctor explain` lists them"
        ))),
    }
}

fn list(output: Output) -> Outcome {
    if output.is_json() {
        let codes = event_bus_doctor::codes();
        let codes: Vec<_> = codes
            .map(|(code, title)| serde_json::json!({ "code": code, "title": title }))
            .collect();
        return output.json(&codes);
    }
    let rows = event_bus_doctor::codes().map(|(code, title)| [code.to_owned(), title.to_owned()]);
    output.table(["CODE", "FINDING"], rows)
}
