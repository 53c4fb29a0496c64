//! Variables of the environment laid over the file, before anything is deserialised.
//!
//! `EVENT_BUS__BUS__URL=nats://10.0.0.7` sets `bus.url`. A name is lowercased, `__` goes one level
//! down, and the value replaces what the file says. It is read as TOML, and as text where it is no
//! TOML. Arrays are replaced as a whole; their elements have no names.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::env::EnvMap;
use super::error::ConfigError;
use super::path::{KeyPath, Step};

/// What starts the name of every variable that is a setting. `EVENT_BUS_CONFIG`, the path of the
/// file, does not.
const PREFIX: &str = "EVENT_BUS__";

/// Applies every variable and returns which path was set by which.
pub(super) fn apply(
    root: &mut Table,
    env: &EnvMap,
) -> Result<BTreeMap<KeyPath, String>, ConfigError> {
    let mut origins = BTreeMap::new();
    for (variable, text) in env.iter() {
        let Some(name) = variable.strip_prefix(PREFIX) else { continue };
        let keys: Vec<String> = name.split("__").map(str::to_lowercase).collect();
        set(root, &keys, read(text))
            .map_err(|message| ConfigError::Variable { variable: variable.to_owned(), message })?;
        let path = KeyPath(keys.into_iter().map(Step::Key).collect());
        origins.insert(path, variable.to_owned());
    }
    Ok(origins)
}

fn read(text: &str) -> Value {
    text.parse().unwrap_or_else(|_| Value::String(text.to_owned()))
}

fn set(root: &mut Table, keys: &[String], value: Value) -> Result<(), String> {
    if keys.iter().any(String::is_empty) {
        return Err("its name has an empty part between the underscores".to_owned());
    }
    let Some((last, parents)) = keys.split_last() else { return Ok(()) };
    let mut table = root;
    for (depth, key) in parents.iter().enumerate() {
        let entry = table.entry(key.clone()).or_insert_with(|| Value::Table(Table::new()));
        let found = entry.type_str();
        let Value::Table(next) = entry else {
            let path = keys[..=depth].join(".");
            return Err(match found {
                "array" => format!(
                    "`{path}` is an array, whose elements no variable can address; \
                     set the whole array or write it in the file"
                ),
                _ => format!("`{path}` is no table, so nothing can be set within it"),
            });
        };
        table = next;
    }
    table.insert(last.clone(), value);
    Ok(())
}
