//! What the crate `jsonschema` and Python read differently.

use std::collections::HashMap;

use super::dialect::Dialect;
use super::{Applicator, SchemaError, applicator};
use crate::json::{Number, Value};
use crate::pattern::Pattern;

/// The keyword for which a schema is judged as Python does from the start; `None` if there is none.
///
/// Beside `pattern` and `patternProperties`, which are another dialect of regular expressions. `multipleOf` of a
/// fraction: Python divides floats. `unevaluated…` and the references of section 8.2.3: Python's package has notions of its own.
/// `content…`: asserted by the crate in Draft 6 and 7. Integers beyond 64 bits: the crate rounds those of a schema.
pub(super) fn reason(document: &Value, dialect: Dialect) -> Option<&'static str> {
    let mut reason = None;
    each_keyword(document, &mut |keyword, value| {
        let found = match keyword {
            "multipleOf" => (!matches!(value, Value::Number(Number::Int(_)))).then_some("fraction"),
            "unevaluatedItems" | "unevaluatedProperties" => Some("unevaluated"),
            "$dynamicRef" | "$recursiveRef" => Some("dynamic reference"),
            "$schema" => None,
            "contentEncoding" | "contentMediaType" if dialect <= Dialect::Draft7 => Some("content"),
            _ => has_big_integer(value).then_some("integer beyond 64 bits"),
        };
        reason = reason.or(found);
    });
    reason
}

/// The regular expressions of a schema, compiled.
pub(super) fn patterns(document: &Value) -> Result<HashMap<String, Pattern>, SchemaError> {
    let mut texts = Vec::new();
    each_keyword(document, &mut |keyword, value| match keyword {
        "pattern" => texts.extend(value.as_str()),
        "patternProperties" => {
            texts.extend(value.as_object().into_iter().flatten().map(|(name, _)| name.as_str()));
        }
        _ => (),
    });
    let compile = |text: &str| match Pattern::anywhere(text) {
        Ok(pattern) => Ok((text.to_owned(), pattern)),
        Err(error) => Err(SchemaError::Pattern { pattern: text.to_owned(), error }),
    };
    let mut patterns: HashMap<_, _> = texts.into_iter().map(compile).collect::<Result<_, _>>()?;
    add_patterns(document, &mut patterns);
    Ok(patterns)
}

/// Those of what may be a schema, since a reference can lead there, and may as well be data.
fn add_patterns(value: &Value, patterns: &mut HashMap<String, Pattern>) {
    let mut add = |text: &str| {
        if !patterns.contains_key(text)
            && let Ok(pattern) = Pattern::anywhere(text)
        {
            patterns.insert(text.to_owned(), pattern);
        }
    };
    for (name, member) in value.as_object().into_iter().flatten() {
        match name.as_str() {
            "pattern" => member.as_str().into_iter().for_each(&mut add),
            "patternProperties" => {
                member.as_object().into_iter().flatten().for_each(|(name, _)| add(name));
            }
            _ => (),
        }
    }
    let members = value.as_object().into_iter().flatten().map(|(_, member)| member);
    let items = value.as_array().into_iter().flatten();
    members.chain(items).for_each(|inner| add_patterns(inner, patterns));
}

/// Calls `visit` for every keyword of a schema and of those within it.
fn each_keyword<'a>(schema: &'a Value, visit: &mut dyn FnMut(&'a str, &'a Value)) {
    for (keyword, value) in schema.as_object().into_iter().flatten() {
        visit(keyword, value);
        match applicator(keyword) {
            Some(Applicator::Schema) => each_keyword(value, visit),
            Some(Applicator::Schemas) => each_schema(value, visit),
            Some(Applicator::Either) => {
                each_keyword(value, visit);
                value.as_array().into_iter().flatten().for_each(|item| each_keyword(item, visit));
            }
            None if matches!(keyword.as_str(), "const" | "default" | "enum" | "examples") => (),
            // An unknown keyword: a reference may lead to a schema below it. Names on the way count as keywords too.
            None => {
                each_keyword(value, visit);
                value.as_array().into_iter().flatten().for_each(|item| each_keyword(item, visit));
            }
        }
    }
}

fn each_schema<'a>(schemas: &'a Value, visit: &mut dyn FnMut(&'a str, &'a Value)) {
    let items = schemas.as_array().into_iter().flatten();
    let named = schemas.as_object().into_iter().flatten().map(|(_, schema)| schema);
    items.chain(named).for_each(|schema| each_keyword(schema, visit));
}

fn has_big_integer(value: &Value) -> bool {
    match value {
        Value::Number(number) => matches!(number, Number::Big(_)),
        Value::Array(items) => items.iter().any(has_big_integer),
        Value::Object(members) => members.values().any(has_big_integer),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}
