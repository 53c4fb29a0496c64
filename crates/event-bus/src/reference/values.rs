//! Values of TOML, made of others.

use std::path::Path;

use toml::{Table, Value};

pub(super) fn table<const N: usize>(entries: [(&str, Value); N]) -> Table {
    entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

pub(super) fn path(path: &Path) -> Value {
    Value::String(path.display().to_string())
}

pub(super) fn seconds(seconds: f64) -> String {
    format!("{}ms", (seconds * 1000.0).round())
}
