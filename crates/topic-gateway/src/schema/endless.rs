//! References that lead back to where they came from while the value stays the same.
//!
//! Python follows them until it gives up, for every event. Here the schema is refused when it is loaded.

use std::collections::HashMap;

use super::reference::{References, Scope};
use super::{Applicator, applicator};
use crate::json::Value;

/// The first reference of a loop that no part of a value ends.
pub(super) fn endless_reference(document: &Value, references: &References) -> Option<String> {
    let mut search = Search { document, references, entered: HashMap::new() };
    search.all(document, &references.root_scope(document))
}

struct Search<'a> {
    document: &'a Value,
    references: &'a References,
    /// Schemas by their address; `true` while the search is within.
    entered: HashMap<usize, bool>,
}

impl<'a> Search<'a> {
    /// Looks in a schema and in all within it.
    fn all(&mut self, schema: &'a Value, scope: &Scope) -> Option<String> {
        let members = schema.as_object()?;
        let entered = self.references.entered(schema, scope);
        let scope = entered.as_ref().unwrap_or(scope);
        let endless = self.same_value(schema, scope);
        endless.or_else(|| {
            members.iter().find_map(|(keyword, value)| {
                let all = subschemas(keyword, value);
                all.into_iter().find_map(|schema| self.all(schema, scope))
            })
        })
    }

    /// Follows what is applied to the value that `schema` is applied to; says the reference that closes a loop.
    fn same_value(&mut self, schema: &'a Value, scope: &Scope) -> Option<String> {
        let address = std::ptr::from_ref(schema).addr();
        match self.entered.get(&address) {
            Some(true) => return Some(String::new()),
            Some(false) => return None,
            None => self.entered.insert(address, true),
        };
        let members = schema.as_object().into_iter().flatten();
        let endless = members.into_iter().find_map(|(keyword, value)| match keyword.as_str() {
            "$ref" | "$dynamicRef" => {
                let reference = value.as_str()?;
                let (target, inner) =
                    self.references.look_up(self.document, scope, reference).ok()?;
                let closed = self.same_value(target, &inner)?;
                Some(if closed.is_empty() { reference.to_owned() } else { closed })
            }
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" | "dependentSchemas"
            | "dependencies" => subschemas(keyword, value).into_iter().find_map(|schema| {
                let entered = self.references.entered(schema, scope);
                self.same_value(schema, entered.as_ref().unwrap_or(scope))
            }),
            _ => None,
        });
        self.entered.insert(address, false);
        endless
    }
}

/// The schemas that a keyword holds.
fn subschemas<'a>(keyword: &str, value: &'a Value) -> Vec<&'a Value> {
    let items = value.as_array().into_iter().flatten();
    match (applicator(keyword), value) {
        (None, _) => Vec::new(),
        (Some(Applicator::Schemas | Applicator::Either), Value::Array(_)) => items.collect(),
        (Some(Applicator::Schemas), Value::Object(members)) => members.values().collect(),
        (Some(_), schema) => vec![schema],
    }
}
