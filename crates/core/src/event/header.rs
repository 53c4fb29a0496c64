//! Header values of binary mode: percent-encoding by the HTTP protocol binding, section 3.1.3.2.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

/// Space, the double quote, the percent sign, and everything outside U+0021 to U+007E.
const ESCAPED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

/// The value of a header is not valid once its escapes are undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not valid UTF-8 after percent-decoding")]
pub struct InvalidUtf8;

/// Encodes an attribute for a header; the result is printable ASCII.
pub fn encode(value: &str) -> Cow<'_, str> {
    utf8_percent_encode(value, ESCAPED).into()
}

/// Decodes a header: undoes a quoted string first, then exactly one round of percent-encoding.
///
/// Blanks, unnecessary escapes and incomplete escapes (`%2`, `%zz`) are taken as they stand.
pub fn decode(value: &[u8]) -> Result<String, InvalidUtf8> {
    let unquoted = unquote(value);
    let text = percent_decode(&unquoted).decode_utf8().map_err(|_| InvalidUtf8)?;
    Ok(text.into_owned())
}

/// Removes the quotes of a quoted string, and the backslashes in it (RFC 9110, section 5.6.4).
fn unquote(value: &[u8]) -> Vec<u8> {
    let inner = match value {
        [b'"', inner @ .., b'"'] => inner,
        _ => return value.to_vec(),
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut bytes = inner.iter();
    while let Some(&byte) = bytes.next() {
        match byte {
            b'\\' => text.extend(bytes.next()),
            other => text.push(other),
        }
    }
    text
}
