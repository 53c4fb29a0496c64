//! Standard Webhooks and Svix: signatures over `id.timestamp.body` in a list, `v1,` HMAC-SHA256 or `v1a,` Ed25519.
//!
//! The headers are `webhook-*` or `svix-*`, never a mixture: the family whose signature is there gives all three, `svix-*`
//! first. Ids must not hold `.`, or an old message could be framed anew as a fresh one with another id. Secrets are
//! `whsec_` and base64, or base64 alone; `whpk_` keys check `v1a` only. The body's `type` and `timestamp`, which the
//! specification recommends, become type and time; without them the type is `com.standardwebhooks.event`.

mod key;

use std::time::Duration;

use time::OffsetDateTime;

use crate::signature::fields::Fields;
use key::EndpointKey;

use crate::signature::verifier::Provider;
use crate::signature::{
    Description, Encoding, Outcome, RawRequest, Rejection, SecretProblem, SigningSecret, Verified,
    header, identity, timestamp,
};

/// Bounds the work that one unsigned header can cause.
const MOST_SIGNATURES: usize = 16;

pub(super) struct StandardWebhooks {
    keys: Vec<EndpointKey>,
    tolerance: Duration,
}

impl StandardWebhooks {
    pub(super) fn new(
        secrets: &[SigningSecret],
        tolerance: Duration,
    ) -> Result<Self, SecretProblem> {
        let keys = secrets.iter().map(EndpointKey::new).collect::<Result<_, _>>()?;
        Ok(Self { keys, tolerance })
    }

    fn find_match(&self, parts: &[&[u8]], list: &str) -> Result<usize, Rejection> {
        let entries: Vec<(&str, &str)> =
            list.split(' ').filter_map(|entry| entry.split_once(',')).collect();
        if list.split(' ').count() > MOST_SIGNATURES {
            return Err(Rejection::TooManySignatures);
        }
        let mut reason = Rejection::NoSupportedScheme;
        for (index, key) in self.keys.iter().enumerate() {
            let texts = entries
                .iter()
                .filter(|(version, _)| *version == key.version())
                .map(|(_, text)| text);
            let mut claims = Vec::new();
            for text in texts {
                match Encoding::Base64.decode(text) {
                    Some(claim) => claims.push(claim),
                    None => reason = Rejection::MalformedSignature,
                }
            }
            if key.matches(parts, &claims) {
                return Ok(index);
            }
            if !claims.is_empty() {
                reason = Rejection::SignatureMismatch;
            }
        }
        Err(reason)
    }
}

impl Provider for StandardWebhooks {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let [id, stamp, signature] = match request.headers.contains_key("svix-signature") {
            true => ["svix-id", "svix-timestamp", "svix-signature"],
            false => ["webhook-id", "webhook-timestamp", "webhook-signature"],
        };
        let list = header::signature(request, signature)?;
        let id = identity::delivery_id(header::id(request, id)?)?;
        if id.contains('.') {
            return Err(Rejection::MalformedId);
        }
        let stamp = header::timestamp(request, stamp)?;
        timestamp::check_seconds(timestamp::unix_seconds(stamp)?, now, self.tolerance)?;
        let parts: [&[u8]; 5] = [id.as_bytes(), b".", stamp.as_bytes(), b".", request.body];
        let secret = self.find_match(&parts, list)?;

        let mut verified = Verified::new(request, Some(secret));
        verified.id = Some(id);
        Ok(Outcome::Verified(verified))
    }

    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        let id = verified.id.clone().ok_or(Rejection::MissingId)?;
        let fields = Fields::parse(&verified.body);
        let event = fields.as_ref().and_then(|fields| fields.string("type"));
        let kind = event.clone().filter(|kind| identity::name(kind).as_ref() == Some(kind));
        let kind = kind.unwrap_or_else(|| "com.standardwebhooks.event".to_owned());

        let mut description =
            Description::new(verified, fields.as_ref(), id, identity::hook_source(source), kind);
        description.time = fields.and_then(|fields| fields.time("timestamp"));
        description.event = event;
        Ok(description)
    }
}
