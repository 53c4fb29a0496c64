//! Stripe: HMAC-SHA256 over `timestamp.body`, in `Stripe-Signature: t=…,v1=…`.
//!
//! The secret is used as it stands, `whsec_` included. The header is read tolerantly: items in any order, unknown ones
//! skipped, any `v1` may match (after a roll Stripe signs with both secrets). `v0` is never looked at. Two `t` are refused.
//! Stripe's libraries disagree about timestamps in the future; here the tolerance holds both ways. The event id stands in
//! the signed body. Source: `https://stripe.com/` and the account of a Connect event, else `live` or `test`.

use std::time::Duration;

use time::OffsetDateTime;

use super::fields::Fields;
use super::mac::{Key, find_match, text_keys};
use super::verifier::Provider;
use super::{
    Description, Outcome, RawRequest, Rejection, SigningSecret, Verified, encoding, header,
    identity, timestamp,
};

/// Stripe signs with as many secrets as are active, which are two.
const MOST_SIGNATURES: usize = 16;

pub(super) struct Stripe {
    keys: Vec<Key>,
    tolerance: Duration,
}

impl Stripe {
    pub(super) fn new(secrets: &[SigningSecret], tolerance: Duration) -> Self {
        Self { keys: text_keys(secrets), tolerance }
    }
}

impl Provider for Stripe {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let claimed = SignatureHeader::parse(header::signature(request, "stripe-signature")?)?;
        timestamp::check_seconds(claimed.seconds, now, self.tolerance)?;
        let parts: [&[u8]; 3] = [claimed.timestamp.as_bytes(), b".", request.body];
        let secret = find_match(&self.keys, &parts, &claimed.signatures)
            .ok_or(Rejection::SignatureMismatch)?;
        Ok(Outcome::Verified(Verified::new(request, Some(secret))))
    }

    fn describe(&self, verified: &Verified, _source: &str) -> Result<Description, Rejection> {
        let fields = Fields::parse(&verified.body).ok_or(Rejection::MalformedBody)?;
        let id = match fields.string("id") {
            Some(id) => identity::delivery_id(&id)?,
            None => identity::content_id(&[&verified.body]),
        };
        let event = fields.string("type");
        let kind = event.as_deref().and_then(identity::name).unwrap_or_else(|| "event".to_owned());
        let origin =
            fields.first_string(&["account", "context"]).or_else(|| match fields.raw("livemode") {
                Some("true") => Some("live".to_owned()),
                Some("false") => Some("test".to_owned()),
                Some(_) | None => None,
            });
        let ce_source = identity::source_under("https://stripe.com", origin.as_deref());

        let mut description =
            Description::new(verified, Some(&fields), id, ce_source, format!("com.stripe.{kind}"));
        description.subject =
            identity::subject(fields.first_string(&["data.object.id", "related_object.id"]));
        description.time = fields.time("created");
        description.event = event;
        Ok(description)
    }
}

struct SignatureHeader<'a> {
    /// The text that was signed.
    timestamp: &'a str,
    seconds: i64,
    signatures: Vec<[u8; 32]>,
}

impl<'a> SignatureHeader<'a> {
    fn parse(text: &'a str) -> Result<Self, Rejection> {
        let items = || text.split(',').filter_map(|item| item.split_once('='));
        let mut timestamps = items().filter(|(name, _)| *name == "t").map(|(_, value)| value);
        let timestamp = timestamps.next().ok_or(Rejection::MalformedSignature)?;
        if timestamps.next().is_some() {
            return Err(Rejection::MalformedSignature);
        }
        let seconds =
            timestamp::unix_seconds(timestamp).map_err(|_| Rejection::MalformedSignature)?;

        let signatures: Vec<&str> =
            items().filter(|(name, _)| *name == "v1").map(|(_, value)| value).collect();
        if signatures.is_empty() {
            return Err(Rejection::NoSupportedScheme);
        }
        if signatures.len() > MOST_SIGNATURES {
            return Err(Rejection::TooManySignatures);
        }
        // One that is no MAC matches nothing and spoils nothing.
        let signatures = signatures.into_iter().filter_map(encoding::sha256_hex).collect();
        Ok(Self { timestamp, seconds, signatures })
    }
}
