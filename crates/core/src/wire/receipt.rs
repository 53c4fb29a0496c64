//! Receipts: what became of an event on a route, and whether a route delivers, for those who wait for it.
//!
//! They stand in a bucket of the key-value store. Whoever waits subscribes to the subjects by which they are stored, and
//! looks into the bucket for what was stored before.

use serde::{Deserialize, Serialize};

use crate::key::EventKey;

/// The bucket.
pub const BUCKET: &str = "RECEIPTS";

/// The stream behind the bucket.
pub const STREAM: &str = "KV_RECEIPTS";

/// Longest error text of a receipt, in bytes.
const MAX_DETAIL: usize = 1024;

/// What became of an event on a route, as far as it is known by now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The destination has it.
    Delivered,
    /// It is not for this route.
    Filtered,
    /// The destination is away; the event waits, and no attempt was counted.
    Waiting,
    /// An attempt failed, and another one follows.
    Retrying,
    /// It was given up, and is a dead letter.
    DeadLettered,
}

/// A receipt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What became of the event.
    pub outcome: Outcome,
    /// HTTP status of the last attempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The last error.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// Whether a route delivers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RouteReceipt {
    /// `true` if events that come now are delivered at once.
    pub delivers: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

impl Receipt {
    /// A receipt without a failure.
    pub fn done(outcome: Outcome) -> Self {
        Self { outcome, status: None, detail: String::new() }
    }

    /// A receipt of a failure.
    pub fn failed(outcome: Outcome, status: Option<u16>, detail: &str) -> Self {
        let detail = detail.get(..detail.floor_char_boundary(MAX_DETAIL)).unwrap_or_default();
        Self { outcome, status, detail: detail.to_owned() }
    }

    /// Whether nothing more will become of the event on that route, or the destination has it.
    pub fn is_good(&self) -> bool {
        match self.outcome {
            Outcome::Delivered | Outcome::Filtered => true,
            Outcome::Waiting | Outcome::Retrying | Outcome::DeadLettered => false,
        }
    }
}

/// Key of the receipt of an event on a route.
pub fn key(event: &EventKey, route: &str) -> String {
    format!("{}.{route}", event.message_id())
}

/// Key of the state of a route. No event has it: their ids begin with `msg_`.
pub fn route_key(route: &str) -> String {
    format!("route.{route}")
}

/// Subject by which a key is stored.
pub fn subject(key: &str) -> String {
    format!("$KV.{BUCKET}.{key}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receipt_is_small_and_can_be_read_again() {
        let receipts = [
            (Receipt::done(Outcome::Delivered), r#"{"outcome":"delivered"}"#),
            (
                Receipt::failed(Outcome::Retrying, Some(503), "no"),
                r#"{"outcome":"retrying","status":503,"detail":"no"}"#,
            ),
        ];
        for (receipt, text) in receipts {
            assert_eq!(serde_json::to_string(&receipt).unwrap(), text);
            assert_eq!(serde_json::from_str::<Receipt>(text).unwrap(), receipt);
        }
        let long = Receipt::failed(Outcome::Waiting, None, &"ä".repeat(MAX_DETAIL));
        assert!(long.detail.len() <= MAX_DETAIL && !long.is_good());
    }

    #[test]
    fn keys_of_events_and_routes_never_meet() {
        let event = EventKey { ce_source: "/a.b *>".to_owned(), id: "1.2 >".to_owned() };
        let key = key(&event, "kafka");
        assert!(key.starts_with("msg_") && key.ends_with(".kafka"), "{key}");
        assert_eq!(key.split('.').count(), 2);
        assert_eq!(subject(&route_key("kafka")), "$KV.RECEIPTS.route.kafka");
    }
}
