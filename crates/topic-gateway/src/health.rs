//! `/health` (section 10): whether messages are taken, and how each destination does.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use http::StatusCode;
use serde_json::json;
use tokio::time::timeout;

use crate::answer::{self, Answer};

/// How long a destination may take to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// Destinations that are named even if there is none of them.
const ALWAYS: [&str; 3] = ["kafka", "eventbridge", "postgres"];

type Asking = Pin<Box<dyn Future<Output = Result<(), String>> + Send>>;

/// Asks a destination whether it can take events.
#[derive(Clone)]
pub struct Probe {
    kind: &'static str,
    ask: Arc<dyn Fn() -> Asking + Send + Sync>,
}

impl Probe {
    /// A probe of a destination of this kind.
    pub fn new<F>(kind: &'static str, ask: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { kind, ask: Arc::new(move || Box::pin(ask())) }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Probe").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// Asks every destination at once.
pub(crate) async fn answer(bus: Result<(), String>, probes: &[Probe], uptime: u64) -> Answer {
    let asked = join_all(probes.iter().map(|probe| async {
        let silent = || Err(format!("no answer within {} s", WITHIN.as_secs()));
        (probe.kind, timeout(WITHIN, (probe.ask)()).await.unwrap_or_else(|_| silent()))
    }));
    let mut dependencies: BTreeMap<&str, String> =
        ALWAYS.iter().map(|kind| (*kind, "not configured".to_owned())).collect();
    let mut failures: BTreeMap<&str, String> = BTreeMap::new();
    for (kind, answered) in asked.await.into_iter().chain([("bus", bus)]) {
        match answered {
            // Several routes may lead to one kind; a failed one counts.
            Ok(()) if failures.contains_key(kind) => {}
            Ok(()) => drop(dependencies.insert(kind, "ok".to_owned())),
            Err(reason) => {
                dependencies.insert(kind, reason.clone());
                failures.insert(kind, reason);
            }
        }
    }
    if failures.is_empty() {
        // The contract knows destinations alone.
        dependencies.remove("bus");
        let body =
            json!({ "status": "ok", "uptime_seconds": uptime, "dependencies": dependencies });
        return answer::json(StatusCode::OK, &body);
    }
    let body = json!({ "status": "degraded", "failures": failures, "dependencies": dependencies });
    answer::json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;
    use serde_json::Value;

    use super::*;

    async fn ask(bus: Result<(), String>, probes: &[Probe]) -> (u16, Value) {
        let answer = answer(bus, probes, 7).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn each_destination_is_asked_and_one_that_hangs_fails() {
        let kafka = Probe::new("kafka", || async { Ok(()) });
        let (status, body) = ask(Ok(()), std::slice::from_ref(&kafka)).await;
        let none = "not configured";
        let all = json!({ "kafka": "ok", "eventbridge": none, "postgres": none });
        assert_eq!(
            (status, body),
            (200, json!({ "status": "ok", "uptime_seconds": 7, "dependencies": all }))
        );
        let hangs = Probe::new("postgres", std::future::pending);
        let (status, body) = ask(Err("not connected".to_owned()), &[kafka, hangs]).await;
        assert_eq!(status, 503);
        assert_eq!(
            body["failures"],
            json!({ "bus": "not connected", "postgres": "no answer within 2 s" })
        );
        assert_eq!(body["dependencies"]["kafka"], "ok");
        assert!(body.get("uptime_seconds").is_none());
    }
}
