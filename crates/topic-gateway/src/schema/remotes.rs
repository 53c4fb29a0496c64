//! Documents on other hosts that a schema refers to, made a part of it (JSON Schema 2020-12, section 9.3: bundling).

use std::collections::BTreeMap;

use url::Url;

use super::SchemaError;
use super::dialect::Dialect;
use super::reference::{Lost, References};
use crate::json::{Object, Value};

/// Documents by the URI that references name, without a fragment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Remotes(BTreeMap<String, Value>);

impl Remotes {
    /// Adds a document.
    pub fn insert(&mut self, uri: String, document: Value) {
        self.0.insert(uri, document);
    }

    /// Whether there is a document of that URI.
    pub fn contains(&self, uri: &str) -> bool {
        self.0.contains_key(uri)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Where a schema, together with documents that are known, refers to beyond them.
pub fn references_elsewhere(schema: &Value, known: &Remotes) -> Vec<Url> {
    let Ok(dialect) = Dialect::of(schema) else { return Vec::new() };
    let Ok(bundle) = bundle(schema, dialect, known) else { return Vec::new() };
    let lost = References::of(&bundle, dialect).all_lost(&bundle);
    let mut uris: Vec<_> = lost
        .into_iter()
        .filter_map(|lost| match lost {
            Lost::Elsewhere(uri) => Url::parse(&uri).ok(),
            Lost::Nowhere => None,
        })
        .collect();
    uris.sort_unstable();
    uris.dedup();
    uris
}

/// The schema with the documents in it, each by its own URI.
pub(super) fn bundle(
    schema: &Value,
    dialect: Dialect,
    remotes: &Remotes,
) -> Result<Value, SchemaError> {
    let mut bundled = schema.clone();
    let Value::Object(members) = &mut bundled else { return Ok(bundled) };
    if remotes.is_empty() {
        return Ok(bundled);
    }
    let keyword = if dialect.reference_stands_alone() { "definitions" } else { "$defs" };
    let mut definitions = match members.get(keyword) {
        None => Object::default(),
        Some(Value::Object(definitions)) => definitions.clone(),
        // No schema of any draft; the check of its keywords says so.
        Some(_) => return Ok(bundled),
    };
    for (uri, document) in &remotes.0 {
        definitions.insert(uri.into(), named(uri, document, dialect)?);
    }
    members.insert(keyword.into(), Value::Object(definitions));
    Ok(bundled)
}

/// A document with the URI that references name.
fn named(uri: &str, document: &Value, dialect: Dialect) -> Result<Value, SchemaError> {
    let mut document = match document {
        Value::Object(_) => document.clone(),
        // Only an object can have a name.
        other => {
            let all = Value::Array(vec![other.clone()]);
            Value::Object(Object::from_iter([("allOf".into(), all)]))
        }
    };
    let Value::Object(members) = &mut document else { return Ok(document) };
    if let Some(schema) = members.remove("$schema") {
        let other = || SchemaError::OtherDraft { uri: uri.to_owned() };
        let alone = Value::Object(Object::from_iter([("$schema".into(), schema)]));
        Dialect::of(&alone).ok().filter(|found| *found == dialect).ok_or_else(other)?;
    }
    let keyword = dialect.id_keyword();
    let id = members.insert(keyword.into(), uri.into());
    match id.as_ref().map(Value::as_str) {
        Some(Some(id)) if id.trim_end_matches('#') != uri => {
            Err(SchemaError::OtherId { uri: uri.to_owned(), id: id.to_owned() })
        }
        Some(_) | None => Ok(document),
    }
}
