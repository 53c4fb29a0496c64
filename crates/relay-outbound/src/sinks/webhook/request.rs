//! An event as a request, signed over the exact bytes that are sent.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use event_bus_core::claim_check::ClaimCheck;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::{Event, http as http_binding};
use event_bus_core::key::EventKey;
use event_bus_core::signature::SigningSecret;
use event_bus_core::signature::sign::StandardWebhooksSigner;
use event_bus_runtime::{Clock, SecretRef};
use futures_util::TryStreamExt as _;
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use reqwest::Request;
use tokio_util::io::ReaderStream;
use url::Url;

use super::gzip::compressed;
use super::{Config, Mode};
use crate::objects::{self, ObjectError, Objects};
use crate::sinks::{BuildError, SinkContext, headers};

/// Makes requests to one endpoint.
#[derive(Debug)]
pub(super) struct Requests {
    url: Url,
    mode: Mode,
    headers: HeaderMap,
    gzip_from: Option<usize>,
    signer: Option<StandardWebhooksSigner>,
    clock: Clock,
    objects: Objects,
}

impl Requests {
    /// Resolves the secrets.
    pub(super) fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        Ok(Self {
            url: config.url.clone(),
            mode: config.mode,
            headers: headers::resolve(&config.headers, context.secrets)?,
            gzip_from: config.gzip.map(|size| size.as_usize()),
            signer: signer(&config.secrets, context)?,
            clock: context.clock.clone(),
            objects: context.objects.clone(),
        })
    }

    /// The endpoint.
    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// A request without a body, with the headers that every request carries.
    pub(super) fn bare(&self, method: Method) -> Request {
        let mut request = Request::new(method, self.url.clone());
        request.headers_mut().extend(self.headers.clone());
        request
    }

    /// The request for an event.
    pub(super) async fn request(&self, event: &Event) -> Result<Outgoing, DeliveryError> {
        if let Some(Ok(check)) = ClaimCheck::of(event) {
            return self.streamed(event, &check).await;
        }
        let (mut headers, mut body) = match self.mode {
            Mode::Structured => http_binding::encode_structured(event),
            Mode::Binary => http_binding::encode_binary(event),
        };
        if self.gzip_from.is_some_and(|size| body.len() >= size)
            && let Some(smaller) = compressed(&body).await
        {
            body = smaller;
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        self.identify(event, &body, &mut headers)?;
        let mut request = self.bare(Method::POST);
        request.headers_mut().extend(headers);
        *request.body_mut() = Some(body.into());
        Ok(Outgoing { request, broken: Broken::default() })
    }

    /// The request for an event whose data lies in the object store: it goes through as it is read. Only events of routes
    /// in binary mode without a signature come here; see [`Config`].
    async fn streamed(&self, event: &Event, check: &ClaimCheck) -> Result<Outgoing, DeliveryError> {
        let object = self.objects.open(check).await.map_err(unread)?;
        let (mut headers, _) = http_binding::encode_binary(event);
        headers.insert(CONTENT_LENGTH, HeaderValue::from(object.info.size));
        self.identify(event, &Bytes::new(), &mut headers)?;
        let mut request = self.bare(Method::POST);
        request.headers_mut().extend(headers);
        let broken = Broken::default();
        let (told, check) = (broken.clone(), check.clone());
        let body = ReaderStream::new(object).inspect_err(move |error| told.tell(error, &check));
        *request.body_mut() = Some(reqwest::Body::wrap_stream(body));
        Ok(Outgoing { request, broken })
    }

    /// Standard Webhooks: the id is the same for every attempt, the timestamp is that of this one.
    fn identify(
        &self,
        event: &Event,
        body: &Bytes,
        headers: &mut HeaderMap,
    ) -> Result<(), DeliveryError> {
        let id = EventKey::of(event).message_id();
        let timestamp = self.clock.now().unix_timestamp();
        let mut insert = |name: &'static str, value: &str| match HeaderValue::from_str(value) {
            Ok(value) => {
                headers.insert(HeaderName::from_static(name), value);
                Ok(())
            }
            Err(error) => Err(DeliveryError::Unencodable(error.into())),
        };
        insert("webhook-id", &id)?;
        insert("webhook-timestamp", &timestamp.to_string())?;
        if let Some(signer) = &self.signer {
            insert("webhook-signature", &signer.sign(&id, timestamp, body))?;
        }
        // The trace that the event began in goes on at the destination (W3C Trace Context).
        for name in ["traceparent", "tracestate"] {
            // One that cannot stand in a header is a courtesy less, and the event no worse for it.
            if let Some(value) = event.extension(name)
                && value.to_text().is_ascii()
                && let Ok(value) = HeaderValue::from_str(&value.to_text())
            {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        Ok(())
    }
}

/// A request that can be sent.
pub(super) struct Outgoing {
    pub(super) request: Request,
    pub(super) broken: Broken,
}

/// Why data from the object store ended too early, if it did.
#[derive(Clone, Default)]
pub(super) struct Broken(Arc<Mutex<Option<ObjectError>>>);

impl Broken {
    /// What the failure means for the event, whatever the destination made of it.
    pub(super) fn verdict(&self) -> Result<(), DeliveryError> {
        self.slot().take().map_or(Ok(()), |error| Err(unread(error)))
    }

    fn tell(&self, error: &io::Error, check: &ClaimCheck) {
        *self.slot() = Some(objects::broken_off(error, check));
    }

    fn slot(&self) -> MutexGuard<'_, Option<ObjectError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The object store is a part of the bus, so what is wrong with it is not the destination's doing.
fn unread(error: ObjectError) -> DeliveryError {
    match error {
        ObjectError::Lost { .. }
        | ObjectError::Corrupt { .. }
        | ObjectError::Forbidden(_)
        | ObjectError::TooLarge { .. } => DeliveryError::Unencodable(error.into()),
        ObjectError::Unavailable(_) => DeliveryError::Unreadable(error.into()),
    }
}

fn signer(
    secrets: &[SecretRef],
    context: &SinkContext<'_>,
) -> Result<Option<StandardWebhooksSigner>, BuildError> {
    if secrets.is_empty() {
        return Ok(None);
    }
    let mut signing = Vec::with_capacity(secrets.len());
    for reference in secrets {
        let secret = context.secrets.resolve(reference).map_err(BuildError::Secret)?;
        signing.push(SigningSecret::new(secret.expose()));
    }
    StandardWebhooksSigner::new(&signing).map(Some).map_err(BuildError::SigningSecret)
}
