//! `POST /events`: CloudEvents over HTTP, in binary, structured and batched mode.
//!
//! An event is passed on as it came. A batch is judged whole before any of it is stored; when storing fails halfway, the
//! sender repeats the batch, and what is stored already counts as duplicate.

use bytes::Bytes;
use event_bus_core::event::Event;
use event_bus_core::event::http::{Decoded, decode};
use event_bus_core::key::EventKey;
use event_bus_core::signature::Outcome as Verdict;
use http::request;
use tokio::time::Instant;

use crate::error::ReceiveError;
use crate::inbound::{Done, Inbound};
use crate::metrics::Outcome;
use crate::publish::{Happening, Prepared};
use crate::receive::{deadline, success};
use crate::refusal::Refusal;
use crate::respond;
use crate::source::{EventsEndpoint, Table};

impl Inbound {
    pub(crate) async fn receive_events(
        &self,
        table: &Table,
        events: &EventsEndpoint,
        head: &request::Parts,
        body: Bytes,
        received: Instant,
    ) -> Result<Done, Refusal> {
        let endpoint = &events.endpoint;
        let verified = match self.verify(table, endpoint, head, &body, self.clock().now())? {
            Verdict::Verified(verified) => verified,
            // The schemes of this endpoint know no handshake.
            Verdict::Handshake(_) => return Err(ReceiveError::NotFound.into()),
        };
        let (decoded, is_batch) = match decode(&head.headers, body) {
            Ok(Decoded::Single(event)) => (vec![*event], false),
            Ok(Decoded::Batch(batch)) => (batch, true),
            Err(error) => return Err(ReceiveError::NotAnEvent(error).into()),
        };
        if decoded.len() > events.max_batch {
            return Err(ReceiveError::BatchTooLarge { limit: events.max_batch }.into());
        }
        let prepared = self.prepare_all(events, decoded)?;
        let deadline = deadline(endpoint, received);
        let mut stored = Vec::with_capacity(prepared.len());
        for event in prepared {
            let key = event.key.to_string();
            let result = self.store(endpoint, event, deadline).await;
            stored.push(result.map_err(|error| Refusal { error, event: Some(key) })?);
        }
        let only_duplicates = !stored.is_empty() && stored.iter().all(|event| event.duplicate);
        let outcome = if only_duplicates { Outcome::Duplicate } else { Outcome::Accepted };
        let mut answer = match stored.as_slice() {
            [event] if !is_batch => respond::stored(event, success(endpoint)),
            batch => respond::stored_batch(batch, success(endpoint)),
        };
        if verified.token_in_query() {
            respond::keep_private(&mut answer);
        }
        Ok(Done { answer, outcome })
    }

    fn prepare_all(
        &self,
        events: &EventsEndpoint,
        decoded: Vec<Event>,
    ) -> Result<Vec<Prepared>, Refusal> {
        let endpoint = &events.endpoint;
        let prepare = |event: &Event| {
            let fits = endpoint.check_schema(event.data());
            let prepared = fits.and_then(|()| self.prepare(endpoint, event, Happening::default()));
            let key = || EventKey::of(event).to_string();
            prepared.map_err(|error| Refusal { error, event: Some(key()) })
        };
        decoded.iter().map(prepare).collect()
    }
}
