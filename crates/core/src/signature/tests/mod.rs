//! Tests of the front door: a sample request is signed, changed, verified and described.

mod describing;
mod generic;
mod properties;
mod providers;
mod secrets;
mod signing;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use time::OffsetDateTime;

use super::{
    Description, Handshake, Outcome, RawRequest, Rejection, Scheme, SigningSecret, Verifier, sign,
};

const NOW: i64 = 1_767_225_600;
const WHSEC: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A request that owns its parts and can be changed.
#[derive(Clone, Debug)]
struct Sample {
    method: Method,
    headers: HeaderMap,
    url: Option<String>,
    body: Bytes,
}

impl Sample {
    fn new(body: impl Into<Bytes>) -> Self {
        Self { method: Method::POST, headers: HeaderMap::new(), url: None, body: body.into() }
    }

    /// Sets a header and removes other lines of it.
    fn with(mut self, name: &'static str, value: impl AsRef<[u8]>) -> Self {
        self.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_bytes(value.as_ref()).unwrap(),
        );
        self
    }

    /// Adds another line of a header.
    fn and(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(HeaderName::from_static(name), value.parse().unwrap());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    fn at_url(mut self, url: &str) -> Self {
        self.url = Some(url.to_owned());
        self
    }

    fn json(body: &str) -> Self {
        Self::new(body.as_bytes().to_vec()).with("content-type", "application/json")
    }

    fn form(body: &str) -> Self {
        Self::new(body.as_bytes().to_vec())
            .with("content-type", "application/x-www-form-urlencoded")
    }

    fn github(self, event: &str) -> Self {
        let signature = sign::github(&secret("s3cret"), &self.body);
        self.with("x-hub-signature-256", signature)
            .with("x-github-event", event)
            .with("x-github-delivery", "d1")
    }

    fn slack(self) -> Self {
        let signature = sign::slack(&secret("s3cret"), NOW, &self.body);
        self.with("x-slack-signature", signature).with("x-slack-request-timestamp", NOW.to_string())
    }

    fn stripe(self) -> Self {
        let signature = sign::stripe(&secret("s3cret"), NOW, &self.body);
        self.with("stripe-signature", signature)
    }

    fn linear(self) -> Self {
        let signature = sign::linear(&secret("s3cret"), &self.body);
        self.with("linear-signature", signature).with("linear-delivery", "d1")
    }

    fn standard_webhooks(self) -> Self {
        let signature =
            sign::standard_webhooks(&[secret(WHSEC)], "msg_1", NOW, &self.body).unwrap();
        self.with("webhook-id", "msg_1")
            .with("webhook-timestamp", NOW.to_string())
            .with("webhook-signature", signature)
    }

    fn raw(&self) -> RawRequest<'_> {
        let query = self.url.as_deref().and_then(|url| url.split_once('?')).map(|(_, query)| query);
        RawRequest {
            method: &self.method,
            headers: &self.headers,
            query,
            url: self.url.as_deref(),
            body: &self.body,
        }
    }

    fn verify(&self, verifier: &Verifier) -> Result<Outcome, Rejection> {
        verifier.verify(&self.raw(), now())
    }

    fn refusal(&self, verifier: &Verifier) -> Option<Rejection> {
        match self.verify(verifier) {
            Ok(Outcome::Verified(verified)) => verifier.describe(&verified, "source").err(),
            Ok(Outcome::Handshake(_)) => None,
            Err(rejection) => Some(rejection),
        }
    }

    fn handshake(&self, verifier: &Verifier) -> Option<Handshake> {
        match self.verify(verifier) {
            Ok(Outcome::Handshake(handshake)) => Some(handshake),
            Ok(Outcome::Verified(_)) | Err(_) => None,
        }
    }

    fn describe(&self, verifier: &Verifier) -> Description {
        match self.verify(verifier) {
            Ok(Outcome::Verified(verified)) => verifier.describe(&verified, "my-source").unwrap(),
            other => panic!("not an event: {other:?}"),
        }
    }
}

fn secret(text: &str) -> SigningSecret {
    SigningSecret::new(text)
}

/// A verifier with the secret of all samples.
fn verifier(scheme: Scheme) -> Verifier {
    let text = if scheme == Scheme::StandardWebhooks { WHSEC } else { "s3cret" };
    Verifier::new(scheme, vec![secret(text)], None).unwrap()
}

fn now() -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(NOW).unwrap()
}
