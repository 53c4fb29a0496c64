//! The settings of a generic HMAC, and what they make of a request.

use http::HeaderName;

use crate::signature::mac::{Algorithm, Key};
use crate::signature::template::Values;
use crate::signature::{
    Encoding, RawRequest, Rejection, SecretEncoding, SecretProblem, SigningSecret, Template, header,
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

    pub(in crate::signature) fn key(&self, secret: &SigningSecret) -> Result<Key, SecretProblem> {
        let bytes = secret.decode(self.secret_encoding)?;
        if bytes.is_empty() {
            Err(SecretProblem::Empty)
        } else {
            Ok(Key::new(self.algorithm, &bytes))
        }
    }

    /// The signed content of a request, and the values that its headers gave.
    pub(in crate::signature) fn content<'a>(
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

    pub(super) fn claims(&self, list: &str) -> Result<Vec<Vec<u8>>, Rejection> {
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
