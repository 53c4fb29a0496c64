//! Ids, sources and types of events, made safe whatever a sender wrote.

use fluent_uri::UriRef;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::Rejection;
use crate::event::is_forbidden;

/// Longer ids do not fit into header lines everywhere.
const LONGEST_ID: usize = 512;

/// Longer names make subjects that nobody can read.
const LONGEST_NAME: usize = 128;

/// Everything but RFC 3986's unreserved characters.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Everything but what a URI may hold (RFC 3986 appendix A); brackets belong to IP literals alone and are encoded too.
const URI: &AsciiSet = &SEGMENT
    .remove(b':')
    .remove(b'/')
    .remove(b'?')
    .remove(b'#')
    .remove(b'@')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b'%');

/// Accepts a provider's delivery id if it can be the id of a CloudEvent.
pub(super) fn delivery_id(text: &str) -> Result<String, Rejection> {
    let length = text.chars().take(LONGEST_ID + 1).count();
    if length == 0 || length > LONGEST_ID || text.chars().any(is_forbidden) {
        return Err(Rejection::MalformedId);
    }
    Ok(text.to_owned())
}

/// The id of an event that has none: a hash of its content, so that a replay has the same one.
///
/// Two genuine events of equal content are therefore one event within the duplicate window.
pub(super) fn content_id(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hex::encode(&hash.finalize()[..16])
}

/// `base` or `base/segment`, the segment percent-encoded.
pub(super) fn source_under(base: &str, segment: Option<&str>) -> String {
    match segment {
        Some(segment) => format!("{base}/{}", utf8_percent_encode(segment, SEGMENT)),
        None => base.to_owned(),
    }
}

/// The `source` of events whose sender names none: the path of the configured source.
pub(super) fn hook_source(source: &str) -> String {
    source_under("/hooks", Some(source))
}

/// A URI-reference from a body: characters that none may hold are encoded; `None` if it still is none.
pub(super) fn uri_reference(text: &str) -> Option<String> {
    let encoded = utf8_percent_encode(text, URI).to_string();
    (!encoded.is_empty() && UriRef::parse(encoded.as_str()).is_ok()).then_some(encoded)
}

/// Text from a body as a `subject`, unless it holds characters that CloudEvents forbids.
pub(super) fn subject(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.chars().any(is_forbidden))
}

/// A name for an event type: letters, digits, `_`, `-` and `.`; anything else becomes `_`.
pub(super) fn name(text: &str) -> Option<String> {
    let sound =
        |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '-' | '.');
    let name: String = text
        .chars()
        .take(LONGEST_NAME)
        .map(|character| if sound(character) { character } else { '_' })
        .collect();
    let name = name.trim_matches('.');
    (!name.is_empty()).then(|| name.to_owned())
}
