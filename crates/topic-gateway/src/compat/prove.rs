//! Proves keyword by keyword that values of one schema fit another.

use serde_json::Value;

use super::Problem;
use super::part::{Inner, Node, Types};
use crate::json;
use crate::schema::{Options, Schema};

/// Pairs of schemas that are compared before a comparison is given up.
const MAX_STEPS: usize = 20_000;

/// Schemas within each other that are compared; deeper ones are not judged.
const MAX_DEPTH: usize = 200;

/// A proof in the making.
pub(super) struct Proof<'n> {
    /// How sentences call the schema whose values are in question, and the one that they shall fit.
    pub(super) inner: &'n str,
    pub(super) outer: &'n str,
    pub(super) problems: Vec<Problem>,
    /// What is being proved already, by addresses: a schema that leads back to itself is as good as its parts.
    open: Vec<(Vec<usize>, usize)>,
    steps: usize,
}

impl<'n> Proof<'n> {
    pub(super) fn new(inner: &'n str, outer: &'n str) -> Self {
        Self { inner, outer, problems: Vec::new(), open: Vec::new(), steps: 0 }
    }

    pub(super) fn object(&mut self, at: &str, keyword: &str, message: String) {
        let pointer = at.to_owned();
        let keyword = keyword.to_owned();
        self.problems.push(Problem { pointer, keyword, message, example: None });
    }

    /// Objects that a demand cannot be judged.
    pub(super) fn unjudged(&mut self, at: &str, keyword: &str) {
        let message = format!(
            "cannot be judged: no rule shows that what the {} schema accepts fits {keyword:?} of the {} one",
            self.inner, self.outer
        );
        self.object(at, keyword, message);
    }

    /// Whether every value of `inner` fits `outer`, without a word about it.
    pub(super) fn proves<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>) -> bool {
        let before = self.problems.len();
        self.contain(inner, outer, "");
        let is_proved = self.problems.len() == before;
        self.problems.truncate(before);
        is_proved
    }

    /// Adds the problems that values of `inner` may have with `outer`, which stands at `at`.
    pub(super) fn contain<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let members = match outer.schema {
            Value::Object(members) => members,
            Value::Bool(false) if !inner.is_empty() => {
                let message = format!(
                    "the {} schema accepts nothing here, the {} one does",
                    self.outer, self.inner
                );
                return self.object(at, "false", message);
            }
            _ => return,
        };
        if inner.is_empty() || inner.parts.iter().any(|part| part.is_same(&outer)) {
            return;
        }
        let mut parts: Vec<usize> =
            inner.parts.iter().map(|part| std::ptr::from_ref(part.schema).addr()).collect();
        parts.sort_unstable();
        let step = (parts, std::ptr::from_ref(outer.schema).addr());
        if self.open.contains(&step) {
            return;
        }
        self.steps += 1;
        if self.steps > MAX_STEPS || self.open.len() > MAX_DEPTH {
            return self.object(at, "$ref", "cannot be judged: too much to compare".to_owned());
        }
        let before = self.problems.len();
        self.open.push(step);
        if !self.fits_value_by_value(inner, outer, at) {
            for (keyword, value) in members {
                if outer.get(keyword).is_some() {
                    self.keyword(inner, outer, keyword, value, at);
                }
            }
        }
        self.open.pop();
        if self.problems.len() > before && self.fits_case_by_case(inner, outer) {
            self.problems.truncate(before);
        }
    }

    fn keyword<'a>(
        &mut self,
        inner: &Inner<'a>,
        outer: Node<'a>,
        keyword: &str,
        value: &'a Value,
        at: &str,
    ) {
        let types = inner.types();
        match keyword {
            "type" => self.types(types, Types::named(value), at),
            "enum" | "const" => {
                let message = format!(
                    "the {} schema accepts listed values only, the {} one others too",
                    self.outer, self.inner
                );
                self.object(at, keyword, message);
            }
            "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum" | "multipleOf"
                if types.overlaps(Types::NUMBER) =>
            {
                self.number(inner, outer, keyword, at);
            }
            "minLength" | "maxLength" | "pattern" if types.overlaps(Types::STRING) => {
                self.text(inner, outer, keyword, at);
            }
            "items" | "prefixItems" | "additionalItems" | "minItems" | "maxItems"
            | "uniqueItems" | "contains" | "minContains" | "maxContains" | "unevaluatedItems"
                if types.overlaps(Types::ARRAY) =>
            {
                self.array(inner, outer, keyword, at);
            }
            "properties"
            | "patternProperties"
            | "additionalProperties"
            | "required"
            | "minProperties"
            | "maxProperties"
            | "propertyNames"
            | "dependentRequired"
            | "dependentSchemas"
            | "dependencies"
            | "unevaluatedProperties"
                if types.overlaps(Types::OBJECT) =>
            {
                self.members(inner, outer, keyword, at);
            }
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "$ref" => {
                self.combination(inner, outer, keyword, value, at);
            }
            "$dynamicRef" | "$recursiveRef" => self.unjudged(at, keyword),
            // What only describes, and unknown keywords.
            _ => (),
        }
    }

    fn types(&mut self, from: Types, to: Types, at: &str) {
        if !from.within(to) {
            let beyond = from.names_beyond(to);
            let message = format!(
                "the {} schema accepts {beyond} here, the {} one does not",
                self.inner, self.outer
            );
            self.object(at, "type", message);
        }
    }

    /// Tries the values one by one if there is a list of them; `false` if there is none.
    fn fits_value_by_value<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) -> bool {
        let Some(values) = inner.values() else { return false };
        let Some(judge) = standalone(outer) else { return false };
        let others: Vec<Schema> = inner.parts.iter().filter_map(|part| standalone(*part)).collect();
        for value in values {
            let value = json::Value::from(&value);
            let is_meant = others.iter().all(|schema| schema.check(&value).is_ok());
            if is_meant && judge.check(&value).is_err() {
                let mut keywords = ["enum", "const", "type"].into_iter();
                let keyword = keywords.find(|name| outer.get(name).is_some());
                let message = format!(
                    "the {} schema accepts {}, the {} one does not",
                    self.inner,
                    value.to_python_json(),
                    self.outer
                );
                self.object(at, keyword.unwrap_or("enum"), message);
            }
        }
        true
    }
}

/// A schema within a document, ready to check values; `None` if it needs more than it can take along.
fn standalone(node: Node<'_>) -> Option<Schema> {
    let document = node.doc.standalone(node.schema)?;
    Schema::new(json::Value::from(&document), &Options::default()).ok()
}

/// A step deeper in a JSON pointer (RFC 6901).
pub(super) fn below(at: &str, steps: &[&str]) -> String {
    let mut pointer = at.to_owned();
    for step in steps {
        pointer.push('/');
        pointer.push_str(&step.replace('~', "~0").replace('/', "~1"));
    }
    pointer
}
