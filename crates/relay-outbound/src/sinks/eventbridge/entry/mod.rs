//! An entry that EventBridge can take, and how many of them one request holds.
//!
//! Sizes are counted as AWS documents it: 14 bytes if there is a time, and the bytes of source, detail type, detail and
//! resources. The sum over a request stays below 1 MiB. What can never fit is refused before it is sent.

use std::ops::Range;

use aws_sdk_eventbridge::primitives::DateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use event_bus_core::delivery::{DeliveryError, Refusal};
use serde_json::value::RawValue;

use super::fields::Filled;

/// All entries of a request together are smaller than this.
const MAX_REQUEST: usize = 1024 * 1024;

const MAX_ENTRIES: usize = 10;
pub(super) const MAX_DETAIL_TYPE: usize = 128;
const MAX_DEPTH: usize = 1000;
const TIME_SIZE: usize = 14;

/// An entry and its size.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) request: PutEventsRequestEntry,
    size: usize,
}

/// A rule of EventBridge that an event breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
enum Broken {
    #[error("Source is empty")]
    NoSource,
    #[error("Source begins with `aws.`, which belongs to AWS")]
    SourceOfAws,
    #[error("DetailType is empty")]
    NoDetailType,
    #[error("DetailType has more than {MAX_DETAIL_TYPE} characters")]
    LongDetailType,
    #[error("Detail is nested deeper than {MAX_DEPTH} levels")]
    Deep,
}

/// Detail is no JSON object.
#[derive(Debug, thiserror::Error)]
#[error("Detail is no JSON object")]
struct NoObject;

impl Entry {
    /// Checks the fields. What is wrong here would be wrong at every attempt.
    pub(super) fn new(fields: Filled, bus: &str) -> Result<Self, DeliveryError> {
        if !is_object(&fields.detail) {
            return Err(DeliveryError::Unencodable(NoObject.into()));
        }
        if let Some(broken) = broken(&fields) {
            return Err(DeliveryError::Refused(Refusal::Constraint(broken.into())));
        }
        let size = size(&fields);
        if size >= MAX_REQUEST {
            return Err(too_large());
        }
        let time = fields
            .time
            .map(|time| DateTime::from_secs_and_nanos(time.unix_timestamp(), time.nanosecond()));
        let request = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(fields.source)
            .detail_type(fields.detail_type)
            .detail(fields.detail)
            .set_resources((!fields.resources.is_empty()).then_some(fields.resources))
            .set_time(time)
            .set_trace_header(fields.trace_header)
            .build();
        Ok(Self { request, size })
    }
}

/// The refusal of an event that no request can hold.
pub(super) fn too_large() -> DeliveryError {
    DeliveryError::Refused(Refusal::TooLarge { limit: MAX_REQUEST as u64 - 1 })
}

/// The entries in parts that fit into a request, the first one last.
pub(super) fn requests(entries: &[Entry]) -> Vec<Range<usize>> {
    let mut requests = Vec::new();
    let (mut start, mut size) = (0, 0);
    for (place, entry) in entries.iter().enumerate() {
        if place - start == MAX_ENTRIES || (place > start && size + entry.size >= MAX_REQUEST) {
            requests.push(start..place);
            (start, size) = (place, 0);
        }
        size += entry.size;
    }
    if start < entries.len() {
        requests.push(start..entries.len());
    }
    requests.reverse();
    requests
}

fn size(fields: &Filled) -> usize {
    let time = if fields.time.is_some() { TIME_SIZE } else { 0 };
    let resources: usize = fields.resources.iter().map(String::len).sum();
    time + fields.source.len() + fields.detail_type.len() + fields.detail.len() + resources
}

fn broken(fields: &Filled) -> Option<Broken> {
    if fields.source.is_empty() {
        Some(Broken::NoSource)
    } else if fields.source.starts_with("aws.") {
        Some(Broken::SourceOfAws)
    } else if fields.detail_type.is_empty() {
        Some(Broken::NoDetailType)
    } else if fields.detail_type.chars().count() > MAX_DETAIL_TYPE {
        Some(Broken::LongDetailType)
    } else if depth(&fields.detail) > MAX_DEPTH {
        Some(Broken::Deep)
    } else {
        None
    }
}

fn is_object(json: &str) -> bool {
    serde_json::from_str::<&RawValue>(json).is_ok_and(|value| value.get().starts_with('{'))
}

/// How deep valid JSON is nested.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = json.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth -= 1,
            b'"' => {
                while let Some(byte) = bytes.next() {
                    match byte {
                        b'"' => break,
                        b'\\' => drop(bytes.next()),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests;
