//! Arrays.

use serde_json::Value;

use super::part::{Inner, Node};
use super::prove::{Proof, below};
use crate::json::Number;
use crate::schema::Dialect;

/// What a schema says about items: about the first ones each, and about the rest.
struct Items<'a> {
    first: &'a [Value],
    first_keyword: &'static str,
    rest: Option<&'a Value>,
    rest_keyword: &'static str,
}

impl Proof<'_> {
    pub(super) fn array<'a>(
        &mut self,
        inner: &Inner<'a>,
        outer: Node<'a>,
        keyword: &str,
        at: &str,
    ) {
        match keyword {
            "minItems" | "maxItems" => self.size(inner, outer, keyword, at),
            "uniqueItems" => {
                let is_unique = |part: &Node<'a>| part.get(keyword) == Some(&Value::Bool(true));
                let is_met =
                    inner.parts.iter().any(is_unique) || most(inner).is_some_and(|most| most <= 1);
                if is_unique(&outer) && !is_met {
                    self.demand(at, keyword, "items that differ");
                }
            }
            "contains" => self.contains(inner, outer, at),
            "minContains" | "maxContains" => (),
            "unevaluatedItems" => {
                if outer.get(keyword) != Some(&Value::Bool(true)) {
                    self.unjudged(at, keyword);
                }
            }
            _ => self.items(inner, outer, keyword, at),
        }
    }

    fn items<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str, at: &str) {
        let demanded = Items::of(outer);
        let end = most(inner).unwrap_or(usize::MAX);
        if keyword == demanded.first_keyword && !demanded.first.is_empty() {
            for (index, schema) in demanded.first.iter().enumerate().take(end) {
                let place = below(at, &[keyword, &index.to_string()]);
                self.contain(&item(inner, index), outer.with(schema), &place);
            }
        }
        let Some(rest) = demanded.rest.filter(|_| keyword == demanded.rest_keyword) else { return };
        // From the last item that the inner schemas name on, all are alike.
        let named = inner.parts.iter().map(|part| Items::of(*part).first.len()).max().unwrap_or(0);
        let place = below(at, &[keyword]);
        for index in demanded.first.len()..=named.max(demanded.first.len()) {
            if index < end {
                self.contain(&item(inner, index), outer.with(rest), &place);
            }
        }
    }

    fn contains<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, at: &str) {
        let dialect = outer.doc.dialect;
        if dialect < Dialect::Draft6 {
            return;
        }
        let count = |node: &Node<'a>, keyword: &str| {
            node.number(keyword).filter(|_| dialect >= Dialect::Draft2019)
        };
        let least = |node: &Node<'a>| count(node, "minContains").unwrap_or(Number::Int(1));
        let (needed, most) = (least(&outer), count(&outer, "maxContains"));
        if needed.compare(&Number::Int(0)).is_le() && most.is_none() {
            return;
        }
        let Some(schema) = outer.get("contains") else { return };
        let is_met = inner.parts.iter().any(|part| {
            let same = part.get("contains").map(|own| part.with(own).is_same(&outer.with(schema)));
            let own_most = count(part, "maxContains");
            let within = match (&own_most, &most) {
                (_, None) => true,
                (None, Some(_)) => false,
                (Some(own), Some(most)) => own.compare(most).is_le(),
            };
            same == Some(true) && within && least(part).compare(&needed).is_ge()
        });
        if !is_met {
            self.unjudged(at, "contains");
        }
    }
}

impl<'a> Items<'a> {
    fn of(node: Node<'a>) -> Self {
        if node.doc.dialect == Dialect::Draft2020 {
            return Self {
                first: node.list("prefixItems"),
                first_keyword: "prefixItems",
                rest: node.get("items"),
                rest_keyword: "items",
            };
        }
        let first = node.list("items");
        match node.get("items") {
            Some(Value::Array(_)) => Self {
                first,
                first_keyword: "items",
                rest: node.get("additionalItems"),
                rest_keyword: "additionalItems",
            },
            rest => Self { first, first_keyword: "items", rest, rest_keyword: "items" },
        }
    }
}

/// What applies to the item at a place.
fn item<'a>(inner: &Inner<'a>, index: usize) -> Inner<'a> {
    let mut item = Inner::default();
    for part in &inner.parts {
        let items = Items::of(*part);
        if let Some(schema) = items.first.get(index).or(items.rest) {
            item.add(part.with(schema));
        }
    }
    item
}

/// The most items that an array may have.
fn most(inner: &Inner<'_>) -> Option<usize> {
    let limits = inner.parts.iter().filter_map(|part| part.get("maxItems")?.as_u64());
    limits.min().map(|most| usize::try_from(most).unwrap_or(usize::MAX))
}
