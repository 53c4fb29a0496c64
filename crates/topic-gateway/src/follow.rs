//! Takes over documents that have changed, while the gateway runs.
//!
//! They are looked at every two seconds, and at once when somebody asks for it. What cannot be used is refused with its
//! reason, in the log, in a metric and in the state of the service, and its last good version stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::DependencyHandle;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::time::sleep;

use crate::gateway::Gateway;
use crate::governance::{Governance, GovernanceError, Look};
use crate::metrics::{Document, GatewayMetrics};
use crate::rules::Rules;
use crate::topic::subject;

/// How often the documents are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Follows the documents of a gateway.
#[derive(Debug)]
pub struct Follower {
    gateway: Gateway,
    metrics: GatewayMetrics,
    health: DependencyHandle,
    /// Held while schemas are looked at, however long that takes; before `state`, which is held for a moment, or while
    /// the access document is read.
    schemas: Mutex<()>,
    /// A reload does not wait for the look under way: it has one of its own.
    reload: Notify,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    governance: Governance,
    /// Why documents that stand there now are not used, by their names.
    refused: BTreeMap<String, String>,
    /// Topics whose messages are refused for want of a route.
    unanswered: BTreeSet<String>,
}

/// A configuration whose documents are read and compiled. As long as it is there, nothing else is taken over: it cannot
/// bring back a document that has changed meanwhile.
pub struct Prepared<'a> {
    _schemas: MutexGuard<'a, ()>,
    state: MutexGuard<'a, State>,
    governance: Governance,
    rules: Rules,
    look: Look,
}

/// Documents of a configuration cannot be used, and have no good version to keep.
#[derive(Debug, thiserror::Error)]
#[error("{}", .problems.iter().map(|problem| Chain(problem).to_string()).collect::<Vec<_>>().join("; "))]
pub struct Unusable {
    /// At least one.
    pub problems: Vec<Arc<GovernanceError>>,
}

impl Follower {
    /// `governance` is what the rules of the gateway come from; `health` hears of documents that are refused.
    pub fn new(
        gateway: Gateway,
        governance: Governance,
        metrics: GatewayMetrics,
        health: DependencyHandle,
    ) -> Self {
        health.set_ok();
        let mut state = State { governance, refused: BTreeMap::new(), unanswered: BTreeSet::new() };
        state.name_unanswered(&gateway.0.active.load().rules);
        let state = Mutex::new(state);
        Self { gateway, metrics, health, schemas: Mutex::new(()), reload: Notify::new(), state }
    }

    /// Reads the documents of a configuration, and changes nothing. One that cannot be used keeps its last good version,
    /// and must have one.
    pub async fn prepare(&self, mut wanted: Governance) -> Result<Prepared<'_>, Unusable> {
        self.reload.notify_waiters();
        let schemas = self.schemas.lock().await;
        wanted.adopt_schemas(&self.state.lock().await.governance);
        let changed = wanted.look_at_schemas().await;
        // Access may have changed all the while.
        let state = self.state.lock().await;
        wanted.adopt_access(&state.governance);
        let mut look = wanted.look_at_access().await;
        look.changed.extend(changed);
        let problems = wanted.without_good_version(&state.governance, &look);
        match wanted.rules() {
            Some(rules) if problems.is_empty() => {
                Ok(Prepared { _schemas: schemas, state, governance: wanted, rules, look })
            }
            Some(_) | None => Err(Unusable { problems }),
        }
    }

    /// Takes over what was prepared, and follows its documents from now on. Gives why documents keep their last good
    /// version, if any does.
    pub fn take(&self, prepared: Prepared<'_>) -> Vec<String> {
        let Prepared { mut state, governance, rules, look, .. } = prepared;
        state.governance = governance;
        self.report(&mut state, &look);
        // The reader of a new configuration is told again.
        state.unanswered.clear();
        self.put(&mut state, rules, &look.changed);
        look.problems.values().map(|problem| Chain(problem).to_string()).collect()
    }

    /// Looks at the access document for ever. In a task of its own: compiling a large schema takes a while.
    pub async fn follow_access(&self) {
        loop {
            sleep(LOOK_EVERY).await;
            let mut state = self.state.lock().await;
            let look = state.governance.look_at_access().await;
            self.seen(&mut state, look);
        }
    }

    /// Looks at the schemas for ever.
    pub async fn follow_schemas(&self) {
        loop {
            sleep(LOOK_EVERY).await;
            // From here on, so that none is missed while this waits.
            let reload = self.reload.notified();
            let _schemas = self.schemas.lock().await;
            let mut looking = self.state.lock().await.governance.schemas();
            let changed = tokio::select! {
                changed = looking.look() => changed,
                () = reload => continue,
            };
            let mut state = self.state.lock().await;
            let look = state.governance.replace_schemas(looking, changed);
            self.seen(&mut state, look);
        }
    }

    fn seen(&self, state: &mut State, look: Look) {
        self.report(state, &look);
        if let Some(rules) = look.rules {
            self.put(state, rules, &look.changed);
        }
    }

    fn put(&self, state: &mut State, rules: Rules, changed: &[Document]) {
        state.name_unanswered(&rules);
        for document in changed {
            self.metrics.document_taken(*document);
        }
        self.gateway.replace_rules(rules);
        if !changed.is_empty() {
            tracing::info!("topics, schemas or access have changed");
        }
    }

    /// Says of each document once why it cannot be used, and when it can be again.
    fn report(&self, state: &mut State, look: &Look) {
        let State { governance, refused, .. } = state;
        let reasons = look.problems.iter();
        let reasons = reasons.map(|(what, why)| (what.clone(), Chain(why).to_string()));
        let reasons: BTreeMap<_, _> = reasons.collect();
        if reasons == *refused {
            return;
        }
        let mut kinds = Vec::new();
        for (document, reason) in &reasons {
            let kind = governance.document(document);
            kinds.push(kind);
            if refused.get(document) != Some(reason) {
                self.metrics.document_refused(kind);
                tracing::error!(
                    document,
                    error = reason,
                    "a document cannot be used; its last good version stays"
                );
            }
        }
        for document in refused.keys().filter(|document| !reasons.contains_key(*document)) {
            tracing::info!(document, "a document can be used again");
        }
        self.metrics.refused_now(&kinds);
        let all: Vec<_> = reasons.values().map(String::as_str).collect();
        match all.as_slice() {
            [] => self.health.set_ok(),
            all => {
                self.health.set_ok_but(format!("{}; the last good version stays", all.join("; ")))
            }
        }
        *refused = reasons;
    }
}

impl State {
    /// Says once of each topic that its messages are refused for want of a route.
    fn name_unanswered(&mut self, rules: &Rules) {
        let unanswered: BTreeSet<_> = rules.unanswered().map(str::to_owned).collect();
        for topic in unanswered.difference(&self.unanswered) {
            tracing::error!(
                topic,
                subject = subject(topic),
                "messages are refused: the topic is acknowledged as delivered, and no route of [outbound] with receipts = true carries its subject; add one, or write \"durable\""
            );
        }
        self.unanswered = unanswered;
    }
}
