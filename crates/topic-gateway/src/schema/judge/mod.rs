//! Judges a value by a schema as the Python package `jsonschema` 4.26 does: the same reasons in the same order.
//!
//! The order matters: of equally relevant reasons the first one is said, and Python goes through a schema in the order
//! in which it was written. Each function here stands for one of `jsonschema._keywords` or `_legacy_keywords`.

mod combine;
mod evaluated;
mod found;
mod items;
mod members;
mod scalars;

use std::cell::{Cell, OnceCell};
use std::ops::ControlFlow;

use super::dialect::Dialect;
use super::reference::{Lost, Scope};
use super::{Schema, Violation};
use crate::json::{Object, Value};
use found::{Context, Found, Step, pointer};

/// Schemas within each other that are followed. Values are at most
/// [`MAX_DEPTH`](crate::json::MAX_DEPTH) deep by default; what is beyond is a schema that leads back to itself.
const MAX_STEPS: usize = 500;

/// How often schemas are applied to any value before it is given up: branches within branches are asked
/// exponentially often.
const ALWAYS: usize = 100_000;

/// How often besides for each value within the value.
const FOR_EACH: usize = 8;

/// Takes what does not fit, and says whether to look for more.
type Sink<'f, 'a> = &'f mut dyn FnMut(Found<'a>) -> ControlFlow<()>;

/// The one reason that is said, if the value does not fit.
pub(super) fn best_match(schema: &Schema, value: &Value) -> Option<Violation> {
    let undecided = OnceCell::new();
    let effort = Effort { whole: value, left: Cell::new(ALWAYS), is_last: Cell::new(false) };
    let mut best: Option<Found<'_>> = None;
    let scope = schema.references.root_scope(&schema.bundle);
    let at = Place { instance: value, path: None, scope: &scope, steps: 0 };
    let judge = Judge { schema, undecided: &undecided, effort: &effort };
    let judged = judge.within(at, &schema.bundle, &mut |found| {
        if best.as_ref().is_none_or(|best| found.compare(best).is_gt()) {
            best = Some(found);
        }
        ControlFlow::Continue(())
    });
    debug_assert!(judged.is_continue(), "nothing stops the search for the best reason");
    if let Some(undecided) = undecided.get() {
        return Some(undecided.clone());
    }
    Some(best?.most_telling().into_violation())
}

#[derive(Clone, Copy)]
struct Judge<'a> {
    schema: &'a Schema,
    /// What could not be found out: whatever else was found may be wrong then, and so may that nothing was.
    undecided: &'a OnceCell<Violation>,
    effort: &'a Effort<'a>,
}

/// How often schemas may still be applied.
struct Effort<'a> {
    whole: &'a Value,
    left: Cell<usize>,
    /// Nothing more is granted.
    is_last: Cell<bool>,
}

impl Effort<'_> {
    fn spend(&self) -> bool {
        if self.left.get() == 0 && !self.is_last.replace(true) {
            self.left.set(FOR_EACH * count(self.whole));
        }
        let left = self.left.get().checked_sub(1);
        self.left.set(left.unwrap_or_default());
        left.is_some()
    }
}

/// The values within a value, and itself.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum::<usize>(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// A part of the value and how it was reached.
#[derive(Clone, Copy)]
struct Place<'p, 'a> {
    instance: &'a Value,
    path: Option<&'p Link<'p, 'a>>,
    scope: &'p Scope,
    steps: usize,
}

/// The way to a place, from its end.
struct Link<'p, 'a> {
    before: Option<&'p Link<'p, 'a>>,
    step: Step<'a>,
}

/// One keyword of a schema, asked about one place.
#[derive(Clone, Copy)]
struct Asked<'p, 'a> {
    at: Place<'p, 'a>,
    keyword: &'a str,
    value: &'a Value,
    /// The schema in which the keyword stands.
    schema: &'a Object,
}

impl<'a> Place<'_, 'a> {
    fn path(&self) -> Vec<Step<'a>> {
        let links = std::iter::successors(self.path, |link| link.before);
        let mut path: Vec<_> = links.map(|link| link.step).collect();
        path.reverse();
        path
    }
}

impl<'a> Asked<'_, 'a> {
    /// Another keyword of the same schema.
    fn sibling(&self, keyword: &str) -> Option<&'a Value> {
        self.schema.get(keyword)
    }
}

impl<'a> Judge<'a> {
    fn dialect(&self) -> Dialect {
        self.schema.dialect
    }

    /// Judges a part of the value, or the same value again, by a schema within the one that was asked.
    fn descend(
        &self,
        at: Place<'_, 'a>,
        to: Option<(Step<'a>, &'a Value)>,
        schema: &'a Value,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let entered = self.schema.references.entered(schema, at.scope);
        let scope = entered.as_ref().unwrap_or(at.scope);
        let Some((step, instance)) = to else {
            return self.within(Place { scope, ..at }, schema, found);
        };
        if let Value::Bool(false) = schema {
            // Python reports it at the place of the whole.
            return found(disallowed(at, instance));
        }
        let path = Link { before: at.path, step };
        self.within(Place { instance, path: Some(&path), scope, ..at }, schema, found)
    }

    /// Judges a place by a schema whose scope is that of the place.
    fn within(&self, at: Place<'_, 'a>, schema: &'a Value, found: Sink<'_, 'a>) -> ControlFlow<()> {
        let members = match schema {
            Value::Bool(false) => return found(disallowed(at, at.instance)),
            Value::Object(members) => members,
            _ => return ControlFlow::Continue(()),
        };
        if at.steps >= MAX_STEPS {
            return found(too_deep(at));
        }
        if !self.goes_on(at) {
            return ControlFlow::Continue(());
        }
        let at = Place { steps: at.steps + 1, ..at };
        if self.dialect().reference_stands_alone()
            && let Some(value) = members.get("$ref")
        {
            return self.ask(Asked { at, keyword: "$ref", value, schema: members }, found);
        }
        for (keyword, value) in members {
            self.ask(Asked { at, keyword, value, schema: members }, found)?;
        }
        ControlFlow::Continue(())
    }

    /// Whether one more schema is to be applied; once it is not, none is.
    fn goes_on(&self, at: Place<'_, 'a>) -> bool {
        if self.undecided.get().is_some() {
            return false;
        }
        let goes_on = self.effort.spend();
        if !goes_on {
            let message = "judging it by all branches of the schema would take too long".to_owned();
            self.undecided.set(Violation { message, path: pointer(&at.path()) }).ok();
        }
        goes_on
    }

    fn ask(&self, asked: Asked<'_, 'a>, found: Sink<'_, 'a>) -> ControlFlow<()> {
        match asked.keyword {
            "$ref" | "$dynamicRef" | "$recursiveRef" => self.ask_reference(asked, found),
            "allOf" | "anyOf" | "oneOf" | "not" | "if" => self.ask_combination(asked, found),
            "type" | "enum" | "const" => self.ask_any(asked, found),
            _ => match asked.at.instance {
                Value::Object(members) => self.ask_object(asked, members, found),
                Value::Array(items) => self.ask_array(asked, items, found),
                Value::String(text) => self.ask_string(asked, text, found),
                Value::Number(number) => self.ask_number(asked, number, found),
                Value::Null | Value::Bool(_) => ControlFlow::Continue(()),
            },
        }
    }

    fn is_valid(
        &self,
        at: Place<'_, 'a>,
        to: Option<(Step<'a>, &'a Value)>,
        schema: &'a Value,
    ) -> bool {
        self.descend(at, to, schema, &mut |_| ControlFlow::Break(())).is_continue()
    }

    /// What does not fit, with the sentence to say about it.
    fn fail(&self, asked: Asked<'_, 'a>, message: impl Fn() -> String + 'a) -> Found<'a> {
        let expected = asked.sibling("type");
        Found {
            path: asked.at.path(),
            is_weak: matches!(asked.keyword, "anyOf" | "oneOf"),
            matches_type: expected.is_some_and(|types| self.is_of_type(asked.at.instance, types)),
            message: Box::new(message),
            context: Context::default(),
        }
    }

    fn refer(&self, asked: Asked<'_, 'a>) -> Result<(&'a Value, Scope), Lost> {
        let Schema { references, bundle, .. } = self.schema;
        if asked.keyword == "$recursiveRef" {
            return references.look_up_recursive(bundle, asked.at.scope);
        }
        references.look_up(bundle, asked.at.scope, asked.value.as_str().unwrap_or_default())
    }

    fn ask_reference(&self, asked: Asked<'_, 'a>, found: Sink<'_, 'a>) -> ControlFlow<()> {
        let is_known = match asked.keyword {
            "$dynamicRef" => self.dialect() == Dialect::Draft2020,
            "$recursiveRef" => self.dialect() == Dialect::Draft2019,
            _ => true,
        };
        if !is_known {
            return ControlFlow::Continue(());
        }
        match self.refer(asked) {
            Ok((schema, scope)) => self.within(Place { scope: &scope, ..asked.at }, schema, found),
            // Only where a schema hides below a keyword that is not one: the rest is refused when it is loaded.
            Err(_) => {
                let reference = asked.value;
                found(self.fail(asked, move || format!("Unresolvable: {}", reference.str())))
            }
        }
    }
}

fn disallowed<'a>(at: Place<'_, 'a>, instance: &'a Value) -> Found<'a> {
    Found {
        path: at.path(),
        is_weak: false,
        matches_type: false,
        message: Box::new(move || format!("False schema does not allow {}", instance.repr())),
        context: Context::default(),
    }
}

fn too_deep<'a>(at: Place<'_, 'a>) -> Found<'a> {
    Found {
        path: at.path(),
        is_weak: false,
        matches_type: false,
        message: Box::new(|| format!("more than {MAX_STEPS} schemas within each other")),
        context: Context::default(),
    }
}
