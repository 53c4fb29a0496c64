//! Values of secrets from vaults, so that resolving one waits for nobody.
//!
//! A secret is read by one caller at a time and at most [`MAX_READS`] are at once. What was read stays until something
//! newer is read: a vault that is away takes no value away. Nothing here ever logs a value.

use std::collections::hash_map::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use event_bus_core::Chain;
use time::OffsetDateTime;
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::vault::{Fetched, Vault};
use super::{Secret, SecretError, SecretRef, VaultError};
use crate::clock::Clock;

/// How long one read may take.
const READ_WITHIN: Duration = Duration::from_secs(10);

/// Reads at once.
const MAX_READS: usize = 4;

/// A secret that has a value is not asked for more often than this, whoever asks.
const PAUSE: Duration = Duration::from_secs(30);

/// How long before its expiry a secret is read again.
const EXPIRY_LEAD: Duration = Duration::from_secs(60);

/// Secrets by reference.
pub(super) struct Cache {
    vault: Box<dyn Vault>,
    clock: Clock,
    refresh: Duration,
    slots: Mutex<HashMap<SecretRef, Arc<Slot>>>,
    reads: Semaphore,
    changes: watch::Sender<u64>,
}

#[derive(Default)]
struct Slot {
    reading: tokio::sync::Mutex<()>,
    entry: Mutex<Entry>,
}

/// What is known of a secret.
#[derive(Default)]
struct Entry {
    value: Option<Fetched>,
    read_at: Option<OffsetDateTime>,
    tried_at: Option<OffsetDateTime>,
    problem: Option<Arc<VaultError>>,
}

impl Cache {
    pub(super) fn new(vault: Box<dyn Vault>, clock: Clock, refresh: Duration) -> Self {
        Self {
            vault,
            clock,
            refresh,
            slots: Mutex::default(),
            reads: Semaphore::new(MAX_READS),
            changes: watch::Sender::new(0),
        }
    }

    /// Counts the values that were replaced by others.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The value that is at hand.
    pub(super) fn value(&self, reference: &SecretRef) -> Result<Secret, SecretError> {
        let slot = self.slots().get(reference).cloned();
        let reference = || Box::new(reference.clone());
        let Some(slot) = slot else {
            return Err(SecretError::NotFetched { reference: reference() });
        };
        let entry = slot.entry();
        match (&entry.value, &entry.problem) {
            (Some(fetched), _) => Ok(fetched.secret.clone()),
            (None, Some(problem)) => {
                Err(SecretError::Vault { reference: reference(), source: Arc::clone(problem) })
            }
            (None, None) => Err(SecretError::NotFetched { reference: reference() }),
        }
    }

    /// Reads it if there is no value or a stale one, trying for `within` while there is none.
    pub(super) async fn fetch(&self, reference: &SecretRef, within: Duration) {
        let slot = self.slot(reference);
        let once = async || {
            self.read_if(reference, &slot, |entry, now| {
                entry.value.is_none() || now >= self.due_at(entry)
            })
            .await;
            let entry = slot.entry();
            match (&entry.value, &entry.problem) {
                (None, Some(problem)) if problem.is_transient() => Err(()),
                (Some(_), _) | (None, _) => Ok(()),
            }
        };
        let pauses = ExponentialBuilder::default()
            .with_min_delay(Duration::from_millis(200))
            .with_max_delay(Duration::from_secs(5))
            .without_max_times()
            .with_jitter();
        if timeout(within, once.retry(pauses)).await.is_err() {
            // A read that was cut off left no word of its own.
            let unanswered = || Arc::new(no_answer(within));
            slot.entry().problem.get_or_insert_with(unanswered);
        }
    }

    /// Reads it once unless that was tried just now. Says whether its value is another one afterwards.
    pub(super) async fn refresh(&self, reference: &SecretRef) -> bool {
        let slot = self.slot(reference);
        self.read_if(reference, &slot, |entry, now| {
            entry.tried_at.is_none_or(|tried| now >= tried + PAUSE)
        })
        .await
    }

    /// Reads it once if it is due.
    pub(super) async fn renew(&self, reference: &SecretRef) {
        let slot = self.slot(reference);
        self.read_if(reference, &slot, |entry, now| now >= self.due_at(entry)).await;
    }

    /// What is due at this time.
    pub(super) fn due(&self) -> Vec<SecretRef> {
        let now = self.clock.now();
        let slots = self.slots();
        let due = slots.iter().filter(|(_, slot)| now >= self.due_at(&slot.entry()));
        due.map(|(reference, _)| reference.clone()).collect()
    }

    /// How long nothing is due.
    pub(super) fn until_due(&self) -> Option<Duration> {
        let next = self.slots().values().map(|slot| self.due_at(&slot.entry())).min()?;
        Some((next - self.clock.now()).try_into().unwrap_or_default())
    }

    /// Forgets all others.
    pub(super) fn retain(&self, wanted: impl Fn(&SecretRef) -> bool) {
        self.slots().retain(|reference, _| wanted(reference));
    }

    /// When it is to be read again. A failed read is repeated after a pause, and so is one of a secret that stays
    /// expired.
    fn due_at(&self, entry: &Entry) -> OffsetDateTime {
        let not_before = entry.tried_at.map(|tried| tried + PAUSE.min(self.refresh));
        let not_before = not_before.unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let (Some(fetched), Some(read_at)) = (&entry.value, entry.read_at) else {
            return not_before;
        };
        let stale = read_at + self.refresh;
        let due = fetched.expires.map_or(stale, |expires| stale.min(expires - EXPIRY_LEAD));
        due.max(not_before)
    }

    async fn read_if(
        &self,
        reference: &SecretRef,
        slot: &Slot,
        wanted: impl Fn(&Entry, OffsetDateTime) -> bool,
    ) -> bool {
        let _reading = slot.reading.lock().await;
        if !wanted(&slot.entry(), self.clock.now()) {
            return false;
        }
        let Ok(_permit) = self.reads.acquire().await else { return false };
        let read = timeout(READ_WITHIN, self.vault.read(reference)).await;
        let read = read.unwrap_or_else(|_| Err(no_answer(READ_WITHIN)));
        let changed = slot.entry().take(read, self.clock.now(), reference);
        if changed {
            self.changes.send_modify(|count| *count += 1);
            tracing::info!(secret = %reference, "the secret has a new value");
        }
        changed
    }

    fn slot(&self, reference: &SecretRef) -> Arc<Slot> {
        Arc::clone(self.slots().entry(reference.clone()).or_default())
    }

    fn slots(&self) -> MutexGuard<'_, HashMap<SecretRef, Arc<Slot>>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache").field("vault", &self.vault).finish_non_exhaustive()
    }
}

impl Slot {
    fn entry(&self) -> MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Takes over what was read. Says whether it replaced another value.
    fn take(
        &mut self,
        read: Result<Fetched, VaultError>,
        now: OffsetDateTime,
        reference: &SecretRef,
    ) -> bool {
        self.tried_at = Some(now);
        match read {
            Ok(fetched) => {
                self.read_at = Some(now);
                self.problem = None;
                let old = self.value.replace(fetched);
                old.is_some_and(|old| Some(&old.secret) != self.secret())
            }
            Err(problem) => {
                if self.value.is_some() {
                    let error = Chain(&problem);
                    tracing::warn!(secret = %reference, %error, "the secret cannot be read again; its old value stays");
                }
                self.problem = Some(Arc::new(problem));
                false
            }
        }
    }

    fn secret(&self) -> Option<&Secret> {
        self.value.as_ref().map(|fetched| &fetched.secret)
    }
}

fn no_answer(within: Duration) -> VaultError {
    VaultError::Unavailable(format!("no answer within {} s", within.as_secs()))
}
