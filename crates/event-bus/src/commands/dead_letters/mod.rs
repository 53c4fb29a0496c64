//! `event-bus dead-letters`: events that a route gave up: look at them, give them back, delete them.

mod change;
mod show;
mod summary;

use std::ops::ControlFlow;

use clap::{Args, Subcommand};
use event_bus_core::delivery::DeadLetterReason;
use event_bus_core::wire::DOCTOR_NAME;
use relay_outbound::dead_letters::{DeadLetterError, DeadLetters, Entry, Selection};

use self::summary::Summary;
use super::bus;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::note;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the dead letters, the oldest first
    List {
        /// Only of this route
        #[arg(long)]
        route: Option<String>,
        /// Only for this reason: refused, exhausted, unencodable, undecodable or crashing
        #[arg(long, value_parser = parse_reason)]
        reason: Option<DeadLetterReason>,
        /// At most so many
        #[arg(long, default_value_t = 100)]
        limit: usize,
    },
    /// Show one dead letter with its event
    Show {
        /// Its number, as `list` shows it
        number: u64,
    },
    /// Give events back to their routes, with all their attempts before them
    Redrive {
        #[command(flatten)]
        which: Which,
        /// Only say what would be done
        #[arg(long)]
        dry_run: bool,
    },
    /// Delete dead letters for good
    Purge {
        #[command(flatten)]
        which: Which,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// Which dead letters are meant; one of these must be said.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The one with this number
    number: Option<u64>,
    /// All of them
    #[arg(long)]
    all: bool,
    /// All of this route
    #[arg(long)]
    route: Option<String>,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let config = context.source.read()?;
    let bus = bus::connect(context, &config).await?;
    let letters = DeadLetters::new(bus, config.stream_names());
    let routes = config.outbound.iter().flat_map(|outbound| &outbound.routes);
    let routes: Vec<_> = routes.map(|route| route.name.as_str()).chain([DOCTOR_NAME]).collect();
    match arguments.command {
        Command::List { route, reason, limit } => {
            let selection = Selection { route, reason, sequence: None };
            list(&letters, &selection, limit, context).await
        }
        Command::Show { number } => show::run(&letters, number, context).await,
        Command::Redrive { which, dry_run } => {
            change::redrive(&letters, &which.selection(), dry_run, &routes, context).await
        }
        Command::Purge { which, yes } => {
            change::purge(&letters, &which.selection(), yes, &routes, context).await
        }
    }
}

async fn list(
    letters: &DeadLetters,
    selection: &Selection,
    limit: usize,
    context: &Context,
) -> Outcome {
    let found = select(letters, selection, limit).await?;
    if context.output.is_json() {
        return context.output.json(&found);
    }
    if found.is_empty() {
        note("there are no such dead letters");
        return Ok(());
    }
    let full = found.len() == limit;
    let rows = found.into_iter().map(|letter| {
        let status = letter.status.map(|status| format!(" {status}")).unwrap_or_default();
        [
            letter.number.to_string(),
            letter.route,
            format!("{}{status}", letter.reason),
            letter.attempts.to_string(),
            letter.recorded,
            letter.origin_subject,
            letter.event_id.unwrap_or_default(),
            letter.detail,
        ]
    });
    let head = ["NUMBER", "ROUTE", "REASON", "ATTEMPTS", "SINCE", "SUBJECT", "EVENT", "DETAIL"];
    context.output.table(head, rows)?;
    if full {
        note(format!("there may be more than {limit}: see --limit"));
    }
    Ok(())
}

/// The selected dead letters without their events, at most `limit`.
async fn select(
    letters: &DeadLetters,
    selection: &Selection,
    limit: usize,
) -> Result<Vec<Summary>, DeadLetterError> {
    let mut found = Vec::new();
    let collect = |entry: Entry| {
        if found.len() < limit {
            found.push(Summary::of(&entry));
        }
        if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    };
    letters.visit(selection, collect).await?;
    Ok(found)
}

impl Which {
    fn selection(self) -> Selection {
        Selection { route: self.route, reason: None, sequence: self.number }
    }
}

fn parse_reason(text: &str) -> Result<DeadLetterReason, String> {
    DeadLetterReason::parse(text).ok_or_else(|| {
        let known: Vec<_> =
            DeadLetterReason::ALL.into_iter().map(DeadLetterReason::as_str).collect();
        format!("known reasons are {}", known.join(", "))
    })
}

/// There is nothing to be done to nothing.
fn none() -> Failure {
    Failure::failed("there are no such dead letters")
}
