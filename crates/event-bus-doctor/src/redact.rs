//! Strikes secrets from a report. Checks show none; this holds even where one of them errs.

use event_bus_runtime::{Check, SecretResolver};
use serde_json::Value;

use crate::report::Entry;

/// What stands where a secret stood.
const STRUCK: &str = "***";

/// A shorter value would be struck out of ordinary words.
const SHORTEST: usize = 6;

/// The values that no report may hold.
pub(crate) struct Redactor(Vec<String>);

impl Redactor {
    /// Reads the secrets that the checks name. One that cannot be read cannot be shown either.
    pub(crate) fn new(checks: &[Box<dyn Check>], secrets: &SecretResolver) -> Self {
        let references = checks.iter().flat_map(|check| check.secrets());
        let values = references.filter_map(|reference| {
            let secret = secrets.resolve(&reference).ok()?;
            Some(secret.expose_str().ok()?.to_owned())
        });
        let mut parts: Vec<String> = values.flat_map(|value| parts(&value)).collect();
        // A longer one first, since it may hold a shorter one.
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts.dedup();
        Self(parts)
    }

    /// Strikes them, and notes where.
    pub(crate) fn apply(&self, entry: &mut Entry) {
        if self.strike(&mut entry.message) {
            entry.redactions.push("message".to_owned());
        }
        for (name, value) in &mut entry.evidence {
            if self.strike_value(value) {
                entry.redactions.push(format!("evidence.{name}"));
            }
        }
    }

    fn strike_value(&self, value: &mut Value) -> bool {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
            Value::String(text) => self.strike(text),
            Value::Array(items) => {
                items.iter_mut().fold(false, |struck, item| self.strike_value(item) | struck)
            }
            Value::Object(members) => {
                members.values_mut().fold(false, |struck, item| self.strike_value(item) | struck)
            }
        }
    }

    fn strike(&self, text: &mut String) -> bool {
        let mut struck = false;
        for secret in &self.0 {
            if text.contains(secret.as_str()) {
                *text = text.replace(secret.as_str(), STRUCK);
                struck = true;
            }
        }
        struck
    }
}

/// The value itself, its lines (a credentials file has several), and the password of `user:password`.
fn parts(value: &str) -> Vec<String> {
    let password = value.split_once(':').map(|(_, password)| password);
    let all = [value].into_iter().chain(value.lines()).chain(password);
    all.map(str::trim).filter(|part| part.len() >= SHORTEST).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::{Severity, Status};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_secret_is_struck_wherever_it_stands() {
        let secrets = ["hunter22", "key:hunter22-long", "line one\nline two"];
        let mut parts: Vec<_> = secrets.into_iter().flat_map(super::parts).collect();
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        let mut entry = Entry {
            id: "a".to_owned(),
            component: "bus",
            status: Status::Fail,
            severity: Severity::Required,
            duration_ms: 1,
            message: "password hunter22 is wrong".to_owned(),
            evidence: [
                ("deep".to_owned(), json!({ "list": ["hunter22-long", 1], "other": "line two" })),
                ("harmless".to_owned(), json!(["hunter", null, true])),
            ]
            .into(),
            redactions: Vec::new(),
        };
        Redactor(parts).apply(&mut entry);
        assert_eq!(entry.message, "password *** is wrong");
        assert_eq!(entry.evidence["deep"], json!({ "list": ["***", 1], "other": "***" }));
        assert_eq!(entry.evidence["harmless"], json!(["hunter", null, true]));
        assert_eq!(entry.redactions, ["message", "evidence.deep"]);
    }
}
