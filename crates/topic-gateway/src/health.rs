//! `/health` (section 10): whether messages are taken, and how each destination does.
//!
//! Anybody may ask, so the bus and the destinations are not asked anew for each request: at most once in a second, whoever
//! comes meanwhile hears the same.

use std::collections::BTreeMap;
use std::fmt;
use std::iter;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, join_all};
use http::StatusCode;
use serde_json::json;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::answer::{self, Answer};

/// How long each of them may take to answer.
const WITHIN: Duration = Duration::from_secs(2);

/// How long what they have answered counts, from when they were asked.
const KEPT: Duration = Duration::from_secs(1);

/// What the probe of the bus is called; it is named when it fails.
pub(crate) const BUS: &str = "bus";

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

    fn answer(&self) -> impl Future<Output = Answered> + use<> {
        let (kind, asking) = (self.kind, (self.ask)());
        async move {
            let silent = |_| Err(format!("no answer within {} s", WITHIN.as_secs()));
            (kind, timeout(WITHIN, asking).await.unwrap_or_else(silent))
        }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Probe").field("kind", &self.kind).finish_non_exhaustive()
    }
}

/// What a destination of this kind has answered.
type Answered = (&'static str, Result<(), String>);

/// Asks the bus and all destinations.
pub(crate) struct Health {
    bus: Probe,
    probes: ArcSwap<Vec<Probe>>,
    last: Mutex<Option<Round>>,
}

/// The last time that they were asked.
struct Round {
    begun: Instant,
    probes: Arc<Vec<Probe>>,
    /// Whoever waits drives it, so that nobody's leaving ends it for the others.
    answers: Shared<BoxFuture<'static, Vec<Answered>>>,
}

impl Round {
    fn begin(bus: &Probe, probes: Arc<Vec<Probe>>) -> Self {
        let asking = join_all(iter::once(bus).chain(&*probes).map(Probe::answer));
        Self { begun: Instant::now(), probes, answers: asking.boxed().shared() }
    }

    /// Whether its answers, or those still to come, are those of now.
    fn counts(&self) -> bool {
        let limit = if self.answers.peek().is_some() { KEPT } else { WITHIN };
        self.begun.elapsed() < limit
    }
}

impl Health {
    pub(crate) fn new(bus: Probe, probes: Vec<Probe>) -> Self {
        Self { bus, probes: ArcSwap::from_pointee(probes), last: Mutex::default() }
    }

    /// Asks other destinations from now on.
    pub(crate) fn replace(&self, probes: Vec<Probe>) {
        self.probes.store(Arc::new(probes));
    }

    /// Says how it is with the bus and all destinations.
    pub(crate) async fn answer(&self, uptime: u64) -> Answer {
        answer(self.ask().await, uptime)
    }

    /// Whoever comes while they are asked waits for the same answers.
    async fn ask(&self) -> Vec<Answered> {
        let answers = {
            let mut last = self.last.lock().await;
            let probes = self.probes.load_full();
            let known = last.take();
            let known = known.filter(|round| Arc::ptr_eq(&round.probes, &probes) && round.counts());
            let round = known.unwrap_or_else(|| Round::begin(&self.bus, probes));
            last.insert(round).answers.clone()
        };
        answers.await
    }
}

fn answer(answered: Vec<Answered>, uptime: u64) -> Answer {
    let mut dependencies: BTreeMap<&str, String> =
        ALWAYS.iter().map(|kind| (*kind, "not configured".to_owned())).collect();
    let mut failures: BTreeMap<&str, String> = BTreeMap::new();
    for (kind, answered) in answered {
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
        dependencies.remove(BUS);
        let body =
            json!({ "status": "ok", "uptime_seconds": uptime, "dependencies": dependencies });
        return answer::json(StatusCode::OK, &body);
    }
    let body = json!({ "status": "degraded", "failures": failures, "dependencies": dependencies });
    answer::json(StatusCode::SERVICE_UNAVAILABLE, &body)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    use http_body_util::BodyExt as _;
    use serde_json::Value;
    use tokio::time::sleep;

    use super::*;

    /// A bus that is there, or not.
    fn bus(connected: &Arc<AtomicBool>) -> Probe {
        let connected = Arc::clone(connected);
        Probe::new(BUS, move || {
            let connected = connected.load(Ordering::Relaxed);
            async move { connected.then_some(()).ok_or_else(|| "not connected".to_owned()) }
        })
    }

    async fn ask(health: &Health) -> (u16, Value) {
        let answer = health.answer(7).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, serde_json::from_slice(&body).unwrap())
    }

    #[tokio::test(start_paused = true)]
    async fn each_destination_is_asked_and_one_that_hangs_fails() {
        let kafka = Probe::new("kafka", || async { Ok(()) });
        let connected = Arc::new(AtomicBool::new(true));
        let health = Health::new(bus(&connected), vec![kafka.clone()]);
        let (status, body) = ask(&health).await;
        let none = "not configured";
        let all = json!({ "kafka": "ok", "eventbridge": none, "postgres": none });
        assert_eq!(
            (status, body),
            (200, json!({ "status": "ok", "uptime_seconds": 7, "dependencies": all }))
        );
        let hangs = Probe::new("postgres", std::future::pending);
        health.replace(vec![kafka, hangs]);
        connected.store(false, Ordering::Relaxed);
        let (status, body) = ask(&health).await;
        assert_eq!(status, 503);
        assert_eq!(
            body["failures"],
            json!({ "bus": "not connected", "postgres": "no answer within 2 s" })
        );
        assert_eq!(body["dependencies"]["kafka"], "ok");
        assert!(body.get("uptime_seconds").is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn many_who_ask_at_once_cost_a_destination_one_question() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        // It can answer one at a time, and takes almost as long as it may.
        let slow = Arc::new(Mutex::new(()));
        let probe = Probe::new("postgres", move || {
            count.fetch_add(1, Ordering::Relaxed);
            let slow = Arc::clone(&slow);
            async move {
                let _turn = slow.lock().await;
                sleep(WITHIN * 9 / 10).await;
                Ok(())
            }
        });
        let connected = Arc::new(AtomicBool::new(true));
        let health = Health::new(bus(&connected), vec![probe]);
        let all = join_all((0..500).map(|_| ask(&health))).await;
        assert!(all.iter().all(|(status, _)| *status == 200));
        assert_eq!(asked.load(Ordering::Relaxed), 1);
        sleep(KEPT).await;
        assert_eq!(ask(&health).await.0, 200);
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        // Those who go away at once neither have it asked more often nor keep others waiting.
        sleep(KEPT).await;
        let impatient = join_all((0..500).map(|_| timeout(WITHIN / 2, ask(&health))));
        let began = Instant::now();
        let (impatient, patient) = tokio::join!(impatient, ask(&health));
        assert!(impatient.iter().all(Result::is_err));
        assert_eq!(patient.0, 200);
        assert!(began.elapsed() <= WITHIN, "{:?}", began.elapsed());
        assert_eq!(asked.load(Ordering::Relaxed), 3);
    }
}
