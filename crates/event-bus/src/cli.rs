//! The command line: what can be written, and which code does it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use event_bus_runtime::EnvMap;
use event_bus_runtime::bus::ServerUrls;

use crate::commands::{
    access, check_config, config_schema, dead_letters, doctor, listen, publish, routes, schemas,
    trigger,
};
use crate::config::ConfigSource;
use crate::failure::{EXIT_MISUSE, Outcome};
use crate::output::Output;
use crate::reference;
use crate::service::{self, Mode};
use crate::up;

/// Names under which the binary is a single mode, and the commands that they stand for.
const MODES: [(&str, &str); 4] = [
    ("serve-inbound", "serve-inbound"),
    ("relay-outbound", "relay-outbound"),
    ("topic-gateway", "topic-gateway"),
    ("event-bus-doctor", "doctor"),
];

/// Webhooks in, CloudEvents on NATS JetStream, webhooks out.
#[derive(Debug, Parser)]
#[command(name = "event-bus", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

/// What every command understands.
#[derive(Debug, Args)]
struct Global {
    /// Configuration file; EVENT_BUS_CONFIG names it too
    #[arg(long, short, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Address of the broker instead of the configured one
    #[arg(long, global = true, value_name = "URL", value_parser = parse_url)]
    url: Option<ServerUrls>,
    /// Print results as JSON: one document, or one for each line
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run everything here: a managed nats-server, both services, and a sink that prints events
    Up(up::Arguments),
    /// Run the HTTP side: webhooks and CloudEvents to the bus
    ServeInbound,
    /// Run the relay: events from the bus to sinks
    RelayOutbound,
    /// Run the gateway of governed topics: messages with tokens and schemas to the bus
    TopicGateway(reference::Arguments),
    /// Prove that a running system does its job, or explain a finding
    Doctor(doctor::Arguments),
    /// Publish one CloudEvent
    Publish(publish::Arguments),
    /// Show events as they come
    Listen(listen::Arguments),
    /// Run a destination that prints the events it receives, to try things out
    Sink(up::SinkArguments),
    /// Send a signed sample to a running inbound
    Trigger(trigger::Arguments),
    /// Show or remove routes, or prepare their destinations
    Routes(routes::Arguments),
    /// Look at, send again or delete events that a route gave up
    DeadLetters(dead_letters::Arguments),
    /// Say why somebody may publish a message to a topic, or may not
    Access(access::Arguments),
    /// Say whether schemas of topics take what older ones took
    Schemas(schemas::Arguments),
    /// Check the configuration file; nothing else is touched
    CheckConfig,
    /// Print the JSON Schema of the configuration file
    ConfigSchema,
    /// Keep a broker alive only as long as the process that started it
    #[command(hide = true)]
    GuardBroker(up::GuardArguments),
}

/// What a command works with.
pub(crate) struct Context {
    pub(crate) source: ConfigSource,
    pub(crate) output: Output,
}

impl Cli {
    /// Reads the command line; where it is no command, says so and gives the exit code.
    pub(crate) fn from_arguments(
        arguments: impl IntoIterator<Item = OsString>,
    ) -> Result<Self, ExitCode> {
        Self::try_parse_from(with_mode(arguments)).map_err(|error| {
            // Help and version are asked for and go to stdout; everything else is misuse.
            let misuse = error.use_stderr();
            error.print().ok();
            if misuse { ExitCode::from(EXIT_MISUSE) } else { ExitCode::SUCCESS }
        })
    }

    /// Does what the command line says.
    pub(crate) async fn run(self) -> Outcome {
        let Global { config, url, json } = self.global;
        let context = Context {
            source: ConfigSource::new(config, url, EnvMap::from_process()),
            output: Output::new(json),
        };
        match self.command {
            Command::Up(arguments) => Box::pin(up::run(arguments, context)).await,
            Command::ServeInbound => service::run(context.source, Mode::Inbound).await,
            Command::RelayOutbound => service::run(context.source, Mode::Outbound).await,
            Command::TopicGateway(arguments) => Box::pin(reference::run(arguments, context)).await,
            Command::Doctor(arguments) => doctor::run(arguments, &context).await,
            Command::Publish(arguments) => publish::run(arguments, &context).await,
            Command::Sink(arguments) => up::run_sink(arguments, &context).await,
            Command::Listen(arguments) => Box::pin(listen::run(arguments, &context)).await,
            Command::Trigger(arguments) => trigger::run(arguments, &context).await,
            Command::Routes(arguments) => routes::run(arguments, &context).await,
            Command::DeadLetters(arguments) => dead_letters::run(arguments, &context).await,
            Command::Access(arguments) => access::run(arguments, &context).await,
            Command::Schemas(arguments) => schemas::run(arguments, &context),
            Command::CheckConfig => check_config::run(&context),
            Command::ConfigSchema => config_schema::run(&context),
            Command::GuardBroker(arguments) => up::guard(&arguments),
        }
    }
}

/// A link named after a mode is that mode: the mode is put before the other arguments.
fn with_mode(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<_> = arguments.into_iter().collect();
    let called = arguments.first().map(Path::new).and_then(Path::file_name);
    let mode = MODES.into_iter().find(|(name, _)| called == Some((*name).as_ref()));
    if let Some((_, command)) = mode {
        arguments.insert(1, command.into());
    }
    arguments
}

fn parse_url(text: &str) -> Result<ServerUrls, event_bus_runtime::bus::InvalidServerUrl> {
    ServerUrls::parse([text])
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_link_named_after_a_mode_is_that_mode() {
        let called = |name: &str| {
            let arguments = [name, "--json"].map(OsString::from);
            with_mode(arguments).into_iter().map(|text| text.into_string().unwrap()).collect()
        };
        let direct: Vec<String> = called("/usr/bin/event-bus");
        assert_eq!(direct, ["/usr/bin/event-bus", "--json"]);
        for (name, mode) in MODES {
            let linked: Vec<String> = called(&format!("/usr/bin/{name}"));
            assert_eq!(linked[1..], [mode, "--json"]);
        }
    }
}
