//! A generic HMAC, laid out by configuration alone.
//!
//! The header may list several signatures, separated by commas, as some senders do while they rotate a secret. What else
//! is covered stands in the template; a timestamp header must be covered, or it would prove nothing. The id comes from
//! `id_header`, else it is a hash of the signed content: then equal signed content is one event within the duplicate
//! window. Type: `com.<source>.event`.

use std::time::Duration;

use http::HeaderName;
use time::OffsetDateTime;

use super::mac::{Algorithm, Key, find_match};
use super::template::Values;
use super::verifier::Provider;
use super::{
    Description, Encoding, Outcome, RawRequest, Rejection, SecretEncoding, SecretProblem,
    SigningSecret, Template, Verified, header, identity, timestamp,
};

/// Bounds the work that one unsigned header can cause.
const MOST_SIGNATURES: usize = 16;

/// The layout of a generic HMAC.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HmacScheme {
    /// The header that carries the signature.
    pub header: HeaderName,
    /// The hash function.
    pub algorithm: Algorithm,
    /// How the signature is written.
    pub encoding: Encoding,
    /// What stands before each signature, such as `sha256=`.
    pub prefix: Option<String>,
    /// What is signed.
    pub signed: Template,
    /// The header that carries unix seconds; it must occur in the template.
    pub timestamp_header: Option<HeaderName>,
    /// The header that carries the delivery id.
    pub id_header: Option<HeaderName>,
    /// How the secrets are written down.
    pub secret_encoding: SecretEncoding,
}

impl HmacScheme {
    /// The usual layout: HMAC-SHA256 over the body, as bare hexadecimal digits.
    pub fn new(header: HeaderName) -> Self {
        Self {
            header,
            algorithm: Algorithm::Sha256,
            encoding: Encoding::Hex,
            prefix: None,
            signed: Template::body(),
            timestamp_header: None,
            id_header: None,
            secret_encoding: SecretEncoding::Utf8,
        }
    }

    pub(super) fn key(&self, secret: &SigningSecret) -> Result<Key, SecretProblem> {
        let bytes = secret.decode(self.secret_encoding)?;
        if bytes.is_empty() {
            Err(SecretProblem::Empty)
        } else {
            Ok(Key::new(self.algorithm, &bytes))
        }
    }

    /// The signed content of a request, and the values that its headers gave.
    pub(super) fn content<'a>(
        &'a self,
        request: &RawRequest<'a>,
    ) -> Result<(Vec<&'a [u8]>, Values<'a>), Rejection> {
        let timestamp = match &self.timestamp_header {
            Some(name) => Some(header::timestamp(request, name.as_str())?),
            None => None,
        };
        let id = match &self.id_header {
            Some(name) => Some(header::id(request, name.as_str())?),
            None => None,
        };
        let values = Values { timestamp, id };
        Ok((self.signed.render(request, &values)?, values))
    }

    fn claims(&self, list: &str) -> Result<Vec<Vec<u8>>, Rejection> {
        let entries: Vec<&str> = list.split(',').map(str::trim).collect();
        if entries.len() > MOST_SIGNATURES {
            return Err(Rejection::TooManySignatures);
        }
        let prefix = self.prefix.as_deref().unwrap_or_default();
        let texts = entries.into_iter().filter_map(|entry| entry.strip_prefix(prefix));
        let claims: Vec<Vec<u8>> = texts.filter_map(|text| self.encoding.decode(text)).collect();
        if claims.is_empty() { Err(Rejection::MalformedSignature) } else { Ok(claims) }
    }
}

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
