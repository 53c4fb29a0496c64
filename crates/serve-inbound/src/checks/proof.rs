//! The third proof: every source refuses a bad signature, and the built-in source takes a good one once.

use async_nats::jetstream::stream::LastRawMessageErrorKind;
use async_trait::async_trait;
use bytes::Bytes;
use event_bus_core::{Chain, wire};
use event_bus_runtime::{Check, CheckContext, Finding, Secret, SecretRef, Severity};

use super::COMPONENT;
use super::forged::{self, Forged, Seal};
use super::probe::{Answer, Probe};
use crate::config::Config;
use crate::{EVENTS_ENDPOINT, doctor};

pub(super) struct Proof {
    pub(super) config: Config,
    pub(super) doctor: Option<SecretRef>,
}

#[async_trait]
impl Check for Proof {
    fn id(&self) -> &'static str {
        "signatures-and-duplicates"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    fn secrets(&self) -> Vec<SecretRef> {
        self.doctor.iter().cloned().collect()
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let probe = match Probe::new(&self.config) {
            Ok(probe) => probe,
            Err(error) => return vec![Finding::error(Chain(&error).to_string())],
        };
        let mut findings = Vec::new();
        for (name, path, forged) in self.forgeries(context) {
            match try_forged(&probe, context, &name, &path, forged).await {
                Ok(finding) => findings.push(finding),
                // One listener serves all sources: asking on would only repeat the answer.
                Err(unreachable) => return vec![unreachable],
            }
        }
        findings.push(match self.genuine(&probe, context).await {
            Ok(finding) | Err(finding) => finding.about(wire::DOCTOR_NAME),
        });
        findings
    }
}

impl Proof {
    /// A forged request for everything that checks signatures: name, path, request.
    fn forgeries(&self, context: &CheckContext) -> Vec<(String, String, Forged)> {
        let seal = Seal { run: &context.run_id, now: context.clock.now().unix_timestamp() };
        let sources = self.config.sources.iter().filter_map(|source| {
            let forged = forged::for_source(source, seal)?;
            Some((source.name.clone(), format!("/hooks/{}", source.name), forged))
        });
        let events = self.config.events.iter().filter_map(|events| {
            let forged = forged::for_events(events, seal)?;
            Some((EVENTS_ENDPOINT.to_owned(), format!("/{EVENTS_ENDPOINT}"), forged))
        });
        sources.chain(events).collect()
    }

    /// A good signature on the built-in source: accepted, stored once, a duplicate the second time.
    async fn genuine(&self, probe: &Probe, context: &CheckContext) -> Result<Finding, Finding> {
        let Some(reference) = &self.doctor else {
            return Err(Finding::skip(
                "a good signature needs the built-in source, which exists once [doctor] names a secret",
            ));
        };
        let secret = context.secrets.resolve(reference).map_err(|error| {
            Finding::fail("EB0101", format!("doctor.secret: {}", Chain(&error)))
        })?;
        let id = format!("{}-inbound", context.run_id);
        self.refuses_wrong_secret(probe, context, &id).await?;
        let first = send(probe, &secret, context, &id).await?;
        if first.status != 202 || first.body.duplicate {
            return Err(not_taken(&first));
        }
        let second = send(probe, &secret, context, &id).await?;
        if second.status != 202 || !second.body.duplicate || second.body.seq != first.body.seq {
            let message = "the same event sent again was not answered as a duplicate";
            return Err(Finding::fail("EB0108", message).with("status", second.status));
        }
        stored_once(context, &first).await
    }

    async fn refuses_wrong_secret(
        &self,
        probe: &Probe,
        context: &CheckContext,
        id: &str,
    ) -> Result<(), Finding> {
        let wrong = Secret::new(context.run_id.as_bytes());
        let answer = send(probe, &wrong, context, id).await?;
        match answer.status {
            401 => Ok(()),
            404 => Err(Finding::skip(
                "serve-inbound has no built-in source: start it with the same [doctor] secret",
            )),
            200..=299 => {
                let message = "a bad signature was accepted by the built-in source";
                Err(Finding::fail("EB0104", message))
            }
            _ => Err(not_taken(&answer)),
        }
    }
}

async fn try_forged(
    probe: &Probe,
    context: &CheckContext,
    name: &str,
    path: &str,
    forged: Forged,
) -> Result<Finding, Finding> {
    let target = format!("{path}{}", forged.query);
    let answer = probe.post(&target, forged.headers, forged.body).await;
    let answer = answer.map_err(|error| unreachable(probe, &error))?;
    let finding = match answer.status {
        200..=299 => {
            remove(context, &answer).await;
            Finding::fail("EB0104", format!("`{name}` accepted a bad signature"))
        }
        400 | 401 | 403 => Finding::pass(format!("`{name}` refused a bad signature")),
        404 => {
            let message = format!("`{name}` is configured and not served");
            Finding::fail("EB0106", message)
        }
        429 | 503 => Finding::skip(format!("`{name}` took no request now: {}", answer.body.code)),
        status => Finding::error(format!("`{name}` answered {status} to a bad signature")),
    };
    let finding = finding.about(name).with("path", path).with("status", answer.status);
    Ok(finding.with("reason", answer.body.code))
}

async fn send(
    probe: &Probe,
    secret: &Secret,
    context: &CheckContext,
    id: &str,
) -> Result<Answer, Finding> {
    let body = format!("{{\"doctor\":\"{}\"}}", context.run_id);
    let headers = doctor::headers(secret, &context.run_id, id, &Bytes::from(body.clone()));
    let headers = headers.map_err(|error| Finding::error(Chain(&error).to_string()))?;
    let answer = probe.post(&doctor::path(), headers, body).await;
    answer.map_err(|error| unreachable(probe, &error))
}

fn unreachable(probe: &Probe, error: &reqwest::Error) -> Finding {
    let message = format!("serve-inbound does not answer at {}: {}", probe.base(), Chain(error));
    Finding::fail("EB0105", message).with("url", probe.base())
}

fn not_taken(answer: &Answer) -> Finding {
    let message = format!(
        "a good signature was not accepted: {} {}",
        answer.status,
        if answer.body.duplicate { "duplicate" } else { &answer.body.code }
    );
    Finding::fail("EB0107", message)
        .with("status", answer.status)
        .with("reason", answer.body.code.as_str())
}

/// Looks for the event where the answer said that it is, and for a second one beside it.
async fn stored_once(context: &CheckContext, answer: &Answer) -> Result<Finding, Finding> {
    let unknown = |error: &(dyn std::error::Error + 'static)| {
        Finding::error(format!("the bus did not answer: {}", Chain(error)))
    };
    let stream = context.bus.jetstream().get_stream(&answer.body.stream).await;
    let stream = stream.map_err(|error| unknown(&error))?;
    let subject = doctor::event_subject(&context.run_id);
    let last = stream.get_last_raw_message_by_subject(&subject).await;
    let last = match last {
        Ok(message) => Some(message.sequence),
        Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => None,
        Err(error) => return Err(unknown(&error)),
    };
    let first = stream.get_raw_message(answer.body.seq).await;
    let first_there = first.is_ok_and(|message| message.subject.as_str() == subject);
    match (first_there, last == Some(answer.body.seq)) {
        (true, true) => {
            let message = "a good signature was accepted, stored once, and known the second time";
            Ok(Finding::pass(message).with("seq", answer.body.seq))
        }
        (true, false) => Err(Finding::fail("EB0108", "the same event was stored twice")),
        (false, _) => {
            Err(Finding::fail("EB0108", "an event that was answered 202 is not on the stream"))
        }
    }
}

/// An accepted forgery is an event that nobody sent; it may be delivered already, but it shall not stay.
async fn remove(context: &CheckContext, answer: &Answer) {
    let Ok(stream) = context.bus.jetstream().get_stream(&answer.body.stream).await else { return };
    if let Err(error) = stream.delete_message(answer.body.seq).await {
        tracing::warn!(seq = answer.body.seq, error = %Chain(&error), "a forged event stays");
    }
}
