//! Linear: HMAC-SHA256 over the raw body, lower-case hex in `Linear-Signature`.
//!
//! Freshness comes from the number `webhookTimestamp` (milliseconds) inside the signed body alone; `Linear-Timestamp` is
//! not signed and is ignored. Retries are signed anew. `Linear-Delivery` is the id and is not signed. Types keep Linear's
//! own spelling: `com.linear.<Type>.<action>`, such as `com.linear.Issue.create`.

use std::time::Duration;

use time::OffsetDateTime;

use super::fields::Fields;
use super::mac::{Key, find_match, text_keys};
use super::verifier::Provider;
use super::{
    Description, Outcome, RawRequest, Rejection, SigningSecret, Verified, encoding, header,
    identity, timestamp,
};

pub(super) struct Linear {
    keys: Vec<Key>,
    tolerance: Duration,
}

impl Linear {
    pub(super) fn new(secrets: &[SigningSecret], tolerance: Duration) -> Self {
        Self { keys: text_keys(secrets), tolerance }
    }
}

impl Provider for Linear {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let claimed = header::signature(request, "linear-signature")?;
        let claimed = encoding::sha256_hex(claimed).ok_or(Rejection::MalformedSignature)?;
        let secret = find_match(&self.keys, &[request.body], &[claimed])
            .ok_or(Rejection::SignatureMismatch)?;

        let fields = Fields::parse(request.body).ok_or(Rejection::MalformedBody)?;
        let stamp = fields.raw("webhookTimestamp").ok_or(Rejection::TimestampMissing)?;
        timestamp::check_milliseconds(milliseconds(stamp)?, now, self.tolerance)?;

        let mut verified = Verified::new(request, Some(secret));
        verified.id = Some(identity::delivery_id(header::id(request, "linear-delivery")?)?);
        Ok(Outcome::Verified(verified))
    }

    fn describe(&self, verified: &Verified, _source: &str) -> Result<Description, Rejection> {
        let id = verified.id.clone().ok_or(Rejection::MissingId)?;
        let fields = Fields::parse(&verified.body).ok_or(Rejection::MalformedBody)?;
        let (event, action) = (fields.string("type"), fields.string("action"));
        let names = [event.as_deref(), action.as_deref()];
        let suffix: Vec<String> = names.into_iter().flatten().filter_map(identity::name).collect();
        let kind = if suffix.is_empty() {
            "com.linear.event".to_owned()
        } else {
            format!("com.linear.{}", suffix.join("."))
        };
        let ce_source = identity::source_under(
            "https://linear.app",
            fields.string("organizationId").as_deref(),
        );

        let mut description = Description::new(verified, Some(&fields), id, ce_source, kind);
        description.subject = identity::subject(fields.text("data.id"));
        description.time = fields.time("createdAt");
        description.event = event;
        description.action = action;
        Ok(description)
    }
}

/// Any JSON number is a time, as in Linear's own library; a string is not.
fn milliseconds(number: &str) -> Result<i128, Rejection> {
    let fraction = || number.parse::<f64>().map(|milliseconds| milliseconds as i128);
    number.parse().or_else(|_| fraction()).map_err(|_| Rejection::TimestampInvalid)
}
