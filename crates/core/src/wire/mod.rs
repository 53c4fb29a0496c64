//! What stands on the bus: names of streams, subjects and headers, and the records that the relay stores.
//!
//! Anything that two versions of this project, or two of its processes, must agree on is here. Every stored record carries
//! [`FORMAT_VERSION`]; a reader refuses a newer one instead of guessing.

pub mod receipt;
mod record;
#[cfg(test)]
mod tests;

pub use record::{Attempts, DeadLetter, Delivery, InvalidRecord, Origin, Retry};

/// Version of the stored records.
pub const FORMAT_VERSION: u32 = 1;

/// Root of the doctor's own subjects; no route of a user sees it.
pub const DOCTOR_ROOT: &str = "doctor";

/// Root of the subjects where a doctor waits for the relay to ask. It is not below [`DOCTOR_ROOT`], which a stream holds.
pub const DOCTOR_ASK_ROOT: &str = "doctor-ask";

/// Name of the doctor's built-in source and route; users cannot take it.
pub const DOCTOR_NAME: &str = "event-bus-doctor";

/// Bucket of the object store that holds the data of events that are too large for a message.
pub const DATA_BUCKET: &str = "EVENT_DATA";

/// Bytes that every admitted event leaves below the server's `max_payload`, so that its retry and its dead letter, which
/// carry more headers, still fit.
pub const RECORD_RESERVE: usize = 16 * 1024;

/// Names of message headers.
pub mod header {
    /// Version of the record.
    pub const FORMAT: &str = "Event-Bus-Format";
    /// The route that stored the record.
    pub const ROUTE: &str = "Event-Bus-Route";
    /// Attempts made so far.
    pub const ATTEMPTS: &str = "Event-Bus-Attempts";
    /// When the next attempt is due (RFC 3339).
    pub const NOT_BEFORE: &str = "Event-Bus-Not-Before";
    /// When the first attempt was made (RFC 3339).
    pub const FIRST_ATTEMPT: &str = "Event-Bus-First-Attempt";
    /// When the last attempt was made (RFC 3339).
    pub const LAST_ATTEMPT: &str = "Event-Bus-Last-Attempt";
    /// Stream that the event was first stored in.
    pub const ORIGIN_STREAM: &str = "Event-Bus-Origin-Stream";
    /// Its sequence there.
    pub const ORIGIN_SEQUENCE: &str = "Event-Bus-Origin-Sequence";
    /// Its subject there.
    pub const ORIGIN_SUBJECT: &str = "Event-Bus-Origin-Subject";
    /// Why an event is a dead letter.
    pub const REASON: &str = "Event-Bus-Reason";
    /// HTTP status of the last attempt.
    pub const STATUS: &str = "Event-Bus-Status";
    /// The last error, as text.
    pub const DETAIL: &str = "Event-Bus-Detail";
    /// When a dead letter was stored (RFC 3339).
    pub const RECORDED: &str = "Event-Bus-Recorded";

    /// Present if the payload was too large to be stored again; its value is [`PAYLOAD_AT_ORIGIN`].
    pub const PAYLOAD: &str = "Event-Bus-Payload";
    /// The payload is to be read from the origin's stream and sequence.
    pub const PAYLOAD_AT_ORIGIN: &str = "origin";

    /// Prefix of every header of a record.
    pub const PREFIX: &str = "Event-Bus-";
}

/// Header by which a server stores a message until its time has come (ADR-51 of the NATS project).
pub const SCHEDULE: &str = "Nats-Schedule";

/// Header that names the subject to which a scheduled message goes then.
pub const SCHEDULE_TARGET: &str = "Nats-Schedule-Target";

/// Header that a fired schedule carries.
pub const SCHEDULER: &str = "Nats-Scheduler";

/// Whether a header must not be stored again with an event: those of the server would be obeyed a second time (a copied
/// `Nats-Scheduler` purges another event's schedule), and those of a record are written anew.
pub fn is_volatile_header(name: &str) -> bool {
    let starts = |prefix: &str| {
        name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix))
    };
    starts("Nats-") || starts(header::PREFIX)
}

/// Subject where the doctor of this run waits for the relay to ask.
pub fn doctor_ask_subject(run: &str) -> String {
    format!("{DOCTOR_ASK_ROOT}.{run}")
}

/// Subject of a retry that is due.
pub fn retry_subject(route: &str) -> String {
    format!("retry.{route}")
}

/// Subject of a retry that waits for its time.
pub fn later_subject(route: &str, id: &str) -> String {
    format!("later.{route}.{id}")
}

/// Subjects of all retries of a route, due and waiting.
pub fn retry_subjects(route: &str) -> [String; 2] {
    [retry_subject(route), later_subject(route, ">")]
}

/// Default prefix of a route's dead letters.
pub fn dead_letter_prefix(route: &str) -> String {
    format!("dead.{route}")
}

/// Subject that a consumer of a route delivers to.
pub fn deliver_subject(stream: &str, route: &str) -> String {
    format!("deliver.{stream}.{route}")
}

/// Whether a text is a name for a route or a source: `[a-z0-9][a-z0-9-]{0,62}`.
pub fn is_name(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [first, rest @ ..] => {
            allowed(*first)
                && rest.len() <= 62
                && rest.iter().all(|byte| allowed(*byte) || *byte == b'-')
        }
        [] => false,
    }
}
