//! What is known of a dead letter, without its event.

use event_bus_core::event::format_time;
use event_bus_core::wire::DeadLetter;
use relay_outbound::dead_letters::Entry;
use serde::Serialize;

/// One dead letter, without its event.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    pub(super) number: u64,
    pub(super) route: String,
    pub(super) reason: &'static str,
    pub(super) status: Option<u16>,
    pub(super) detail: String,
    pub(super) attempts: u32,
    pub(super) first_attempt: Option<String>,
    pub(super) last_attempt: Option<String>,
    pub(super) recorded: String,
    pub(super) origin_subject: String,
    pub(super) origin_stream: String,
    pub(super) origin_seq: u64,
    pub(super) event_id: Option<String>,
    pub(super) event_type: Option<String>,
}

impl Summary {
    pub(super) fn of(entry: &Entry) -> Self {
        let DeadLetter { route, origin, attempts, reason, status, detail, recorded } =
            &entry.letter;
        let header = |name| entry.headers.get(name).map(|value| value.as_str().to_owned());
        Self {
            number: entry.sequence,
            route: route.clone(),
            reason: reason.as_str(),
            status: *status,
            detail: detail.clone(),
            attempts: attempts.made,
            first_attempt: attempts.first.map(format_time),
            last_attempt: attempts.last.map(format_time),
            recorded: format_time(*recorded),
            origin_subject: origin.subject.clone(),
            origin_stream: origin.stream.clone(),
            origin_seq: origin.sequence,
            event_id: header("ce-id"),
            event_type: header("ce-type"),
        }
    }
}
