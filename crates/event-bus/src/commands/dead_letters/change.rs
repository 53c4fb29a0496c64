//! `dead-letters redrive` and `dead-letters purge`: one after the other, each confirmed by the broker.

use relay_outbound::dead_letters::{DeadLetterError, DeadLetters, Selection};
use serde::Serialize;

use super::{none, select};
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::{confirm, note, printable};

/// The result.
#[derive(Debug, Serialize)]
struct Changed {
    /// Numbers of the dead letters that were dealt with.
    numbers: Vec<u64>,
    failed: usize,
    dry_run: bool,
}

pub(super) async fn redrive(
    letters: &DeadLetters,
    selection: &Selection,
    dry_run: bool,
    known_routes: &[&str],
    context: &Context,
) -> Outcome {
    let numbers = numbers(letters, selection, known_routes).await?;
    if dry_run {
        return print("would be given back", Changed { numbers, failed: 0, dry_run }, context);
    }
    let progress = context.output.progress(numbers.len(), "giving back");
    let mut done = Vec::new();
    let mut failed = 0;
    for number in numbers {
        match redrive_one(letters, number).await {
            Ok(()) => done.push(number),
            Err(error) => {
                failed += 1;
                let reason = event_bus_core::Chain(&error).to_string();
                progress.suspend(|| note(format!("{number} stays: {reason}")));
            }
        }
        progress.inc(1);
    }
    progress.finish_and_clear();
    print("given back", Changed { numbers: done, failed, dry_run }, context)
}

pub(super) async fn purge(
    letters: &DeadLetters,
    selection: &Selection,
    yes: bool,
    known_routes: &[&str],
    context: &Context,
) -> Outcome {
    let numbers = numbers(letters, selection, known_routes).await?;
    confirm(&format!("delete {} dead letters for good?", numbers.len()), yes)?;
    let progress = context.output.progress(numbers.len(), "deleting");
    for number in &numbers {
        letters.delete(*number).await?;
        progress.inc(1);
    }
    progress.finish_and_clear();
    print("deleted", Changed { numbers, failed: 0, dry_run: false }, context)
}

async fn redrive_one(letters: &DeadLetters, number: u64) -> Result<(), DeadLetterError> {
    let entry = letters.get(number).await?;
    letters.redrive(&entry).await
}

/// Numbers of the selected ones. What was asked for by its number must exist, and so must a route.
async fn numbers(
    letters: &DeadLetters,
    selection: &Selection,
    known_routes: &[&str],
) -> Result<Vec<u64>, Failure> {
    let found = select(letters, selection, usize::MAX).await?;
    if found.is_empty() {
        match &selection.route {
            _ if selection.sequence.is_some() => return Err(none()),
            // A route that is configured no more has dead letters, or it is a mistake.
            Some(route) if !known_routes.contains(&route.as_str()) => {
                return Err(Failure::failed(format!("there is no route {}", printable(route))));
            }
            Some(_) | None => note("there are no such dead letters"),
        }
    }
    Ok(found.into_iter().map(|letter| letter.number).collect())
}

fn print(what: &str, changed: Changed, context: &Context) -> Outcome {
    let count = changed.numbers.len();
    context.output.either(&changed, || format!("{count} {what}"))?;
    if changed.failed > 0 {
        return Err(Failure::failed(format!("{} stay dead letters", changed.failed)));
    }
    Ok(())
}
