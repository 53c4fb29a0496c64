//! A generic HMAC, laid out by configuration alone.
//!
//! The header may list several signatures, separated by commas, as some senders do while they rotate a secret. What else
//! is covered stands in the template; a timestamp header must be covered, or it would prove nothing. The id comes from
//! `id_header`, else it is a hash of the signed content: then equal signed content is one event within the duplicate
//! window. Type: `com.<source>.event`.

mod scheme;

use std::time::Duration;

use time::OffsetDateTime;

pub use scheme::HmacScheme;

use crate::signature::mac::{Key, find_match};
use crate::signature::verifier::Provider;
use crate::signature::{
    Description, Outcome, RawRequest, Rejection, SecretProblem, SigningSecret, Verified, header,
    identity, timestamp,
};

pub(super) struct GenericHmac {
    scheme: HmacScheme,
    keys: Vec<Key>,
    tolerance: Duration,
}

impl GenericHmac {
    pub(super) fn new(
        scheme: HmacScheme,
        secrets: &[SigningSecret],
        tolerance: Duration,
    ) -> Result<Self, SecretProblem> {
        let fits =
            scheme.signed.check(scheme.timestamp_header.is_some(), scheme.id_header.is_some());
        fits.map_err(SecretProblem::Template)?;
        let keys = secrets.iter().map(|secret| scheme.key(secret)).collect::<Result<_, _>>()?;
        Ok(Self { scheme, keys, tolerance })
    }
}

impl Provider for GenericHmac {
    fn verify(&self, request: &RawRequest<'_>, now: OffsetDateTime) -> Result<Outcome, Rejection> {
        let claims =
            self.scheme.claims(header::signature(request, self.scheme.header.as_str())?)?;
        let (content, values) = self.scheme.content(request)?;
        if let Some(stamp) = values.timestamp {
            timestamp::check_seconds(timestamp::unix_seconds(stamp)?, now, self.tolerance)?;
        }
        let secret =
            find_match(&self.keys, &content, &claims).ok_or(Rejection::SignatureMismatch)?;

        let mut verified = Verified::new(request, Some(secret));
        verified.id = Some(match values.id {
            Some(id) => identity::delivery_id(id)?,
            None => identity::content_id(&content),
        });
        Ok(Outcome::Verified(verified))
    }

    fn describe(&self, verified: &Verified, source: &str) -> Result<Description, Rejection> {
        Ok(Description::generic(verified, source))
    }
}
