//! Reading of single headers.

use http::HeaderMap;

use super::{RawRequest, Rejection};
use crate::event::check_media_type;

/// The value of a header that may stand once; an empty one counts as absent.
///
/// Bytes outside visible ASCII are answered with `malformed`: no scheme of this module uses them.
pub(super) fn single<'a>(
    headers: &'a HeaderMap,
    name: &str,
    malformed: Rejection,
) -> Result<Option<&'a str>, Rejection> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Rejection::DuplicateHeader);
    }
    let text = value.to_str().map_err(|_| malformed)?;
    Ok((!text.is_empty()).then_some(text))
}

/// The signature header.
pub(super) fn signature<'a>(request: &RawRequest<'a>, name: &str) -> Result<&'a str, Rejection> {
    single(request.headers, name, Rejection::MalformedSignature)?.ok_or(Rejection::MissingSignature)
}

/// The timestamp header.
pub(super) fn timestamp<'a>(request: &RawRequest<'a>, name: &str) -> Result<&'a str, Rejection> {
    single(request.headers, name, Rejection::TimestampInvalid)?.ok_or(Rejection::TimestampMissing)
}

/// The header that carries the delivery id.
pub(super) fn id<'a>(request: &RawRequest<'a>, name: &str) -> Result<&'a str, Rejection> {
    single(request.headers, name, Rejection::MalformedId)?.ok_or(Rejection::MissingId)
}

/// `Content-Type`, if it is a media type (RFC 2046); anything else would not be a valid `datacontenttype`.
pub(super) fn media_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(http::header::CONTENT_TYPE)?.to_str().ok()?;
    check_media_type(text).is_ok().then(|| text.to_owned())
}
