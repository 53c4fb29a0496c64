//! The doctor's built-in source: an HMAC source of its own subjects, there only while `[doctor] secret` is set.
//!
//! A proof posts to `/hooks/event-bus-doctor` with the headers that [`headers`] makes. Its event is stored at
//! `doctor.<run>.inbound`, so that everything of a run can be purged by `doctor.<run>.>`.

use bytes::Bytes;
use event_bus_core::signature::sign::{SignProblem, hmac};
use event_bus_core::signature::{HmacScheme, RawRequest, SigningSecret, Template};
use event_bus_core::subject;
use event_bus_core::wire;
use event_bus_runtime::Secret;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Header with the signature: hexadecimal HMAC-SHA256 over run, id and body, joined by full stops.
pub const SIGNATURE_HEADER: HeaderName = HeaderName::from_static("event-bus-doctor-signature");

/// Header with the id of the event.
pub const ID_HEADER: HeaderName = HeaderName::from_static("event-bus-doctor-id");

/// Header with the id of the doctor's run.
pub const RUN_HEADER: HeaderName = HeaderName::from_static("event-bus-doctor-run");

/// Subject template of the source; the run is its `{event}`.
pub const SUBJECT_TEMPLATE: &str = "doctor.{event}.inbound";

/// Path of the source.
pub fn path() -> String {
    format!("/hooks/{}", wire::DOCTOR_NAME)
}

/// Subject of the events of a run.
pub fn event_subject(run: &str) -> String {
    format!("{}.{}.inbound", wire::DOCTOR_ROOT, subject::sanitise(run))
}

/// The scheme of the source.
pub fn scheme() -> HmacScheme {
    let signed = Template::parse("{header:event-bus-doctor-run}.{id}.{body}");
    HmacScheme {
        signed: signed.expect("the template is a constant that a test parses"),
        id_header: Some(ID_HEADER),
        ..HmacScheme::new(SIGNATURE_HEADER)
    }
}

/// The headers of a genuine request. Run and id are names of `[A-Za-z0-9_-]`.
pub fn headers(
    secret: &Secret,
    run: &str,
    id: &str,
    body: &Bytes,
) -> Result<HeaderMap, SignProblem> {
    let value = |text: &str| {
        HeaderValue::from_str(&subject::sanitise(text)).expect("sanitised text is visible ASCII")
    };
    let mut headers = HeaderMap::new();
    headers.insert(RUN_HEADER, value(run));
    headers.insert(ID_HEADER, value(id));
    let request =
        RawRequest { method: &Method::POST, headers: &headers, query: None, url: None, body };
    let signature = hmac(&scheme(), &SigningSecret::new(secret.expose()), &request)?;
    headers.insert(
        SIGNATURE_HEADER,
        HeaderValue::from_str(&signature).expect("hexadecimal digits are visible ASCII"),
    );
    headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use event_bus_core::signature::{Outcome, Scheme, Verifier};
    use time::OffsetDateTime;

    use super::*;

    #[test]
    fn a_signed_probe_passes_and_no_part_of_it_can_be_changed() {
        let secret = Secret::new("for the doctor");
        let key = SigningSecret::new(secret.expose());
        let verifier = Verifier::new(Scheme::Hmac(scheme()), vec![key], None).unwrap();
        let body = Bytes::from_static(b"{}");
        let genuine = headers(&secret, "run1", "probe-1", &body).unwrap();
        let passes = |headers: &HeaderMap, body: &Bytes| {
            let method = &Method::POST;
            let request = RawRequest { method, headers, query: None, url: None, body };
            let outcome = verifier.verify(&request, OffsetDateTime::UNIX_EPOCH);
            matches!(outcome, Ok(Outcome::Verified(_)))
        };
        assert!(passes(&genuine, &body));
        assert!(!passes(&genuine, &Bytes::from_static(b"[]")));
        for name in [RUN_HEADER, ID_HEADER, SIGNATURE_HEADER] {
            let mut changed = genuine.clone();
            changed.insert(name, HeaderValue::from_static("0000"));
            assert!(!passes(&changed, &body));
        }
        assert_eq!(event_subject("run.1"), "doctor.run_1.inbound");
    }
}
