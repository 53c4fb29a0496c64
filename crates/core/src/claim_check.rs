//! Claim check: an event whose data is too large for a message says where it lies (CloudEvents extension `dataref`).
//!
//! The project's own form is `nats-object-store:<bucket>/<object>`, an object of a JetStream object store on the same
//! bus. Any other `dataref` belongs to its producer and travels like every other extension.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::event::Event;

/// Beginning of the project's own references.
const SCHEME: &str = "nats-object-store:";

/// What stands in an object's name as it is: the unreserved characters of RFC 3986 and `/`.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// Where the data of an event lies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimCheck {
    /// The bucket.
    pub bucket: String,
    /// Name of the object in it.
    pub object: String,
}

/// A reference with the project's scheme that names no object.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` names no object: it must read nats-object-store:<bucket>/<object>")]
pub struct InvalidClaimCheck(String);

impl ClaimCheck {
    /// The claim check of an event that carries no data itself.
    pub fn of(event: &Event) -> Option<Result<Self, InvalidClaimCheck>> {
        if event.data().is_some() {
            return None;
        }
        let dataref = event.extension("dataref")?.to_text();
        let place = dataref.strip_prefix(SCHEME)?;
        Some(Self::parse(place).ok_or_else(|| InvalidClaimCheck(dataref.to_string())))
    }

    /// The value of `dataref`.
    pub fn to_dataref(&self) -> String {
        let Self { bucket, object } = self;
        format!("{SCHEME}{bucket}/{}", utf8_percent_encode(object, ESCAPED))
    }

    fn parse(place: &str) -> Option<Self> {
        let (bucket, object) = place.split_once('/')?;
        let is_bucket_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if bucket.is_empty() || !bucket.chars().all(is_bucket_character) {
            return None;
        }
        let object = percent_decode_str(object).decode_utf8().ok()?;
        (!object.is_empty())
            .then(|| Self { bucket: bucket.to_owned(), object: object.into_owned() })
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::event::Data;

    fn of(dataref: &str) -> Option<Result<ClaimCheck, InvalidClaimCheck>> {
        let event = Event::builder("1", "/s", "t").extension("dataref", dataref).build().unwrap();
        ClaimCheck::of(&event)
    }

    #[test]
    fn a_reference_reads_back_as_it_was_written() {
        for object in ["a", "2026/11/ä b%.json", "x?y#z"] {
            let check = ClaimCheck { bucket: "EVENT_DATA".to_owned(), object: object.to_owned() };
            assert_eq!(of(&check.to_dataref()), Some(Ok(check)));
        }
    }

    #[test]
    fn what_names_no_object_is_an_error_and_what_is_not_ours_is_left_alone() {
        for dataref in [
            "nats-object-store:",
            "nats-object-store:b",
            "nats-object-store:b/",
            "nats-object-store:a.b/c",
        ] {
            assert!(matches!(of(dataref), Some(Err(_))), "{dataref}");
        }
        assert_eq!(of("https://example.com/data"), None);
        let event = Event::builder("1", "/s", "t").extension("dataref", "nats-object-store:b/c");
        let event = event.data(Data::Json(Bytes::from_static(b"1"))).build().unwrap();
        assert_eq!(ClaimCheck::of(&event), None);
    }
}
