//! Checks of the settings that say what is written.

use std::collections::BTreeMap;

use super::merge::Merger;
use super::{Child, MergeConfig, SourceConfig};
use crate::sinks::postgres::Config;
use crate::sinks::postgres::columns::{Column, Scope};
use crate::sinks::postgres::table::Table;

/// A row of PostgreSQL has at most 1600 columns; nobody maps more of an event than this.
const MAX_COLUMNS: usize = 100;

/// Tables that one event may write beside its own.
const MAX_CHILDREN: usize = 10;

type Problem = (String, String);

/// Problems of `columns`, `conflict`, `unique_by`, `merge` and `children`, each with its key.
pub(in super::super) fn problems(config: &Config) -> Vec<Problem> {
    let mut problems = column_problems("columns", &config.columns, Scope::Event);
    problems.extend(known_problems(config));
    problems.extend(config.merge.iter().flat_map(|merge| merge_problems(config, merge)));
    problems.extend(child_problems(config));
    problems
}

fn column_problems(
    key: &str,
    columns: &BTreeMap<String, SourceConfig>,
    scope: Scope,
) -> Vec<Problem> {
    let mut problems = Vec::new();
    if columns.len() > MAX_COLUMNS {
        problems.push((key.to_owned(), format!("must be at most {MAX_COLUMNS}")));
    }
    for (name, source) in columns {
        if let Err(problem) = Column::parse(name, source, scope) {
            problems.push((format!("{key}.{name}"), problem));
        }
    }
    problems
}

/// How an event is known again.
fn known_problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    let given = [("conflict", &config.conflict), ("unique_by", &config.unique_by)];
    let given = given.map(|(key, columns)| (key, columns.as_ref()));
    match given {
        [(_, None), (_, None)] if !config.has_default_columns() && config.merge.is_none() => {
            problems.push((
                "conflict".to_owned(),
                "is missing; list the columns of the unique index that knows an event again, \
             or in `unique_by` columns that need no such index, \
             or write [] to insert an event again whenever it is delivered again"
                    .to_owned(),
            ))
        }
        [(_, Some(_)), (_, Some(_))] => problems.push((
            "unique_by".to_owned(),
            "does without the unique index that `conflict` names; write one or the other"
                .to_owned(),
        )),
        _ => {}
    }
    for (key, columns) in given {
        let Some(columns) = columns else { continue };
        if config.merge.is_some() {
            problems.push((
                key.to_owned(),
                "does not go with `merge`, which knows a row by its `key`; remove it".to_owned(),
            ));
            continue;
        }
        if config.has_default_columns() {
            problems.push((
                key.to_owned(),
                "belongs to `columns`; remove it, or map the columns of your own table".to_owned(),
            ));
            continue;
        }
        if key == "unique_by" && columns.is_empty() {
            problems.push((
                key.to_owned(),
                "must name a column; write `conflict = []` to insert an event again whenever it is delivered again"
                    .to_owned(),
            ));
        }
        for name in columns.iter().filter(|name| !config.columns.contains_key(*name)) {
            problems.push((
                key.to_owned(),
                format!("`{name}` is none of `columns`; add it there or remove it here"),
            ));
        }
    }
    problems
}

fn merge_problems(config: &Config, merge: &MergeConfig) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut report = |key: &str, problem: String| problems.push((format!("merge.{key}"), problem));
    if config.has_default_columns() {
        report("key", "belongs to `columns`; map the columns of your own table".to_owned());
        return problems;
    }
    if !config.children.is_empty() {
        report(
            "key",
            "does not go with `children`, which belong to new rows; remove one of them".to_owned(),
        );
    }
    if merge.key.is_empty() {
        report("key", "must name the columns of the unique index that names a row".to_owned());
    }
    for name in merge.key.iter().filter(|name| !config.columns.contains_key(*name)) {
        report("key", format!("`{name}` is none of `columns`; add it there or remove it here"));
    }
    if config.columns.keys().all(|name| merge.key.contains(name)) {
        report("key", "leaves no column to merge; add one to `columns`".to_owned());
    }
    for name in merge.rules.keys() {
        if merge.key.contains(name) {
            report(
                &format!("rules.{name}"),
                "names a row and never changes; remove the rule".to_owned(),
            );
        } else if !config.columns.contains_key(name) {
            report(
                &format!("rules.{name}"),
                "is none of `columns`; add it there or remove it here".to_owned(),
            );
        }
    }
    if let Ok(table) = Table::of(config)
        && let Err((key, problem)) = Merger::parse(merge, &table)
    {
        report(&key, problem);
    }
    problems
}

fn child_problems(config: &Config) -> Vec<Problem> {
    let mut problems = Vec::new();
    if config.children.len() > MAX_CHILDREN {
        problems.push(("children".to_owned(), format!("must be at most {MAX_CHILDREN}")));
    }
    for (index, child) in config.children.iter().enumerate() {
        let path = format!("children[{index}]");
        if child.columns.is_empty() {
            problems.push((
                format!("{path}.columns"),
                "must not be empty; write what of `item` each column takes".to_owned(),
            ));
        }
        let columns = format!("{path}.columns");
        let of_columns = column_problems(&columns, &child.columns, Scope::Item);
        if of_columns.is_empty()
            && let Err((key, problem)) = Child::parse(child)
        {
            problems.push((format!("{path}.{key}"), problem));
        }
        problems.extend(of_columns);
    }
    problems
}
