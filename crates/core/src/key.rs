//! One key for an event from end to end: `(ce_source, id)`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::event::Event;

/// Characters of base64url that are kept of a hash: 132 bits.
const HASH_CHARACTERS: usize = 22;

/// The identity of an event: equal keys mean the same event (CloudEvents, section "id").
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventKey {
    /// The attribute `source`.
    pub ce_source: String,
    /// The attribute `id`.
    pub id: String,
}

impl EventKey {
    /// The key of an event.
    pub fn of(event: &Event) -> Self {
        Self { ce_source: event.ce_source().to_owned(), id: event.id().to_owned() }
    }

    /// The deduplication id on the bus, scoped by the endpoint that took the event: one sender cannot claim the id of
    /// another one's event. Hash of endpoint, `ce_source` and id, separated by NUL.
    pub fn dedup_id(&self, endpoint: &str) -> String {
        hash(&[endpoint, &self.ce_source, &self.id])
    }

    /// The id for destinations: stable over attempts and free of `.`, which Standard Webhooks forbids in ids.
    pub fn message_id(&self) -> String {
        format!("msg_{}", hash(&[&self.ce_source, &self.id]))
    }
}

impl fmt::Display for EventKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}#{}", self.ce_source, self.id)
    }
}

/// NUL cannot stand in an attribute, so different parts never run together into the same text.
fn hash(parts: &[&str]) -> String {
    let mut hasher = Sha256::new();
    for (index, part) in parts.iter().enumerate() {
        if index > 0 {
            hasher.update([0]);
        }
        hasher.update(part.as_bytes());
    }
    let mut text = URL_SAFE_NO_PAD.encode(hasher.finalize());
    text.truncate(HASH_CHARACTERS);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(ce_source: &str, id: &str) -> EventKey {
        EventKey { ce_source: ce_source.to_owned(), id: id.to_owned() }
    }

    #[test]
    fn ids_depend_on_every_part_and_on_the_border_between_them() {
        let ids = [
            key("/a", "1").dedup_id("x"),
            key("/a", "1").dedup_id("y"),
            key("/a1", "").dedup_id("x"),
            key("a", "1").dedup_id("x/"),
            key("/a", "2").dedup_id("x"),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert_eq!(id.len(), 22);
            assert!(!ids[..index].contains(id));
        }
    }

    #[test]
    fn a_message_id_is_the_same_for_every_attempt_and_holds_no_full_stop() {
        let id = key("https://api.github.com/repos/a/b", "72d3.162e").message_id();
        assert_eq!(id, key("https://api.github.com/repos/a/b", "72d3.162e").message_id());
        assert!(id.starts_with("msg_") && !id.contains('.'));
    }
}
