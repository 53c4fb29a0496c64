//! The schemas of topics, and what a message that does not fit is told.
//!
//! A message that does not fit is told the one sentence that the Python package `jsonschema` 4.26 picks with
//! `best_match`. Two judges share the work. The crate `jsonschema` compiles each schema once and lets pass what fits,
//! in place and without a copy. What it does not let pass is judged again by `judge`, which follows Python keyword by
//! keyword and finds the sentence. A schema that uses what the two read differently (`strict`) has the second judge
//! only, so the verdict is always Python's.

mod dialect;
mod endless;
mod judge;
mod node;
mod reference;
mod remotes;
mod strict;
#[cfg(test)]
mod tests;
mod unique;

use std::collections::HashMap;
use std::sync::OnceLock;

pub use dialect::Dialect;
pub use remotes::{Remotes, references_elsewhere};

use crate::json::{Limits, ParseError, Value, parse};
use crate::pattern::{Pattern, PatternError};
use node::Exact;
use reference::{Lost, References};

/// One schema, compiled.
pub struct Schema {
    /// As it was written.
    document: Value,
    /// With what it refers to on other hosts.
    bundle: Value,
    dialect: Dialect,
    references: References,
    /// The regular expressions of the document.
    patterns: HashMap<String, Pattern>,
    /// Lets pass what fits; absent if its verdict could differ from Python's.
    filter: Option<jsonschema::Validator<Exact>>,
}

/// Why a value does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Violation {
    /// What Python's `jsonschema` says, word for word, unless Python would take too long to say it.
    pub message: String,
    /// The place in the value, as a JSON pointer (RFC 6901).
    pub path: String,
}

/// What a schema may use beyond itself.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// Documents on other hosts that it refers to.
    pub remotes: Remotes,
}

/// A schema cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SchemaError {
    #[error("not JSON")]
    Json(#[source] ParseError),
    #[error("$schema {0:?} is not a known draft; known are 4, 6, 7, 2019-09 and 2020-12")]
    Dialect(String),
    #[error("not a valid schema at {path:?}")]
    Invalid {
        path: String,
        #[source]
        error: Box<jsonschema::ValidationError<'static>>,
    },
    #[error(
        "reference {reference:?} leads to another document, on a host from which none may be fetched"
    )]
    RemoteReference { reference: String },
    #[error("{uri} is of another draft than the schema that refers to it")]
    OtherDraft { uri: String },
    #[error("{uri} says that it is {id:?}; refer to it by that name")]
    OtherId { uri: String, id: String },
    #[error("reference {reference:?} leads to a place that is not there")]
    LostReference { reference: String },
    #[error("reference {reference:?} leads back to itself and no deeper into the value")]
    EndlessReference { reference: String },
    #[error("pattern {pattern:?} cannot be used")]
    Pattern {
        pattern: String,
        #[source]
        error: PatternError,
    },
}

impl Schema {
    /// Compiles the text of a schema.
    pub fn parse(text: &[u8], options: &Options) -> Result<Self, SchemaError> {
        let document = parse(text, Limits::default()).map_err(SchemaError::Json)?;
        Self::new(document, options)
    }

    /// Compiles a schema: Draft 2020-12 unless `$schema` names another. `format` is not asserted.
    pub fn new(document: Value, options: &Options) -> Result<Self, SchemaError> {
        let dialect = Dialect::of(&document).map_err(SchemaError::Dialect)?;
        let bundle = remotes::bundle(&document, dialect, &options.remotes)?;
        let plain = bundle.to_serde();
        check_keywords(&plain, dialect)?;
        let references = References::of(&bundle, dialect);
        if let Some((reference, lost)) = references.first_lost(&bundle) {
            return Err(lost_reference(reference, &lost));
        }
        if let Some(reference) = endless::endless_reference(&bundle, &references) {
            return Err(SchemaError::EndlessReference { reference });
        }
        let patterns = strict::patterns(&bundle)?;
        let filter = match strict::reason(&bundle, dialect) {
            None if patterns.is_empty() => Some(compile(&plain, dialect)?),
            Some(_) | None => None,
        };
        Ok(Self { document, bundle, dialect, references, patterns, filter })
    }

    /// Whether the value fits, and if not, what Python's `jsonschema` says about it.
    pub fn check(&self, value: &Value) -> Result<(), Violation> {
        if self.filter.as_ref().is_some_and(|filter| filter.is_valid(value)) {
            return Ok(());
        }
        judge::best_match(self, value).map_or(Ok(()), Err)
    }

    /// The schema as it was written.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Whether it says that an array may fit: `type` names it.
    pub fn names_arrays(&self) -> bool {
        names_arrays(&self.document)
    }

    /// The draft that it is read by.
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }
}

impl std::fmt::Debug for Schema {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Schema").field("document", &self.document).finish_non_exhaustive()
    }
}

/// Whether the document of a schema says that an array may fit: `type` names it.
pub fn names_arrays(document: &Value) -> bool {
    let is_array = |kind: &Value| kind.as_str() == Some("array");
    let kinds = document.get("type");
    kinds.is_some_and(|kinds| {
        is_array(kinds) || kinds.as_array().is_some_and(|kinds| kinds.iter().any(is_array))
    })
}

/// Holds a schema against the schema of its draft; `format` apart, since that knows no pattern of Python.
fn check_keywords(schema: &serde_json::Value, dialect: Dialect) -> Result<(), SchemaError> {
    static DRAFTS: [OnceLock<jsonschema::Validator>; Dialect::ALL.len()] =
        [const { OnceLock::new() }; Dialect::ALL.len()];
    let draft = &DRAFTS[dialect.index()];
    if draft.get().is_none() {
        let options = jsonschema::options().with_draft(dialect.to_crate()).offline();
        let schemas = serde_json::json!({ "$ref": dialect.uri() });
        let built = options.should_validate_formats(false).build(&schemas).map_err(invalid)?;
        // Another thread may have been faster, with the same.
        draft.get_or_init(|| built);
    }
    draft.get().map_or(Ok(()), |draft| draft.validate(schema)).map_err(invalid)
}

fn compile(
    schema: &serde_json::Value,
    dialect: Dialect,
) -> Result<jsonschema::Validator<Exact>, SchemaError> {
    let options = jsonschema::options_for::<Exact>()
        .with_draft(dialect.to_crate())
        .offline()
        .should_validate_formats(false);
    options.build(schema).map_err(invalid)
}

fn invalid(error: jsonschema::ValidationError<'_>) -> SchemaError {
    let error = error.to_owned();
    SchemaError::Invalid { path: error.instance_path().to_string(), error: Box::new(error) }
}

fn lost_reference(reference: &str, lost: &Lost) -> SchemaError {
    let reference = reference.to_owned();
    match lost {
        Lost::Elsewhere(_) => SchemaError::RemoteReference { reference },
        Lost::Nowhere => SchemaError::LostReference { reference },
    }
}

/// What a keyword's value holds, for walks over a schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applicator {
    Schema,
    /// A list of schemas, or schemas by name.
    Schemas,
    /// A schema or a list of schemas.
    Either,
}

/// The keywords that hold schemas, in any draft.
fn applicator(keyword: &str) -> Option<Applicator> {
    match keyword {
        "additionalItems"
        | "additionalProperties"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Some(Applicator::Schema),
        "allOf" | "anyOf" | "oneOf" | "prefixItems" | "$defs" | "definitions" | "dependencies"
        | "dependentSchemas" | "patternProperties" | "properties" => Some(Applicator::Schemas),
        "items" => Some(Applicator::Either),
        _ => None,
    }
}
