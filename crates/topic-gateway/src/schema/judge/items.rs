//! Keywords about arrays.

use std::ops::ControlFlow;

use super::super::dialect::Dialect;
use super::super::unique;
use super::found::Step;
use super::scalars::count;
use super::{Asked, Judge, Sink};
use crate::json::{Number, Value};

impl<'a> Judge<'a> {
    pub(super) fn ask_array(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let dialect = self.dialect();
        match asked.keyword {
            "minItems" | "maxItems" => self.ask_size(asked, || items.len(), found),
            "uniqueItems" => self.unique_items(asked, items, found),
            "prefixItems" if dialect == Dialect::Draft2020 => self.prefix(asked, items, found),
            "items" if dialect == Dialect::Draft2020 => self.rest(asked, items, found),
            "items" if asked.value.as_array().is_some() => self.prefix(asked, items, found),
            "items" => self.each(asked, items, 0, found),
            "additionalItems" if dialect < Dialect::Draft2020 => {
                self.additional_items(asked, items, found)
            }
            "contains" if dialect >= Dialect::Draft2019 => self.contains(asked, items, found),
            "contains" if dialect >= Dialect::Draft6 => self.contains_one(asked, items, found),
            "unevaluatedItems" if dialect >= Dialect::Draft2019 => {
                self.unevaluated_items(asked, items, found)
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn unique_items(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        if asked.value != &Value::Bool(true) || unique::all_differ(items) {
            return ControlFlow::Continue(());
        }
        let instance = asked.at.instance;
        found(self.fail(asked, move || format!("{} has non-unique elements", instance.repr())))
    }

    /// One schema for each of the first items.
    fn prefix(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let schemas = asked.value.as_array().unwrap_or_default();
        items.iter().zip(schemas).enumerate().try_for_each(|(index, (item, schema))| {
            self.descend(asked.at, Some((Step::Index(index), item)), schema, found)
        })
    }

    /// The same schema for every item from `first` on.
    fn each(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        first: usize,
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        items.iter().enumerate().skip(first).try_for_each(|(index, item)| {
            self.descend(asked.at, Some((Step::Index(index), item)), asked.value, found)
        })
    }

    /// `items` of Draft 2020-12: what `prefixItems` leaves.
    fn rest(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let prefix = asked.sibling("prefixItems").and_then(Value::as_array).map_or(0, <[_]>::len);
        if asked.value != &Value::Bool(false) {
            return self.each(asked, items, prefix, found);
        }
        let Some(extra) = items.get(prefix..).filter(|extra| !extra.is_empty()) else {
            return ControlFlow::Continue(());
        };
        found(self.fail(asked, move || {
            let noun = if prefix == 1 { "item" } else { "items" };
            let shown =
                if let [one] = extra { one.repr() } else { Value::Array(extra.into()).repr() };
            format!("Expected at most {prefix} {noun} but found {} extra: {shown}", extra.len())
        }))
    }

    /// What a list in `items` leaves, up to Draft 2019-09.
    fn additional_items(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let Some(Value::Array(first)) = asked.sibling("items") else {
            return ControlFlow::Continue(());
        };
        let first = first.len();
        match (asked.value, items.get(first..)) {
            (Value::Object(_), _) => self.each(asked, items, first, found),
            (Value::Bool(false), Some(extra)) if !extra.is_empty() => {
                found(self.fail(asked, move || {
                    let (extra, verb) = listed(extra.iter().map(Value::repr));
                    format!("Additional items are not allowed ({extra} {verb} unexpected)")
                }))
            }
            _ => ControlFlow::Continue(()),
        }
    }

    fn contains(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let most = asked.sibling("maxContains").and_then(Value::as_number);
        let least = asked.sibling("minContains").and_then(Value::as_number);
        let least = least.unwrap_or(&Number::Int(1));
        let mut matches = 0;
        for (index, item) in items.iter().enumerate() {
            if !self.is_valid(asked.at, Some((Step::Index(index), item)), asked.value) {
                continue;
            }
            matches += 1;
            if let Some(most) = most
                && count(matches).compare(most).is_gt()
            {
                return found(self.fail(asked, move || {
                    format!("Too many items match the given schema (expected at most {most})")
                }));
            }
        }
        if count(matches).compare(least).is_ge() {
            return ControlFlow::Continue(());
        }
        let instance = asked.at.instance;
        found(self.fail(asked, move || match matches {
            0 => format!("{} does not contain items matching the given schema", instance.repr()),
            _ => format!(
                "Too few items match the given schema (expected at least {least} but only {matches} matched)"
            ),
        }))
    }

    /// `contains` of Draft 6 and 7.
    fn contains_one(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let mut items = items.iter().enumerate();
        if items.any(|(index, item)| {
            self.is_valid(asked.at, Some((Step::Index(index), item)), asked.value)
        }) {
            return ControlFlow::Continue(());
        }
        let instance = asked.at.instance;
        found(self.fail(asked, move || {
            format!("None of {} are valid under the given schema", instance.repr())
        }))
    }

    fn unevaluated_items(
        &self,
        asked: Asked<'_, 'a>,
        items: &'a [Value],
        found: Sink<'_, 'a>,
    ) -> ControlFlow<()> {
        let evaluated = self.evaluated_items(asked.at, asked.schema, items);
        let left: Vec<&Value> =
            items.iter().zip(evaluated).filter(|(_, seen)| !seen).map(|(item, _)| item).collect();
        if left.is_empty() {
            return ControlFlow::Continue(());
        }
        found(self.fail(asked, move || {
            let (left, verb) = listed(left.iter().map(|item| item.repr()));
            format!("Unevaluated items are not allowed ({left} {verb} unexpected)")
        }))
    }
}

/// Things in a row, with the verb for their number.
pub(super) fn listed(things: impl Iterator<Item = String>) -> (String, &'static str) {
    let things: Vec<String> = things.collect();
    (things.join(", "), if things.len() == 1 { "was" } else { "were" })
}
