//! Schemas taken apart: documents, their places, and what all applies to one value.

use std::sync::LazyLock;

use serde_json::{Map, Value};

use crate::json;
use crate::schema::Dialect;

/// A whole schema document.
#[derive(Debug)]
pub(super) struct Doc<'a> {
    root: &'a Value,
    pub(super) dialect: Dialect,
    /// Schemas within have a URI of their own, so that a reference may lead elsewhere than it seems.
    has_own_ids: bool,
}

/// A schema within a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node<'a> {
    pub(super) doc: &'a Doc<'a>,
    pub(super) schema: &'a Value,
}

/// All schemas that apply to the values in question; a value is in question if it fits every one of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Inner<'a> {
    pub(super) parts: Vec<Node<'a>>,
    /// One of them is `false`.
    is_empty: bool,
    /// These are some of the values only, and not to be divided again.
    pub(super) is_case: bool,
}

/// Types as bits; numbers are split into whole ones and others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Types(u8);

impl<'a> Doc<'a> {
    /// `None` if the draft is not known.
    pub(super) fn new(root: &'a Value) -> Option<Self> {
        let named = root.get("$schema").map_or(json::Value::Null, json::Value::from);
        let dialect = match named {
            json::Value::Null => Dialect::Draft2020,
            named => Dialect::named(&named.str())?,
        };
        let has_own_ids = root.as_object().is_some_and(|members| members.values().any(has_id));
        Some(Self { root, dialect, has_own_ids })
    }

    /// The schema that a reference within the document means, with its pointer.
    pub(super) fn look_up(&self, reference: &str) -> Option<(&'a Value, String)> {
        let fragment = reference.strip_prefix('#').filter(|_| !self.has_own_ids)?;
        let pointer = percent_encoding::percent_decode_str(fragment).decode_utf8().ok()?;
        let target = self.root.pointer(&pointer)?;
        Some((target, pointer.into_owned()))
    }

    /// A schema of this document as a document of its own, if all that it refers to can be taken along.
    pub(super) fn standalone(&self, schema: &Value) -> Option<Value> {
        let mut document = Map::new();
        for keyword in ["$schema", "$defs", "definitions"] {
            if let Some(value) = self.root.get(keyword) {
                document.insert(keyword.to_owned(), value.clone());
            }
        }
        document.insert("allOf".to_owned(), Value::Array(vec![schema.clone()]));
        let document = Value::Object(document);
        let mut references = Vec::new();
        collect_references(&document, &mut references);
        let is_taken = |reference: &String| {
            ["#/$defs/", "#/definitions/"].iter().any(|start| reference.starts_with(start))
        };
        (!self.has_own_ids && references.iter().all(is_taken)).then_some(document)
    }
}

impl<'a> Node<'a> {
    pub(super) fn get(&self, keyword: &str) -> Option<&'a Value> {
        // Up to Draft 7 everything beside a reference is ignored.
        if self.doc.dialect <= Dialect::Draft7
            && keyword != "$ref"
            && self.schema.get("$ref").is_some()
        {
            return None;
        }
        self.schema.get(keyword)
    }

    /// Another schema of the same document.
    pub(super) fn with(&self, schema: &'a Value) -> Self {
        Self { doc: self.doc, schema }
    }

    pub(super) fn number(&self, keyword: &str) -> Option<json::Number> {
        self.get(keyword)?.as_number().map(json::Number::from)
    }

    pub(super) fn members(&self, keyword: &str) -> impl Iterator<Item = (&'a String, Node<'a>)> {
        let node = *self;
        let members = self.get(keyword).and_then(Value::as_object).into_iter().flatten();
        members.map(move |(name, schema)| (name, node.with(schema)))
    }

    pub(super) fn list(&self, keyword: &str) -> &'a [Value] {
        self.get(keyword).and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether both accept the same because they are written the same.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let (own, others) = (bare(self.schema), bare(other.schema));
        own == others && self.refers_like(other, &own, &mut Vec::new())
    }

    /// Whether all references in equal schemas lead to equal schemas.
    fn refers_like(&self, other: &Self, schema: &Value, seen: &mut Vec<String>) -> bool {
        let mut references = Vec::new();
        collect_references(schema, &mut references);
        references.into_iter().all(|reference| {
            if seen.contains(&reference) {
                return true;
            }
            let targets = (self.doc.look_up(&reference), other.doc.look_up(&reference));
            seen.push(reference);
            let (Some((own, _)), Some((others, _))) = targets else { return false };
            let (own, others) = (bare(own), bare(others));
            own == others && self.refers_like(other, &own, seen)
        })
    }
}

impl<'a> Inner<'a> {
    pub(super) fn of(node: Node<'a>) -> Self {
        let mut inner = Self::default();
        inner.add(node);
        inner
    }

    /// Adds a schema, and what it joins by `allOf` and `$ref`.
    pub(super) fn add(&mut self, node: Node<'a>) {
        if node.schema == &Value::Bool(false) {
            self.is_empty = true;
        }
        let is_known = self.parts.iter().any(|part| std::ptr::eq(part.schema, node.schema));
        if !node.schema.is_object() || is_known {
            return;
        }
        self.parts.push(node);
        for branch in node.list("allOf") {
            self.add(node.with(branch));
        }
        // A reference that leads out of the document only narrows further.
        let reference = node.get("$ref").and_then(Value::as_str);
        if let Some((target, _)) = reference.and_then(|reference| node.doc.look_up(reference)) {
            self.add(node.with(target));
        }
    }

    pub(super) fn and(&self, node: Node<'a>) -> Self {
        let mut inner = self.clone();
        inner.add(node);
        inner
    }

    /// The types that values may have.
    pub(super) fn types(&self) -> Types {
        let narrowed = self.parts.iter().filter_map(|part| part.get("type").map(Types::named));
        narrowed.fold(Types::ALL, Types::and)
    }

    /// Whether there is no value at all.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty || self.types() == Types::NONE
    }

    /// All values, if a schema lists them.
    pub(super) fn values(&self) -> Option<Vec<Value>> {
        let listed = self.parts.iter().find_map(|part| {
            let only = part.get("const").filter(|_| part.doc.dialect >= Dialect::Draft6);
            let only = only.map(|only| vec![only.clone()]);
            only.or_else(|| part.get("enum")?.as_array().cloned())
        });
        listed.or_else(|| {
            let types = self.types();
            let few = Types::NULL.or(Types::BOOLEAN);
            let all = [Value::Null, Value::Bool(false), Value::Bool(true)];
            let of_type = all.into_iter().filter(|value| types.overlaps(Types::of(value)));
            types.within(few).then(|| of_type.collect())
        })
    }

    /// Calls each of the numbers that a keyword has.
    pub(super) fn numbers(&self, keyword: &str) -> impl Iterator<Item = json::Number> {
        self.parts.iter().filter_map(move |part| part.number(keyword))
    }
}

impl Types {
    pub(super) const NONE: Self = Self(0);
    pub(super) const NULL: Self = Self(1);
    pub(super) const BOOLEAN: Self = Self(2);
    pub(super) const INTEGER: Self = Self(4);
    const FRACTION: Self = Self(8);
    pub(super) const NUMBER: Self = Self(Self::INTEGER.0 | Self::FRACTION.0);
    pub(super) const STRING: Self = Self(16);
    pub(super) const ARRAY: Self = Self(32);
    pub(super) const OBJECT: Self = Self(64);
    const ALL: Self = Self(127);

    /// The types that a `type` names.
    pub(super) fn named(types: &Value) -> Self {
        match types {
            Value::Array(types) => types.iter().map(Self::named).fold(Self::NONE, Self::or),
            name => match name.as_str() {
                Some("null") => Self::NULL,
                Some("boolean") => Self::BOOLEAN,
                Some("integer") => Self::INTEGER,
                Some("number") => Self::NUMBER,
                Some("string") => Self::STRING,
                Some("array") => Self::ARRAY,
                Some("object") => Self::OBJECT,
                _ => Self::ALL,
            },
        }
    }

    pub(super) fn of(value: &Value) -> Self {
        match value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOLEAN,
            Value::Number(_) => Self::NUMBER,
            Value::String(_) => Self::STRING,
            Value::Array(_) => Self::ARRAY,
            Value::Object(_) => Self::OBJECT,
        }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    pub(super) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn within(self, other: Self) -> bool {
        self.and(other) == self
    }

    pub(super) fn overlaps(self, other: Self) -> bool {
        self.and(other) != Self::NONE
    }

    /// The names of types that are here and not there.
    pub(super) fn names_beyond(self, other: Self) -> String {
        let all = [
            ("null", Self::NULL),
            ("boolean", Self::BOOLEAN),
            ("integer", Self::INTEGER),
            ("number", Self::FRACTION),
            ("string", Self::STRING),
            ("array", Self::ARRAY),
            ("object", Self::OBJECT),
        ];
        let beyond =
            all.into_iter().filter(|(_, kind)| self.overlaps(*kind) && !other.overlaps(*kind));
        beyond.map(|(name, _)| name).collect::<Vec<_>>().join(", ")
    }
}

/// The schema of one type.
pub(super) fn of_type(name: &str) -> Option<&'static Value> {
    static ALONE: LazyLock<[Value; 7]> = LazyLock::new(|| {
        ["null", "boolean", "integer", "number", "string", "array", "object"]
            .map(|name| serde_json::json!({ "type": name }))
    });
    ALONE.iter().find(|schema| schema.get("type").and_then(Value::as_str) == Some(name))
}

/// Keywords that decide nothing about a value.
fn is_annotation(keyword: &str) -> bool {
    matches!(
        keyword,
        "$anchor"
            | "$comment"
            | "$defs"
            | "$id"
            | "$schema"
            | "$vocabulary"
            | "contentEncoding"
            | "contentMediaType"
            | "contentSchema"
            | "default"
            | "definitions"
            | "deprecated"
            | "description"
            | "examples"
            | "format"
            | "readOnly"
            | "title"
            | "writeOnly"
    )
}

/// A schema without what only describes. Names of members and listed values are left alone.
fn bare(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let kept = members.iter().filter(|(keyword, _)| !is_annotation(keyword));
            let kept = kept.map(|(keyword, value)| (keyword.clone(), bare_value(keyword, value)));
            Value::Object(kept.collect())
        }
        other => other.clone(),
    }
}

fn bare_value(keyword: &str, value: &Value) -> Value {
    let by_name = || {
        let members = value.as_object().into_iter().flatten();
        Value::Object(members.map(|(name, schema)| (name.clone(), bare(schema))).collect())
    };
    match (keyword, value) {
        ("const" | "enum" | "required" | "dependentRequired", _) => value.clone(),
        (
            "properties" | "patternProperties" | "dependentSchemas" | "dependencies",
            Value::Object(_),
        ) => by_name(),
        (_, Value::Array(items)) => Value::Array(items.iter().map(bare).collect()),
        (_, schema) => bare(schema),
    }
}

fn collect_references(schema: &Value, into: &mut Vec<String>) {
    match schema {
        Value::Object(members) => {
            for (keyword, value) in members {
                match value.as_str() {
                    Some(reference)
                        if matches!(keyword.as_str(), "$ref" | "$dynamicRef" | "$recursiveRef") =>
                    {
                        into.push(reference.to_owned());
                    }
                    _ => collect_references(value, into),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_references(item, into)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => (),
    }
}

fn has_id(value: &Value) -> bool {
    match value {
        Value::Object(members) => {
            let is_id = |name: &str| members.get(name).is_some_and(Value::is_string);
            is_id("$id") || is_id("id") || members.values().any(has_id)
        }
        Value::Array(items) => items.iter().any(has_id),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
