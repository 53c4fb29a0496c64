//! Turns the messages of serde into sentences for a person, without the values.
//!
//! A value may be a secret in the wrong place, so a text is never repeated. Names of keys and types are, and
//! so is a word that is nearly one of the words expected.

use toml::Value;

/// Rewords `message`, which is about `value` where the value is known.
pub(super) fn reword(message: &str, value: Option<&Value>) -> String {
    let message = message.trim();
    if let Some(rest) = message.strip_prefix("unknown field ") {
        return unknown("key", rest, true);
    }
    if let Some(rest) = message.strip_prefix("unknown variant ") {
        return unknown("value", rest, false);
    }
    // The name of a type is no secret, as that of a key is none.
    if let Some(rest) = message.strip_prefix("unknown type ") {
        return unknown("type", rest, true);
    }
    if let Some(rest) = message.strip_prefix("missing field ") {
        return format!("{rest} is missing");
    }
    if let Some(rest) = message.strip_prefix("invalid type: ") {
        return mismatch(rest);
    }
    if let Some(rest) = message.strip_prefix("invalid value: string ") {
        return mismatch(&format!("string {rest}"));
    }
    let mut text = message.lines().collect::<Vec<_>>().join(", ");
    if let Some(value) = value {
        conceal(&mut text, value);
    }
    text
}

/// `rest` is "`name`, expected one of `a`, `b`", or one of serde's shorter forms of it.
fn unknown(what: &str, rest: &str, always_show: bool) -> String {
    let mut words = rest.split('`').skip(1).step_by(2);
    let name = words.next().unwrap_or_default();
    let expected: Vec<_> = words.collect();
    let near = nearest(name, &expected);
    let mut text = match near {
        Some(near) => format!("unknown {what} `{name}`, did you mean `{near}`?"),
        None if always_show => format!("unknown {what} `{name}`"),
        None => format!("unknown {what}"),
    };
    if expected.is_empty() {
        text.push_str("; nothing can be written here");
    } else {
        let expected: Vec<_> = expected.iter().map(|word| format!("`{word}`")).collect();
        text.push_str(if near.is_some() { " Known: " } else { "; known: " });
        text.push_str(&expected.join(", "));
    }
    text
}

/// `rest` is "string \"…\", expected …".
fn mismatch(rest: &str) -> String {
    let found = rest.split([' ', ',']).next().unwrap_or_default();
    let expected = rest.rsplit_once(", expected ").map_or("something else", |(_, text)| text);
    let expected = if expected.starts_with("struct ") { "a table" } else { expected };
    let found = match found {
        "string" => "a text",
        "integer" => "an integer",
        "floating" => "a number with a fraction",
        "boolean" => "true or false",
        "map" => "a table",
        "sequence" => "an array",
        other => other,
    };
    format!("expected {expected}, found {found}")
}

/// The expected word that `name` was probably meant to be.
fn nearest<'a>(name: &str, expected: &[&'a str]) -> Option<&'a str> {
    let limit = (name.chars().count() / 3).clamp(1, 3);
    expected
        .iter()
        .map(|word| (distance(name, word), *word))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, word)| word)
}

/// How many letters must be added, dropped, changed or swapped with their neighbour.
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for i in 1..=left.len() {
        let mut row = vec![i];
        for j in 1..=right.len() {
            let changed = above[j - 1] + usize::from(left[i - 1] != right[j - 1]);
            let mut least = changed.min(above[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut above, row);
    }
    above[right.len()]
}

/// Blots out every text of `value` that the message repeats.
fn conceal(message: &mut String, value: &Value) {
    match value {
        Value::String(text) if text.len() >= 4 && message.contains(text.as_str()) => {
            *message = message.replace(text.as_str(), "…");
        }
        Value::Array(items) => items.iter().for_each(|item| conceal(message, item)),
        Value::Table(table) => table.values().for_each(|item| conceal(message, item)),
        Value::String(_)
        | Value::Integer(_)
        | Value::Float(_)
        | Value::Boolean(_)
        | Value::Datetime(_) => {}
    }
}
