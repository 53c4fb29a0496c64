//! A topic, and the event that a message on it becomes.

use bytes::Bytes;
use event_bus_core::event::{Data, Event, InvalidEvent};
use event_bus_core::key::EventKey;
use time::OffsetDateTime;

use crate::json::Value;

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

    /// The event that a message becomes. The same message always has the same id, and two messages with the same value in
    /// `id_field` are the same event.
    pub fn event(&self, message: &Value, now: OffsetDateTime) -> Result<Event, InvalidEvent> {
        let text = Bytes::from(message.to_python_json());
        let given = self.id_field.as_deref().and_then(|field| message.get(field));
        let given = given.and_then(Value::as_str).filter(|id| !id.is_empty());
        match given.map(|id| self.build(id.to_owned(), message, text.clone(), now)) {
            Some(Ok(event)) => Ok(event),
            // No id, or one that cannot stand in an attribute: a hash of what makes the event itself.
            Some(Err(_)) => {
                self.build(hash(given.unwrap_or_default().as_bytes()), message, text, now)
            }
            None => self.build(hash(&text), message, text, now),
        }
    }

    fn build(
        &self,
        id: String,
        message: &Value,
        text: Bytes,
        now: OffsetDateTime,
    ) -> Result<Event, InvalidEvent> {
        let mut event = Event::builder(id, format!("/topics/{}", self.name), self.name.as_str())
            .time(now)
            .datacontenttype("application/json")
            .extension("recordedtime", &*event_bus_core::event::format_time(now))
            .data(Data::Json(text));
        if let Some(key) = self.key(message) {
            event = event.extension("partitionkey", &*key);
        }
        event.build()
    }

    /// The key of the record in Kafka: the field as text; none if it is absent, null, an object, an array or empty.
    fn key(&self, message: &Value) -> Option<String> {
        let value = message.get(self.key_field.as_deref()?)?;
        match value {
            Value::Null | Value::Array(_) | Value::Object(_) => None,
            Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                Some(value.str().into_owned()).filter(|key| !key.is_empty())
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
    fn a_name_never_makes_a_wildcard() {
        assert_eq!(tokens("a.*.>. b..c d"), "a._._._b.c_d");
    }
}
