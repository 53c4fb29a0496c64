//! `event-bus routes`: which routes stand on the bus, which are configured, which were left behind, and what their
//! destinations need.

use std::collections::{BTreeMap, BTreeSet};

use clap::{Args, Subcommand};
use event_bus_core::wire;
use event_bus_runtime::SecretResolver;
use relay_outbound::address::AddressGuard;
use relay_outbound::routes::{self, RouteOnBus};
use serde::Serialize;

use super::bus;
use crate::cli::Context;
use crate::config::{RootConfig, secrets};
use crate::failure::{Failure, Outcome};
use crate::output::{confirm, note};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show all routes, on the bus and in the configuration
    List,
    /// Delete the consumers of a route and its waiting retries
    Remove {
        /// Name of the route
        name: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Make what a route's destination needs, such as the table of a Postgres sink
    Migrate {
        /// Name of the route
        name: String,
        /// Only show what would be run
        #[arg(long)]
        print: bool,
    },
}

/// One route.
#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    state: State,
    subjects: Vec<String>,
    pending: u64,
    in_flight: usize,
    retries: u64,
    connected: bool,
}

/// How a route stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    /// Configured, and on the bus.
    Active,
    /// Configured, but no relay has made its consumers yet.
    Absent,
    /// On the bus, but in no configuration: its events wait for nobody.
    Orphaned,
    /// On the bus; no configuration was given to compare with.
    Unknown,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let config = context.source.read()?;
    match arguments.command {
        Command::List => list(context, &config).await,
        Command::Remove { name, yes } => remove(context, &config, &name, yes).await,
        Command::Migrate { name, print } => migrate(context, &config, &name, print).await,
    }
}

async fn list(context: &Context, config: &RootConfig) -> Outcome {
    let bus = bus::connect(context, config).await?;
    let on_bus = routes::list(&bus, &config.stream_names()).await?;
    let listed = compare(on_bus, config);
    if context.output.is_json() {
        return context.output.json(&listed);
    }
    if listed.is_empty() {
        note("there are no routes");
        return Ok(());
    }
    let rows = listed.iter().map(|route| {
        [
            route.name.clone(),
            route.state.word().to_owned(),
            (if route.connected { "yes" } else { "no" }).to_owned(),
            route.pending.to_string(),
            route.in_flight.to_string(),
            route.retries.to_string(),
            route.subjects.join(", "),
        ]
    });
    let head = ["ROUTE", "STATE", "CONNECTED", "PENDING", "IN FLIGHT", "RETRIES", "SUBJECTS"];
    context.output.table(head, rows)?;
    for route in listed.iter().filter(|route| route.state == State::Orphaned) {
        note(format!("nobody delivers {0}: event-bus routes remove {0}", route.name));
    }
    Ok(())
}

async fn remove(context: &Context, config: &RootConfig, name: &str, yes: bool) -> Outcome {
    let bus = bus::connect(context, config).await?;
    let configured = configured(config).is_some_and(|routes| routes.contains_key(name));
    let again = if configured { " (a relay that starts makes it anew)" } else { "" };
    confirm(&format!("remove route {name} and its waiting retries{again}?"), yes)?;
    match routes::remove(&bus, &config.stream_names(), name).await? {
        Some(purged) => {
            let removed = serde_json::json!({ "removed": name, "retries_purged": purged });
            context.output.either(&removed, || format!("{name} is removed, {purged} retries too"))
        }
        None => Err(Failure::failed(format!("there is no route {name} on the bus"))),
    }
}

async fn migrate(context: &Context, config: &RootConfig, name: &str, print: bool) -> Outcome {
    let unknown = || Failure::usage(format!("there is no route {name} in the configuration"));
    let outbound = config.outbound.as_ref().ok_or_else(unknown)?;
    let route = outbound.routes.iter().find(|route| route.name == name).ok_or_else(unknown)?;
    let settings = route.sink.settings();
    let Some(text) = settings.migration() else {
        let message = format!("the destination of route {name} needs nothing made");
        return Err(Failure::usage(message));
    };
    if print {
        let shown = serde_json::json!({ "migration": text });
        return context.output.either(&shown, || text.clone());
    }
    let resolver = SecretResolver::new(context.source.env().clone(), &config.secrets);
    secrets::fetch(&resolver, &settings.secrets()).await?;
    let guard = AddressGuard::new(outbound.deny_private, outbound.allow_cidrs.clone());
    let done = settings.migrate(&resolver, &guard).await?;
    context.output.either(&serde_json::json!({ "migrated": name }), || done.clone())
}

/// Routes of the configuration and their subjects; none without such a section.
fn configured(config: &RootConfig) -> Option<BTreeMap<String, Vec<String>>> {
    let outbound = config.outbound.as_ref()?;
    let doctor = config.doctor.as_ref().is_some_and(|doctor| doctor.secret.is_some());
    let doctor = doctor.then(relay_outbound::doctor_route);
    let routes = outbound.routes.iter().cloned().chain(doctor);
    Some(routes.map(|route| (route.name, route.subjects)).collect())
}

fn compare(on_bus: Vec<RouteOnBus>, config: &RootConfig) -> Vec<Listed> {
    let wanted = configured(config);
    let found: BTreeSet<String> = on_bus.iter().map(|route| route.name.clone()).collect();
    let mut listed: Vec<Listed> = on_bus
        .into_iter()
        .map(|route| Listed {
            state: State::of(&route.name, wanted.as_ref()),
            name: route.name,
            subjects: route.subjects,
            pending: route.pending,
            in_flight: route.in_flight,
            retries: route.retries,
            connected: route.connected,
        })
        .collect();
    let absent = wanted.into_iter().flatten().filter(|(name, _)| !found.contains(name));
    listed.extend(absent.map(|(name, subjects)| Listed {
        name,
        state: State::Absent,
        subjects,
        pending: 0,
        in_flight: 0,
        retries: 0,
        connected: false,
    }));
    listed.sort_by(|left, right| left.name.cmp(&right.name));
    listed
}

impl State {
    fn of(name: &str, wanted: Option<&BTreeMap<String, Vec<String>>>) -> Self {
        match wanted {
            None => Self::Unknown,
            Some(wanted) if wanted.contains_key(name) => Self::Active,
            // Another process may run the doctor's route; it belongs to no configuration.
            Some(_) if name == wire::DOCTOR_NAME => Self::Unknown,
            Some(_) => Self::Orphaned,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Absent => "absent",
            Self::Orphaned => "orphaned",
            Self::Unknown => "-",
        }
    }
}
