//! `event-bus schemas`: whether a change of schemas breaks those who publish or those who read, before it is made.
//!
//! Only what is proved passes, so it can stand in the way of a merge: an unreadable file, a folder without schemas and
//! a number that cannot be compared exactly are no success either.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};
use event_bus_core::Chain;
use serde::Serialize;
use serde_json::Value;
use topic_gateway::compat::compare;
use topic_gateway::json::{Number, Value as Exact};
use topic_gateway::schema::{Options, Schema, SchemaError};

use super::publish::read_file;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::printable;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compare schemas with older ones; the exit code is 0 if they are compatible, else 1
    Check(Check),
}

#[derive(Debug, Args)]
struct Check {
    /// A JSON Schema, or a folder of them (*.json)
    new: PathBuf,
    /// What was there before: a file, or a folder whose files have the same names
    #[arg(long, value_name = "OLD")]
    against: PathBuf,
    /// What must hold
    #[arg(long, value_enum, default_value_t = Mode::Backward)]
    mode: Mode,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Mode {
    /// The new schema accepts what the old one accepts: producers may stay as they are
    Backward,
    /// The old schema accepts what the new one accepts: consumers may stay as they are
    Forward,
    /// Both
    Full,
}

/// The result as JSON.
#[derive(Debug, Serialize)]
struct Checked {
    compatible: bool,
    mode: Mode,
    schemas: Vec<Item>,
}

/// One schema.
#[derive(Debug, Serialize)]
struct Item {
    /// Name of the file.
    name: String,
    change: Change,
    problems: Vec<Problem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Change {
    Same,
    Changed,
    Added,
    Removed,
}

#[derive(Debug, Serialize)]
struct Problem {
    direction: Mode,
    pointer: String,
    keyword: String,
    message: String,
    /// A value that one schema accepts and the other one refuses; null if the short search found none.
    example: Option<Value>,
}

/// Schemas by the names of their files.
type Schemas = BTreeMap<String, Schema>;

/// Longest example, in characters, that a person is shown.
const LONGEST_EXAMPLE: usize = 300;

pub(crate) fn run(arguments: Arguments, context: &Context) -> Outcome {
    let Command::Check(Check { new, against: old, mode }) = arguments.command;
    let (new, old) = match (is_folder(&new)?, is_folder(&old)?) {
        (true, true) => (folder(&new)?, folder(&old)?),
        (false, false) => {
            // By the name of the new one, whatever the old one is called.
            let name = new.file_name().unwrap_or_default().to_string_lossy().into_owned();
            (Schemas::from([(name.clone(), schema(&new)?)]), Schemas::from([(name, schema(&old)?)]))
        }
        _ => return Err(Failure::usage("name two files or two folders")),
    };
    let names: BTreeSet<&String> = new.keys().chain(old.keys()).collect();
    let schemas = names.into_iter().map(|name| Item::of(name, new.get(name), old.get(name), mode));
    let schemas: Vec<_> = schemas.collect();
    let compatible = schemas.iter().all(|item| item.problems.is_empty());
    let checked = Checked { compatible, mode, schemas };
    context.output.either(&checked, || checked.text())?;
    if compatible { Ok(()) } else { Err(Failure::Reported) }
}

impl Item {
    fn of(name: &str, new: Option<&Schema>, old: Option<&Schema>, mode: Mode) -> Self {
        let (change, problems) = match (new, old) {
            (Some(new), Some(old)) => problems(new, old, mode),
            // Nobody knows it yet.
            (Some(_), None) => (Change::Added, Vec::new()),
            (None, _) => (Change::Removed, removed(mode).into_iter().collect()),
        };
        Self { name: name.to_owned(), change, problems }
    }
}

impl Mode {
    fn asks_for(self, direction: Self) -> bool {
        self == direction || self == Self::Full
    }

    fn word(self) -> &'static str {
        match self {
            Self::Backward => "backward",
            Self::Forward => "forward",
            Self::Full => "fully",
        }
    }
}

impl Checked {
    fn text(&self) -> String {
        let mut lines = Vec::new();
        for Item { name, change, problems } in &self.schemas {
            lines.extend(problems.iter().map(|problem| format!("{name}: {}", problem.text())));
            if problems.is_empty() {
                lines.push(match change {
                    Change::Same => format!("{name}: the same"),
                    Change::Changed => format!("{name}: {} compatible", self.mode.word()),
                    Change::Added => format!("{name}: added"),
                    Change::Removed => format!("{name}: removed"),
                });
            }
        }
        let lines: Vec<_> = lines.iter().map(|line| printable(line)).collect();
        lines.join("\n")
    }
}

fn problems(new: &Schema, old: &Schema, mode: Mode) -> (Change, Vec<Problem>) {
    let (plain_new, plain_old) = (new.document().to_serde(), old.document().to_serde());
    if plain_new == plain_old {
        return (Change::Same, Vec::new());
    }
    let mut report = compare(&plain_new, &plain_old);
    report.find_examples(new, old);
    let directions = [(Mode::Backward, report.backward), (Mode::Forward, report.forward)];
    let wanted = directions.into_iter().filter(|(direction, _)| mode.asks_for(*direction));
    let found = wanted.flat_map(|(direction, problems)| {
        problems.into_iter().map(move |problem| Problem {
            direction,
            pointer: problem.pointer,
            keyword: problem.keyword,
            message: problem.message,
            example: problem.example.map(|value| value.to_serde()),
        })
    });
    (Change::Changed, found.collect())
}

impl Problem {
    fn text(&self) -> String {
        let Self { direction, pointer, keyword, message, example } = self;
        let place = if pointer.is_empty() { "(root)" } else { pointer };
        let example = match example.as_ref().map(Value::to_string) {
            Some(example) if example.chars().count() <= LONGEST_EXAMPLE => {
                format!(", such as {example}")
            }
            Some(_) | None => String::new(),
        };
        format!("{}: {place} {keyword}: {message}{example}", direction.word())
    }
}

/// Whoever publishes to the topic is refused from then on.
fn removed(mode: Mode) -> Option<Problem> {
    mode.asks_for(Mode::Backward).then(|| Problem {
        direction: Mode::Backward,
        pointer: String::new(),
        keyword: "file".to_owned(),
        message: "the schema is removed, so what it accepted is refused".to_owned(),
        example: None,
    })
}

fn is_folder(path: &Path) -> Result<bool, Failure> {
    let found = fs::metadata(path).map_err(|error| unusable(path, &error))?;
    Ok(found.is_dir())
}

/// The schemas of a folder by the names of their files.
fn folder(folder: &Path) -> Result<Schemas, Failure> {
    let unreadable = |error| unusable(folder, &error);
    let mut found = Schemas::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            found.insert(name, schema(&path)?);
        }
    }
    if found.is_empty() {
        return Err(unusable(folder, &"there is no schema (*.json) in it"));
    }
    Ok(found)
}

/// A schema that the gateway would accept.
fn schema(path: &Path) -> Result<Schema, Failure> {
    let schema = Schema::parse(&read_file(path)?, &Options::default());
    let schema = schema.map_err(|error| match &error {
        SchemaError::RemoteReference { .. } => {
            let advice = "nothing is fetched here; put what it refers to into $defs, with its address as $id";
            unusable(path, &format_args!("{}; {advice}", Chain(&error)))
        }
        _ => unusable(path, &Chain(&error)),
    })?;
    if !is_exact(schema.document()) {
        return Err(unusable(path, &"a number beyond 64 bits cannot be compared"));
    }
    Ok(schema)
}

/// Whether no number is rounded when it is compared.
fn is_exact(value: &Exact) -> bool {
    match value {
        Exact::Number(Number::Big(big)) => u64::try_from(big).is_ok(),
        Exact::Array(items) => items.iter().all(is_exact),
        Exact::Object(members) => members.values().all(is_exact),
        Exact::Number(Number::Int(_) | Number::Float(_))
        | Exact::Null
        | Exact::Bool(_)
        | Exact::String(_) => true,
    }
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    Failure::usage(format!("{}: {why}", path.display()))
}
