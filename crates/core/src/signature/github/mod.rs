//! GitHub: HMAC-SHA256 over the raw body, lower-case hex in `X-Hub-Signature-256`.
//!
//! Only the body is signed. `X-GitHub-Delivery` and `X-GitHub-Event` are hints: whoever captured one request can replay
//! its body under another id or event name. The SHA-1 header is never looked at. GitHub signs with one secret at a time;
//! during a rotation the receiver holds both. A redelivery keeps its id. Form deliveries are signed as they are sent, and
//! their `payload` field is the event.

mod adapter;
mod rules;
#[cfg(test)]
mod tests;

use time::OffsetDateTime;

use super::fields::Fields;
use super::mac::{Key, find_match, text_keys};
use super::verifier::Provider;
use super::{
    Description, Outcome, RawRequest, Rejection, SigningSecret, Verified, encoding, form, header,
    identity,
};

/// The longest event name; GitHub's own are at most 40 long.
const LONGEST_EVENT: usize = 64;

pub(super) struct Github {
    keys: Vec<Key>,
}

impl Github {
    pub(super) fn new(secrets: &[SigningSecret]) -> Self {
        Self { keys: text_keys(secrets) }
    }
}

impl Provider for Github {
    fn verify(&self, request: &RawRequest<'_>, _now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let claimed = header::signature(request, "x-hub-signature-256")?;
        let claimed = claimed.strip_prefix("sha256=").and_then(encoding::sha256_hex);
        let claimed = claimed.ok_or(Rejection::MalformedSignature)?;
        let secret = find_match(&self.keys, &[request.body], &[claimed])
            .ok_or(Rejection::SignatureMismatch)?;

        let mut verified = Verified::new(request, Some(secret));
        verified.id = Some(identity::delivery_id(header::id(request, "x-github-delivery")?)?);
        verified.event = Some(event_name(request)?);
        Ok(Outcome::Verified(verified))
    }

    fn describe(&self, verified: &Verified, _source: &str) -> Result<Description, Rejection> {
        let id = verified.id.clone().ok_or(Rejection::MissingId)?;
        let event = verified.event.clone().ok_or(Rejection::MissingEvent)?;
        let payload = form::json(verified.content_type.as_deref(), &verified.body);
        let fields = Fields::parse(payload.as_ref().unwrap_or(&verified.body));
        let attributes = adapter::attributes(&event, fields.as_ref());

        let description =
            Description::new(verified, fields.as_ref(), id, attributes.ce_source, attributes.kind);
        let mut description = description.with_form_json(payload.as_ref(), fields.as_ref());
        description.subject = attributes.subject;
        description.time = attributes.time;
        description.action = fields.and_then(|fields| fields.string("action"));
        description.event = Some(event);
        Ok(description)
    }
}

fn event_name(request: &RawRequest<'_>) -> Result<String, Rejection> {
    let name = header::single(request.headers, "x-github-event", Rejection::MalformedEvent)?;
    let name = name.ok_or(Rejection::MissingEvent)?;
    let sound = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if sound && name.len() <= LONGEST_EVENT {
        Ok(name.to_owned())
    } else {
        Err(Rejection::MalformedEvent)
    }
}
