//! Bounds, multiples, lengths and patterns.

use serde_json::Value;

use super::part::{Inner, Node, Types};
use super::prove::Proof;
use crate::json::Number;

/// The end of a range of numbers.
struct Bound {
    limit: Number,
    excludes: bool,
}

impl Proof<'_> {
    pub(super) fn number<'a>(
        &mut self,
        inner: &Inner<'a>,
        outer: Node<'a>,
        keyword: &str,
        at: &str,
    ) {
        let Some(limit) = outer.number(keyword) else { return };
        if keyword == "multipleOf" {
            let mut divisors = inner.numbers("multipleOf");
            let is_whole = inner.types().and(Types::NUMBER) == Types::INTEGER;
            let is_met = divisors.any(|divisor| divides(&limit, &divisor))
                || is_whole && limit.compare(&Number::Int(1)).is_eq();
            if !is_met {
                let demand = format!("multiples of {limit} only");
                self.demand(at, keyword, &demand);
            }
            return;
        }
        let is_lower = keyword.ends_with("inimum");
        let Some(needed) = bound(outer, is_lower, keyword) else { return };
        let keywords = if is_lower {
            ["minimum", "exclusiveMinimum"]
        } else {
            ["maximum", "exclusiveMaximum"]
        };
        let is_met = inner.parts.iter().any(|part| {
            let bounds = keywords.iter().filter_map(|keyword| bound(*part, is_lower, keyword));
            bounds.into_iter().any(|bound| bound.is_within(&needed, is_lower))
        });
        if !is_met {
            let end = if is_lower { "at least" } else { "at most" };
            let excluding = if needed.excludes { ", that excluded" } else { "" };
            self.demand(at, keyword, &format!("numbers of {end} {limit}{excluding}"));
        }
    }

    pub(super) fn text<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str, at: &str) {
        if keyword != "pattern" {
            return self.size(inner, outer, keyword, at);
        }
        let pattern = outer.get("pattern");
        if inner.parts.iter().all(|part| part.get("pattern") != pattern) {
            let pattern = pattern.and_then(Value::as_str).unwrap_or_default();
            self.demand(at, keyword, &format!("texts that match {pattern:?} only"));
        }
    }

    /// `min…` and `max…` of whatever has a size.
    pub(super) fn size<'a>(&mut self, inner: &Inner<'a>, outer: Node<'a>, keyword: &str, at: &str) {
        let Some(limit) = outer.number(keyword) else { return };
        let is_minimum = keyword.starts_with("min");
        let is_trivial = is_minimum && limit.compare(&Number::Int(0)).is_le();
        let mut limits = inner.numbers(keyword);
        let is_met = limits.any(|own| {
            let order = own.compare(&limit);
            if is_minimum { order.is_ge() } else { order.is_le() }
        });
        if !is_met && !is_trivial {
            self.demand(at, keyword, &format!("{keyword} {limit}"));
        }
    }

    /// Objects that a demand of the outer schema is not made by the inner one.
    pub(super) fn demand(&mut self, at: &str, keyword: &str, demand: &str) {
        let message =
            format!("the {} schema demands {demand}, the {} one does not", self.outer, self.inner);
        self.object(at, keyword, message);
    }
}

impl Bound {
    /// Whether this is at least as strict.
    fn is_within(&self, other: &Self, is_lower: bool) -> bool {
        let order = self.limit.compare(&other.limit);
        let order = if is_lower { order } else { order.reverse() };
        order.is_gt() || order.is_eq() && (self.excludes || !other.excludes)
    }
}

/// What a keyword says about one end. In Draft 4 a boolean beside the limit excludes it.
fn bound(node: Node<'_>, is_lower: bool, keyword: &str) -> Option<Bound> {
    let limit = node.number(keyword)?;
    let excluding = if is_lower { "exclusiveMinimum" } else { "exclusiveMaximum" };
    let excludes = keyword == excluding || node.get(excluding) == Some(&Value::Bool(true));
    Some(Bound { limit, excludes })
}

/// Whether multiples of `own` are multiples of `limit`. Fractions are left alone: floats are divided inexactly.
fn divides(limit: &Number, own: &Number) -> bool {
    own == limit
        || limit.is_written_as_integer() && own.is_written_as_integer() && own.is_multiple_of(limit)
}
