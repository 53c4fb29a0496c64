//! `uniqueItems`.

use std::cmp::Ordering;

use crate::json::Value;

/// Whether no two items are equal in the sense of JSON Schema 2020-12, section 4.2.2.
pub(super) fn all_differ(items: &[Value]) -> bool {
    let mut sorted: Vec<&Value> = items.iter().collect();
    sorted.sort_unstable_by(|one, other| order(one, other));
    !sorted.windows(2).any(|pair| order(pair[0], pair[1]).is_eq())
}

/// A total order in which exactly the equal values are equal, so that a long array is no quadratic work.
fn order(one: &Value, other: &Value) -> Ordering {
    match (one, other) {
        (Value::Bool(one), Value::Bool(other)) => one.cmp(other),
        (Value::Number(one), Value::Number(other)) => one.compare(other),
        (Value::String(one), Value::String(other)) => one.cmp(other),
        (Value::Array(one), Value::Array(other)) => {
            let items = one.iter().zip(other).map(|(a, b)| order(a, b));
            one.len().cmp(&other.len()).then_with(|| first_difference(items))
        }
        (Value::Object(one), Value::Object(other)) => one.len().cmp(&other.len()).then_with(|| {
            let (one, other) = (by_name(one), by_name(other));
            let members = one.iter().zip(&other);
            first_difference(members.map(|(a, b)| a.0.cmp(b.0).then_with(|| order(a.1, b.1))))
        }),
        _ => rank(one).cmp(&rank(other)),
    }
}

fn first_difference(mut orders: impl Iterator<Item = Ordering>) -> Ordering {
    orders.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
}

fn by_name(members: &crate::json::Object) -> Vec<(&crate::json::Text, &Value)> {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    members
}

fn rank(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) => 4,
        Value::Object(_) => 5,
    }
}
