//! Fields of a JSON value, as the sender wrote them.

use std::cell::OnceCell;
use std::collections::HashMap;

use event_bus_core::event::{Data, Event};
use serde_json::value::RawValue;

/// A JSON value. The members of an object are looked for once, however many columns take one of them.
pub(super) struct Fields<'a> {
    root: Option<&'a RawValue>,
    members: OnceCell<Members<'a>>,
}

type Members<'a> = HashMap<String, &'a RawValue>;

impl<'a> Fields<'a> {
    /// Those of an event with JSON data; none of another.
    pub(super) fn of(event: &'a Event) -> Self {
        let root = match event.data() {
            Some(Data::Json(bytes)) => serde_json::from_slice(bytes).ok(),
            Some(Data::Text(_) | Data::Binary(_)) | None => None,
        };
        Self { root, members: OnceCell::new() }
    }

    /// Those of a value.
    pub(super) fn at(root: &'a RawValue) -> Self {
        Self { root: Some(root), members: OnceCell::new() }
    }

    /// The field below these names, of which a number may be the place in an array.
    pub(super) fn find(&self, names: &[String]) -> Option<&'a RawValue> {
        let root = self.root?;
        match names {
            [first, rest @ ..] if root.get().starts_with('{') => {
                let members = self.members.get_or_init(|| members(root).unwrap_or_default());
                find(members.get(first).copied()?, rest)
            }
            names => find(root, names),
        }
    }

    /// A string as its text, anything else as the JSON that the sender wrote: a number keeps all its digits.
    pub(super) fn text(&self, names: &[String]) -> Option<String> {
        match self.find(names)?.get() {
            "null" => None,
            text if text.starts_with('"') => serde_json::from_str(text).ok(),
            text => Some(text.to_owned()),
        }
    }
}

fn members(value: &RawValue) -> Option<Members<'_>> {
    serde_json::from_str(value.get()).ok()
}

fn find<'a>(mut value: &'a RawValue, names: &[String]) -> Option<&'a RawValue> {
    for name in names {
        value = match value.get().as_bytes().first()? {
            b'{' => members(value)?.get(name).copied()?,
            b'[' => {
                let items: Vec<&RawValue> = serde_json::from_str(value.get()).ok()?;
                items.get(name.parse::<usize>().ok()?).copied()?
            }
            _ => return None,
        };
    }
    Some(value)
}
