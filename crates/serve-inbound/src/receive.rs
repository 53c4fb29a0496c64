//! `POST /hooks/<source>`: from a signed request to a durable event.

use std::time::Duration;

use bytes::Bytes;
use event_bus_core::event::{Data, Event, InvalidEvent, Value, format_time};
use event_bus_core::key::EventKey;
use event_bus_core::signature::{Description, Outcome as Verdict, RawRequest, Rejection, Verified};
use http::StatusCode;
use http::request;
use time::OffsetDateTime;
use tokio::time::Instant;

use crate::config::BodyForm;
use crate::error::ReceiveError;
use crate::inbound::{Done, Inbound};
use crate::metrics::Outcome;
use crate::publish::Happening;
use crate::refusal::Refusal;
use crate::source::{Endpoint, Source, Table};
use crate::{respond, trace};

/// A body may have come so slowly that the sender's time is nearly over; the stream gets this much at least.
const MIN_PUBLISH: Duration = Duration::from_secs(1);

impl Inbound {
    pub(crate) async fn receive_hook(
        &self,
        table: &Table,
        source: &Source,
        head: &request::Parts,
        body: Bytes,
        received: Instant,
    ) -> Result<Done, Refusal> {
        let endpoint = &source.endpoint;
        let now = self.clock().now();
        let verified = match self.verify(table, endpoint, head, &body, now)? {
            Verdict::Verified(verified) => verified,
            Verdict::Handshake(handshake) => {
                tracing::info!(source = endpoint.name, handshake = handshake.name, "answered");
                let answer = respond::handshake(handshake);
                return Ok(Done { answer, outcome: Outcome::Handshake });
            }
        };
        let mut description = endpoint
            .verifier
            .describe(&verified, &endpoint.name)
            .map_err(|rejection| refused(endpoint, rejection))?;
        let key = EventKey { ce_source: description.ce_source.clone(), id: description.id.clone() };
        let with_key = |error| Refusal { error, event: Some(key.to_string()) };
        // As JSON, whatever form the body is kept in.
        endpoint.check_schema(description.data.as_ref()).map_err(with_key)?;
        let named = source.event_header.as_ref().and_then(|name| head.headers.get(name));
        let named = named.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let (name, action) = (named.or(description.event.take()), description.action.take());
        let event = event(source, description, &verified, head, now)
            .map_err(|invalid| with_key(ReceiveError::InvalidEvent(invalid)))?;
        let happening = Happening { event: name.as_deref(), action: action.as_deref() };
        let prepared = self.prepare(endpoint, &event, happening).map_err(with_key)?;
        let deadline = deadline(endpoint, received);
        let stored = self.store(endpoint, prepared, deadline).await.map_err(with_key)?;
        let outcome = if stored.duplicate { Outcome::Duplicate } else { Outcome::Accepted };
        let mut answer = respond::stored(&stored, success(endpoint));
        if verified.token_in_query() {
            respond::keep_private(&mut answer);
        }
        Ok(Done { answer, outcome })
    }

    /// Checks the signature over the raw bytes. Nothing of the body has been parsed before.
    pub(crate) fn verify(
        &self,
        table: &Table,
        endpoint: &Endpoint,
        head: &request::Parts,
        body: &Bytes,
        now: OffsetDateTime,
    ) -> Result<Verdict, ReceiveError> {
        let url = table.public_url.as_ref().map(|public| {
            let target = head.uri.path_and_query().map_or("/", |target| target.as_str());
            format!("{public}{target}")
        });
        let raw = RawRequest {
            method: &head.method,
            headers: &head.headers,
            query: head.uri.query(),
            url: url.as_deref(),
            body,
        };
        let verdict = endpoint.verifier.verify(&raw, now);
        let verdict = verdict.map_err(|rejection| refused(endpoint, rejection))?;
        if let Verdict::Verified(verified) = &verdict {
            endpoint.metrics.secret_matched(verified.secret_index());
        }
        Ok(verdict)
    }
}

pub(crate) fn deadline(endpoint: &Endpoint, received: Instant) -> Instant {
    let deadline = received + endpoint.verifier.scheme().publish_deadline();
    deadline.max(Instant::now() + MIN_PUBLISH)
}

pub(crate) fn success(endpoint: &Endpoint) -> StatusCode {
    let status = endpoint.verifier.scheme().success_status();
    StatusCode::from_u16(status).unwrap_or(StatusCode::ACCEPTED)
}

fn refused(endpoint: &Endpoint, rejection: Rejection) -> ReceiveError {
    ReceiveError::Refused { rejection, challenge: endpoint.verifier.scheme().challenge() }
}

/// The event of a description: `time` is the provider's or that of receipt, `recordedtime` that of receipt.
fn event(
    source: &Source,
    description: Description,
    verified: &Verified,
    head: &request::Parts,
    now: OffsetDateTime,
) -> Result<Event, InvalidEvent> {
    let Description {
        id, ce_source, kind, subject, time, data, datacontenttype, extensions, ..
    } = description;
    let recorded = format_time(now);
    let mut event = Event::builder(id, ce_source, kind)
        .time_text(time.map_or_else(|| recorded.clone(), format_time))
        .extension("recordedtime", Value::String(recorded));
    if let Some(subject) = subject {
        event = event.subject(subject);
    }
    let (data, media_type) = match source.body {
        BodyForm::Json => (data, datacontenttype),
        BodyForm::Base64 => {
            let media_type = verified.content_type().unwrap_or("application/octet-stream");
            let data = Data::verbatim(verified.body().clone());
            let media_type = data.is_some().then(|| media_type.to_owned());
            (data, media_type)
        }
    };
    if let Some(media_type) = media_type {
        event = event.datacontenttype(media_type);
    }
    if let Some(data) = data {
        event = event.data(data);
    }
    if let Some((parent, state)) = trace::context(&head.headers) {
        event = event.extension("traceparent", Value::String(parent.to_owned()));
        if let Some(state) = state {
            event = event.extension("tracestate", Value::String(state));
        }
    }
    for (name, value) in extensions {
        event = event.extension(name, value);
    }
    event.build()
}
