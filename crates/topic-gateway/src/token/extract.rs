//! Where a request carries its token.

use http::HeaderMap;
use http::header::AUTHORIZATION;

/// The header that holds a token and nothing else.
const BEARER: &str = "bearer";

const SCHEME: &str = "bearer ";

/// The token of a request: that of the header `bearer`, unless it is blank, else that of `Authorization: Bearer …`.
///
/// Of several headers with one name the last counts, as with API Gateway. What is found need not look like a token.
pub fn from_headers(headers: &HeaderMap) -> Option<String> {
    let last = |name: &str| {
        let value = headers.get_all(name).iter().next_back()?;
        let text = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
        (!text.is_empty()).then_some(text)
    };
    if let Some(token) = last(BEARER) {
        return Some(token);
    }
    let value = last(AUTHORIZATION.as_str())?;
    let (scheme, token) = value.split_at_checked(SCHEME.len())?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case(SCHEME) && !token.is_empty()).then(|| token.to_owned())
}
