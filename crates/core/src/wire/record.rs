//! The records of the relay: a retry and a dead letter. Both are the event's own message with more headers.

use time::OffsetDateTime;

use super::{FORMAT_VERSION, header};
use crate::delivery::DeadLetterReason;
use crate::event::{format_time, parse_time};

/// Longest error text that is stored, in bytes.
const MAX_DETAIL: usize = 1024;

/// Where an event was first stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The stream.
    pub stream: String,
    /// The sequence in it.
    pub sequence: u64,
    /// The subject.
    pub subject: String,
}

/// One message as one consumer delivers it. It names the records that handling the message leaves, so that storing one
/// again after a crash is recognised as a duplicate, and nothing else is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The stream that holds the message.
    pub stream: String,
    /// The consumer.
    pub consumer: String,
    /// When the consumer was made, in nanoseconds since 1970. Streams and consumers that are made anew count from one
    /// again, and the ids of their predecessors are still remembered.
    pub incarnation: i128,
    /// The sequence of the message.
    pub sequence: u64,
}

impl Delivery {
    /// Deduplication id of whatever is stored about the message.
    pub fn dedup_id(&self) -> String {
        format!("{}:{}:{}:{}", self.stream, self.consumer, self.incarnation, self.sequence)
    }
}

/// How often an event was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Attempts made.
    pub made: u32,
    /// Time of the first one.
    pub first: Option<OffsetDateTime>,
    /// Time of the last one.
    pub last: Option<OffsetDateTime>,
}

impl Attempts {
    /// One more attempt, made now.
    #[must_use]
    pub fn and_one(self, now: OffsetDateTime) -> Self {
        Self { made: self.made.saturating_add(1), first: self.first.or(Some(now)), last: Some(now) }
    }
}

/// An event that waits for its next attempt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// The route.
    pub route: String,
    /// Where the event came from.
    pub origin: Origin,
    /// What was tried.
    pub attempts: Attempts,
    /// When the next attempt is due; `None` is at once.
    pub not_before: Option<OffsetDateTime>,
}

/// An event that its route has given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// The route.
    pub route: String,
    /// Where the event came from.
    pub origin: Origin,
    /// What was tried.
    pub attempts: Attempts,
    /// Why.
    pub reason: DeadLetterReason,
    /// HTTP status of the last attempt.
    pub status: Option<u16>,
    /// The last error.
    pub detail: String,
    /// When it was given up.
    pub recorded: OffsetDateTime,
}

/// A message is not the record that its subject promises.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRecord {
    /// A header is missing or unreadable.
    #[error("the header `{0}` is missing or cannot be read")]
    Header(&'static str),
    /// A newer version of this project wrote it.
    #[error("the record has format {0}, and this version reads format 1")]
    Format(u32),
}

impl Origin {
    fn headers(&self) -> [(&'static str, String); 3] {
        [
            (header::ORIGIN_STREAM, self.stream.clone()),
            (header::ORIGIN_SEQUENCE, self.sequence.to_string()),
            (header::ORIGIN_SUBJECT, self.subject.clone()),
        ]
    }

    fn read<'a>(find: &impl Fn(&str) -> Option<&'a str>) -> Result<Self, InvalidRecord> {
        Ok(Self {
            stream: required(find, header::ORIGIN_STREAM)?.to_owned(),
            sequence: number(find, header::ORIGIN_SEQUENCE)?,
            subject: required(find, header::ORIGIN_SUBJECT)?.to_owned(),
        })
    }
}

impl Attempts {
    fn headers(&self) -> impl Iterator<Item = (&'static str, String)> {
        let times = [(header::FIRST_ATTEMPT, self.first), (header::LAST_ATTEMPT, self.last)];
        let times = times.into_iter().filter_map(|(name, time)| Some((name, format_time(time?))));
        std::iter::once((header::ATTEMPTS, self.made.to_string())).chain(times)
    }

    fn read<'a>(find: &impl Fn(&str) -> Option<&'a str>) -> Result<Self, InvalidRecord> {
        Ok(Self {
            made: number(find, header::ATTEMPTS)?,
            first: time(find, header::FIRST_ATTEMPT)?,
            last: time(find, header::LAST_ATTEMPT)?,
        })
    }
}

impl Retry {
    /// The headers of the record.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers =
            vec![(header::FORMAT, FORMAT_VERSION.to_string()), (header::ROUTE, self.route.clone())];
        headers.extend(self.origin.headers());
        headers.extend(self.attempts.headers());
        headers.extend(self.not_before.map(|time| (header::NOT_BEFORE, format_time(time))));
        headers
    }

    /// Reads the record; `find` looks a header up.
    pub fn read<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Result<Self, InvalidRecord> {
        check_format(&find)?;
        Ok(Self {
            route: required(&find, header::ROUTE)?.to_owned(),
            origin: Origin::read(&find)?,
            attempts: Attempts::read(&find)?,
            not_before: time(&find, header::NOT_BEFORE)?,
        })
    }
}

impl DeadLetter {
    /// Deduplication id of giving this dead letter, which has this sequence, back to its route.
    pub fn redrive_id(&self, sequence: u64) -> String {
        format!("redrive:{sequence}:{}", self.recorded.unix_timestamp_nanos())
    }

    /// The headers of the record.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers =
            vec![(header::FORMAT, FORMAT_VERSION.to_string()), (header::ROUTE, self.route.clone())];
        headers.extend(self.origin.headers());
        headers.extend(self.attempts.headers());
        headers.push((header::REASON, self.reason.as_str().to_owned()));
        headers.extend(self.status.map(|status| (header::STATUS, status.to_string())));
        headers.push((header::DETAIL, one_line(&self.detail)));
        headers.push((header::RECORDED, format_time(self.recorded)));
        headers
    }

    /// Reads the record; `find` looks a header up.
    pub fn read<'a>(find: impl Fn(&str) -> Option<&'a str>) -> Result<Self, InvalidRecord> {
        check_format(&find)?;
        let reason = required(&find, header::REASON)?;
        Ok(Self {
            route: required(&find, header::ROUTE)?.to_owned(),
            origin: Origin::read(&find)?,
            attempts: Attempts::read(&find)?,
            reason: DeadLetterReason::parse(reason).ok_or(InvalidRecord::Header(header::REASON))?,
            status: find(header::STATUS).and_then(|text| text.parse().ok()),
            detail: find(header::DETAIL).unwrap_or_default().to_owned(),
            recorded: time(&find, header::RECORDED)?
                .ok_or(InvalidRecord::Header(header::RECORDED))?,
        })
    }
}

fn check_format<'a>(find: &impl Fn(&str) -> Option<&'a str>) -> Result<(), InvalidRecord> {
    match number(find, header::FORMAT)? {
        FORMAT_VERSION => Ok(()),
        other => Err(InvalidRecord::Format(other)),
    }
}

fn required<'a>(
    find: &impl Fn(&str) -> Option<&'a str>,
    name: &'static str,
) -> Result<&'a str, InvalidRecord> {
    find(name).ok_or(InvalidRecord::Header(name))
}

fn number<'a, T: std::str::FromStr>(
    find: &impl Fn(&str) -> Option<&'a str>,
    name: &'static str,
) -> Result<T, InvalidRecord> {
    required(find, name)?.parse().map_err(|_| InvalidRecord::Header(name))
}

fn time<'a>(
    find: &impl Fn(&str) -> Option<&'a str>,
    name: &'static str,
) -> Result<Option<OffsetDateTime>, InvalidRecord> {
    match find(name) {
        None => Ok(None),
        Some(text) => parse_time(text).map(Some).ok_or(InvalidRecord::Header(name)),
    }
}

/// A header is one line, and a destination's error text may hold anything.
fn one_line(text: &str) -> String {
    let mut line: String = text
        .chars()
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    if line.len() > MAX_DETAIL {
        line.truncate(line.floor_char_boundary(MAX_DETAIL));
    }
    line.trim().to_owned()
}
