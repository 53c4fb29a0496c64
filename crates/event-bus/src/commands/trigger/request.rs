//! From a sample to the request that its provider would send: headers, signature, and the URL's query.

use bytes::Bytes;
use event_bus_core::Chain;
use event_bus_core::signature::{HmacScheme, RawRequest, Scheme, SigningSecret, TokenScheme, sign};
use event_bus_runtime::Secret;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use time::OffsetDateTime;

use crate::failure::{Failure, Outcome};

/// What is to be sent, before it is signed.
#[derive(Debug)]
pub(super) struct Unsigned<'a> {
    pub(super) scheme: &'a Scheme,
    pub(super) secret: Option<&'a Secret>,
    /// What the command calls the event, such as `pull_request.opened`.
    pub(super) event: &'a str,
    pub(super) id: &'a str,
    pub(super) now: OffsetDateTime,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// The URL that the sender is told, for schemes that sign it.
    pub(super) url: Option<String>,
}

/// What is sent.
#[derive(Debug)]
pub(super) struct Signed {
    pub(super) headers: HeaderMap,
    pub(super) query: Option<(String, String)>,
    pub(super) body: Bytes,
}

impl Unsigned<'_> {
    /// Signs. With `tamper`, something is changed after that, so that the request must be refused.
    pub(super) fn sign(mut self, tamper: bool) -> Result<Signed, Failure> {
        let mut query = None;
        let seconds = self.now.unix_timestamp();
        match self.scheme {
            Scheme::Github => {
                let event = self.event.split('.').next().unwrap_or_default().to_owned();
                self.set("user-agent", "GitHub-Hookshot/0000000")?;
                self.set("x-github-delivery", self.id)?;
                self.set("x-github-event", &event)?;
                self.set("x-hub-signature-256", &sign::github(&self.key()?, &self.body))?;
            }
            Scheme::Slack => {
                self.set("x-slack-request-timestamp", &seconds.to_string())?;
                self.set("x-slack-signature", &sign::slack(&self.key()?, seconds, &self.body))?;
            }
            Scheme::Stripe => {
                self.set("stripe-signature", &sign::stripe(&self.key()?, seconds, &self.body))?;
            }
            Scheme::Linear => {
                let event = self.event.split('.').next().unwrap_or_default().to_owned();
                self.set("linear-delivery", self.id)?;
                self.set("linear-event", &event)?;
                self.set("linear-signature", &sign::linear(&self.key()?, &self.body))?;
            }
            Scheme::StandardWebhooks => {
                let signature =
                    sign::standard_webhooks(&[self.key()?], self.id, seconds, &self.body);
                let signature = signature.map_err(|error| cannot_sign(&error))?;
                self.set("webhook-id", self.id)?;
                self.set("webhook-timestamp", &seconds.to_string())?;
                self.set("webhook-signature", &signature)?;
            }
            Scheme::Hmac(scheme) => self.sign_hmac(scheme, seconds)?,
            Scheme::Token(scheme) => query = self.add_token(scheme, tamper)?,
            Scheme::Basic => {
                use base64::Engine as _;
                let credentials =
                    base64::engine::general_purpose::STANDARD.encode(self.text(tamper)?);
                self.set(AUTHORIZATION.as_str(), &format!("Basic {credentials}"))?;
            }
            Scheme::Unsigned if tamper => {
                return Err(Failure::usage("nothing of an unsigned source can be tampered with"));
            }
            Scheme::Unsigned => {}
        }
        let mut body = self.body.to_vec();
        if tamper {
            // One byte more, which leaves JSON as it was for everyone but the signature.
            body.push(b' ');
        }
        Ok(Signed { headers: self.headers, query, body: body.into() })
    }

    fn sign_hmac(&mut self, scheme: &HmacScheme, seconds: i64) -> Outcome {
        if let Some(name) = &scheme.timestamp_header {
            self.set(name.as_str(), &seconds.to_string())?;
        }
        if let Some(name) = &scheme.id_header {
            self.set(name.as_str(), self.id)?;
        }
        let request = RawRequest {
            method: &Method::POST,
            headers: &self.headers,
            query: None,
            url: self.url.as_deref(),
            body: &self.body,
        };
        let signature = sign::hmac(scheme, &self.key()?, &request);
        let signature = signature.map_err(|error| {
            let hint = "headers that the template signs are given with --header";
            Failure::usage(format!("{}; {hint}", Chain(&error)))
        })?;
        self.set(scheme.header.as_str(), &signature)
    }

    /// Puts the token where it belongs: into a header, or into the query that is returned.
    fn add_token(
        &mut self,
        scheme: &TokenScheme,
        tamper: bool,
    ) -> Result<Option<(String, String)>, Failure> {
        let token = self.text(tamper)?;
        match (&scheme.header, &scheme.query_param) {
            (Some(name), _) => {
                let value = if scheme.is_bearer() { format!("Bearer {token}") } else { token };
                self.set(name.as_str(), &value)?;
                Ok(None)
            }
            (None, Some(name)) => Ok(Some((name.clone(), token))),
            (None, None) => Err(Failure::usage("the source names no place for its token")),
        }
    }

    fn set(&mut self, name: &str, value: &str) -> Outcome {
        let name: HeaderName = name.parse()?;
        let mut value = HeaderValue::from_str(value)
            .map_err(|_| Failure::usage(format!("the header {name} cannot hold its value")))?;
        value.set_sensitive(true);
        // What the caller gave stands, wrong as it may be.
        self.headers.entry(name).or_insert(value);
        Ok(())
    }

    fn key(&self) -> Result<SigningSecret, Failure> {
        Ok(SigningSecret::new(self.secret()?.expose()))
    }

    /// A secret that is sent itself, changed in tampering because it covers no body.
    fn text(&self, tamper: bool) -> Result<String, Failure> {
        let text = self.secret()?.expose_str()?;
        Ok(if tamper { format!("{text}x") } else { text.to_owned() })
    }

    fn secret(&self) -> Result<&Secret, Failure> {
        self.secret.ok_or_else(|| Failure::usage("the source has no secret"))
    }
}

/// Headers of every request.
pub(super) fn headers(
    content_type: &str,
    more: &[(HeaderName, HeaderValue)],
) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type)?);
    for (name, value) in more {
        headers.insert(name.clone(), value.clone());
    }
    Ok(headers)
}

fn cannot_sign(error: &event_bus_core::signature::SecretProblem) -> Failure {
    Failure::usage(format!("the first secret of the source cannot sign: {error}"))
}
