//! A topic, and the event that a message on it becomes.

use bytes::Bytes;
use event_bus_core::event::{Data, Event, InvalidEvent};
use event_bus_core::key::EventKey;
use time::OffsetDateTime;

use crate::json::Value;

/// Longest id that an event has as it is, in bytes; a longer one is hashed.
const LONGEST_ID: usize = 1024;

/// Longest key, in bytes. It stands in a header, and all headers of a message have 64 KiB.
const LONGEST_KEY: usize = 8 * 1024;

/// A message becomes no event.
#[derive(Debug, thiserror::Error)]
pub enum NoEvent {
    /// Its key is too long.
    #[error("Field '{field}' is the key and has {length} bytes; {LONGEST_KEY} are the most.")]
    LongKey {
        /// The field.
        field: String,
        /// Its length, in bytes.
        length: usize,
    },
    /// What it holds cannot stand in an event.
    #[error("The message cannot become an event")]
    Invalid(#[source] InvalidEvent),
}

/// When a producer is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Acknowledge {
    /// Once the stream has confirmed the event.
    #[default]
    Durable,
    /// Once every route has said what became of it.
    Delivered,
}

/// A route that carries the events of a topic to one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Kind of its sink, such as `kafka`: the type of an error.
    pub kind: &'static str,
    /// Name of the route.
    pub route: String,
}

/// What is known of a topic beside its schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Topic {
    /// Its name, in lower case.
    pub name: String,
    /// Field whose value is the id of an event; without it, equal messages are one event.
    pub id_field: Option<String>,
    /// Field whose value is the key of Kafka's records.
    pub key_field: Option<String>,
    /// When a producer is answered.
    pub acknowledge: Acknowledge,
    /// Its destinations, in the order in which answers name them.
    pub destinations: Vec<Destination>,
}

impl Topic {
    /// The subject of its events.
    pub fn subject(&self) -> String {
        subject(&self.name)
    }

    /// Whether producers want to hear of destinations, and there is none.
    pub fn is_unanswered(&self) -> bool {
        self.acknowledge == Acknowledge::Delivered && self.destinations.is_empty()
    }

    /// The event that a message becomes. The same message always has the same id, and two messages with the same value in
    /// `id_field` are the same event.
    pub fn event(&self, message: &Value, now: OffsetDateTime) -> Result<Event, NoEvent> {
        let key = self.key(message)?;
        let text = Bytes::from(message.to_python_json());
        let given = self.id_field.as_deref().and_then(|field| message.get(field));
        let given = given.and_then(Value::as_str).filter(|id| !id.is_empty());
        let build = |id, text| self.build(id, key.as_deref(), text, now);
        let made = match given.filter(|id| id.len() <= LONGEST_ID) {
            Some(id) => build(id.to_owned(), text.clone()).ok(),
            None => None,
        };
        // No id, or one that cannot stand in an attribute: a hash of what makes the event itself.
        let id = || hash(given.map_or(&text, str::as_bytes));
        made.map_or_else(|| build(id(), text.clone()), Ok).map_err(NoEvent::Invalid)
    }

    fn build(
        &self,
        id: String,
        key: Option<&str>,
        text: Bytes,
        now: OffsetDateTime,
    ) -> Result<Event, InvalidEvent> {
        let mut event = Event::builder(id, format!("/topics/{}", self.name), self.name.as_str())
            .time(now)
            .datacontenttype("application/json")
            .extension("recordedtime", &*event_bus_core::event::format_time(now))
            .data(Data::Json(text));
        if let Some(key) = key {
            event = event.extension("partitionkey", key);
        }
        event.build()
    }

    /// The key of the record in Kafka: the field as text; none if it is absent, null, an object, an array or empty.
    fn key(&self, message: &Value) -> Result<Option<String>, NoEvent> {
        let Some(field) = self.key_field.as_deref() else { return Ok(None) };
        match message.get(field) {
            None | Some(Value::Null | Value::Array(_) | Value::Object(_)) => Ok(None),
            Some(value @ (Value::Bool(_) | Value::Number(_) | Value::String(_))) => {
                let key = value.str().into_owned();
                if key.len() > LONGEST_KEY {
                    return Err(NoEvent::LongKey { field: field.to_owned(), length: key.len() });
                }
                Ok(Some(key).filter(|key| !key.is_empty()))
            }
        }
    }
}

/// The subject of the events of a topic.
pub fn subject(name: &str) -> String {
    format!("fleet.topic.{}", tokens(name))
}

/// An id made of a text.
fn hash(text: &[u8]) -> String {
    let id = String::from_utf8_lossy(text).into_owned();
    let key = EventKey { ce_source: String::new(), id };
    key.message_id().replace("msg_", "content-")
}

/// The tokens of a subject: what stands between dots, without what has a meaning there.
fn tokens(name: &str) -> String {
    let token = |token: &str| -> String {
        let plain =
            |each: char| if each.is_ascii_alphanumeric() || each == '-' { each } else { '_' };
        token.chars().map(plain).collect()
    };
    let tokens: Vec<_> = name.split('.').filter(|token| !token.is_empty()).map(token).collect();
    tokens.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::{Limits, parse};

    fn topic() -> Topic {
        Topic {
            name: "public.cps.za.status_change".to_owned(),
            id_field: Some("event_id".to_owned()),
            key_field: Some("job_id".to_owned()),
            acknowledge: Acknowledge::Delivered,
            destinations: Vec::new(),
        }
    }

    fn event(text: &str) -> Event {
        let message = parse(text.as_bytes(), Limits::default()).unwrap();
        topic().event(&message, OffsetDateTime::UNIX_EPOCH).unwrap()
    }

    #[test]
    fn a_message_becomes_an_event() {
        let made = event(r#"{"event_id":"e-1","job_id":7,"name":"ä","n":1.0}"#);
        assert_eq!((made.id(), made.kind()), ("e-1", "public.cps.za.status_change"));
        assert_eq!(made.ce_source(), "/topics/public.cps.za.status_change");
        assert_eq!(made.extension("partitionkey").unwrap().to_text(), "7");
        let Some(Data::Json(data)) = made.data() else { panic!("{made:?}") };
        assert_eq!(&data[..], br#"{"event_id": "e-1", "job_id": 7, "name": "\u00e4", "n": 1.0}"#);
        assert_eq!(topic().subject(), "fleet.topic.public.cps.za.status_change");
    }

    #[test]
    fn every_message_has_an_id_that_an_event_may_have() {
        let without = [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"event_id":""}"#, r#"{"event_id":5}"#];
        let strange = [r#"{"event_id":"a\nb"}"#, r#"{"event_id":"a\u0000b"}"#];
        let ids: std::collections::BTreeSet<_> =
            without.iter().chain(&strange).map(|text| event(text).id().to_owned()).collect();
        assert_eq!(ids.len(), 6);
        assert_eq!(event(without[0]).id(), event(r#"{ "a": 1 }"#).id());
    }

    #[test]
    fn keys_are_text_or_none() {
        for (value, key) in [
            ("\"k\"", Some("k")),
            ("true", Some("True")),
            ("1.5", Some("1.5")),
            ("null", None),
            ("[1]", None),
            ("{}", None),
            ("\"\"", None),
        ] {
            let made = event(&format!("{{\"event_id\":\"1\",\"job_id\":{value}}}"));
            let found = made.extension("partitionkey").map(|value| value.to_text().into_owned());
            assert_eq!(found.as_deref(), key, "{value}");
        }
    }

    #[test]
    fn what_is_too_long_for_a_header_is_hashed_or_refused() {
        let long = |field: &str, length: usize| {
            let text = format!("{{\"event_id\":\"1\",\"{field}\":\"{}\"}}", "x".repeat(length));
            let message = parse(text.as_bytes(), Limits::default()).unwrap();
            topic().event(&message, OffsetDateTime::UNIX_EPOCH)
        };
        assert_eq!(long("event_id", 1024).unwrap().id().len(), 1024);
        let (one, other) = (long("event_id", 1025).unwrap(), long("event_id", 1026).unwrap());
        assert!(one.id().starts_with("content-") && one.id() != other.id());
        assert_eq!(one.id(), long("event_id", 1025).unwrap().id());
        assert!(long("job_id", 8192).is_ok());
        assert_eq!(
            long("job_id", 8193).unwrap_err().to_string(),
            "Field 'job_id' is the key and has 8193 bytes; 8192 are the most."
        );
    }

    #[test]
    fn a_name_never_makes_a_wildcard() {
        assert_eq!(tokens("a.*.>. b..c d"), "a._._._b.c_d");
    }
}
