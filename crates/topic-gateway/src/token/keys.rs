//! The keys that sign tokens, kept up to date.
//!
//! Keys are fetched at the start, again when they are old, and when a token comes that none of them has signed: then its
//! key may be new. Verifying waits in that last case only, until a fetch that began after the token came has ended. So a
//! token whose key is published is not refused, unless the key server does not answer or more than 256 such tokens wait;
//! and the key server is asked at most once in two seconds in the long run, however many tokens are made up.
//!
//! Every fetch replaces all keys: one that the key server withdraws is dead from the next fetch on. A failed fetch changes
//! nothing: the keys there are go on.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use event_bus_core::Chain;
use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use jsonwebtoken::DecodingKey;
use moka::sync::Cache;
use ring::digest::{SHA256, SHA256_OUTPUT_LEN};
use tokio::sync::{Mutex as AsyncMutex, Semaphore};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};
use tokio_util::sync::CancellationToken;

use super::claims::Claims;
use super::document::PublicKey;
use super::fetch::{FetchError, Fetcher, KeySource, Trust};

/// How long to wait after a failed fetch, unless keys are refreshed more often anyhow.
const TRY_AGAIN: Duration = Duration::from_secs(30);

/// Most tokens whose claims are remembered.
const MOST_VERIFIED: u64 = 10_000;

/// Most tokens that wait for newer keys at a time; more are refused at once.
const MOST_WAITING: usize = 256;

/// How keys are fetched.
#[derive(Debug, Clone)]
pub struct KeysOptions {
    /// Where from.
    pub source: KeySource,
    /// Whom to trust there.
    pub trust: Trust,
    /// Time for one fetch. Default 5 s.
    pub timeout: Duration,
    /// Age of the keys at which they are fetched anew. Default 28 min.
    pub refresh: Duration,
    /// How often tokens signed by no known key may cause a fetch, in the long run; they wait for it. Default once in 2 s.
    pub unknown_key_interval: Duration,
    /// How many such fetches may follow one another at once. Default 5.
    pub unknown_key_burst: NonZeroU32,
    /// Age beyond which keys no longer verify anything. Default: none.
    pub oldest: Option<Duration>,
}

/// Keys could not be had at the start.
#[derive(Debug, thiserror::Error)]
#[error("Token public key initialization failed: {origin}")]
pub struct KeysError {
    /// The setting that says where keys come from, and the host that it names.
    origin: String,
    #[source]
    source: FetchError,
}

/// How it stands with the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeysStatus {
    /// How many there are.
    pub keys: usize,
    /// Time since they were fetched.
    pub age: Duration,
    /// Whether the last fetch failed.
    pub failing: bool,
    /// Fetches so far, the failed ones too.
    pub fetches: u64,
    /// Those of them that gave keys.
    pub succeeded: u64,
    /// Those of them that did not.
    pub failures: u64,
}

/// The keys that sign tokens.
#[derive(Debug)]
pub struct Keys {
    options: KeysOptions,
    fetcher: Fetcher,
    current: ArcSwap<KeySet>,
    /// Whoever fetches holds it, so that one fetch runs at a time.
    fetching: AsyncMutex<()>,
    past: Mutex<Past>,
    unknown_keys: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    clock: DefaultClock,
    waiting: Semaphore,
}

/// Keys that were fetched together.
#[derive(Debug)]
pub(super) struct KeySet {
    keys: Vec<(PublicKey, DecodingKey)>,
    begun: Instant,
    fetched: Instant,
    /// Claims of tokens that these keys have signed, by the digest of the token. They go when a key does.
    verified: Cache<Digest, Arc<Claims>>,
}

/// SHA-256 of a token, so that none is kept.
type Digest = [u8; SHA256_OUTPUT_LEN];

/// What is remembered of fetches.
#[derive(Debug)]
struct Past {
    /// When the last fetch that came to an end began.
    begun: Instant,
    /// When it ended.
    ended: Instant,
    failed: bool,
    fetches: u64,
    succeeded: u64,
    failures: u64,
}

impl KeysOptions {
    /// The defaults, for keys from `source`.
    pub fn new(source: KeySource) -> Self {
        Self {
            source,
            trust: Trust::System,
            timeout: Duration::from_secs(5),
            refresh: Duration::from_secs(28 * 60),
            unknown_key_interval: Duration::from_secs(2),
            unknown_key_burst: const { NonZeroU32::new(5).expect("it is five") },
            oldest: None,
        }
    }
}

impl Keys {
    /// Fetches the keys for the first time.
    pub async fn fetch(options: KeysOptions) -> Result<Arc<Self>, KeysError> {
        let source = options.source.clone();
        let origin = source.origin();
        let failed = |source| KeysError { origin: origin.clone(), source };
        let fetcher = Fetcher::new(source, &options.trust, options.timeout).map_err(failed)?;
        let begun = Instant::now();
        let keys = fetcher.fetch().await.map_err(failed)?;
        let ended = Instant::now();
        tracing::info!(keys = keys.len(), "public keys of tokens loaded");
        // The type asks for more than no time.
        let interval = options.unknown_key_interval.max(Duration::from_millis(1));
        let quota =
            Quota::with_period(interval).map(|quota| quota.allow_burst(options.unknown_key_burst));
        let quota = quota.unwrap_or(Quota::per_second(options.unknown_key_burst));
        Ok(Arc::new(Self {
            options,
            fetcher,
            current: ArcSwap::from_pointee(KeySet::new(keys, begun, ended)),
            fetching: AsyncMutex::default(),
            past: Mutex::new(Past {
                begun,
                ended,
                failed: false,
                fetches: 1,
                succeeded: 1,
                failures: 0,
            }),
            unknown_keys: RateLimiter::direct(quota),
            clock: DefaultClock::default(),
            waiting: Semaphore::new(MOST_WAITING),
        }))
    }

    /// Keeps the keys up to date until `shutdown`.
    pub async fn run(self: Arc<Self>, shutdown: CancellationToken) {
        let refresh = async {
            loop {
                sleep_until(self.due()).await;
                let _turn = self.fetching.lock().await;
                // Somebody may have fetched them meanwhile.
                if Instant::now() >= self.due() {
                    // What failed has been logged, and is tried again.
                    self.load().await.ok();
                }
            }
        };
        tokio::select! {
            () = shutdown.cancelled() => {}
            () = refresh => {}
        }
    }

    /// Fetches the keys now, whatever their age.
    pub async fn reload(&self) -> Result<KeysStatus, FetchError> {
        let _turn = self.fetching.lock().await;
        self.load().await?;
        Ok(self.status())
    }

    /// How it stands with them.
    pub fn status(&self) -> KeysStatus {
        let current = self.current.load();
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        KeysStatus {
            keys: current.keys.len(),
            age: current.fetched.elapsed(),
            failing: past.failed,
            fetches: past.fetches,
            succeeded: past.succeeded,
            failures: past.failures,
        }
    }

    pub(super) fn issuer(&self) -> Option<&str> {
        self.fetcher.issuer()
    }

    pub(super) fn current(&self) -> Arc<KeySet> {
        self.current.load_full()
    }

    /// Whether keys may still verify.
    pub(super) fn are_fresh(&self, keys: &KeySet) -> bool {
        self.options.oldest.is_none_or(|oldest| keys.fetched.elapsed() <= oldest)
    }

    /// Keys fetched since `seen`, if there are or can be any: by a fetch that others have begun, or by one of its own.
    pub(super) async fn newer_than(&self, seen: &Arc<KeySet>) -> Option<Arc<KeySet>> {
        let _place = self.waiting.try_acquire().ok()?;
        let came = Instant::now();
        // The fetch under way, its turn, and its own.
        let patience = 2 * self.options.timeout + self.options.unknown_key_interval;
        timeout_at(came + patience, self.wait_for_newer(seen, came)).await.ok()?
    }

    async fn wait_for_newer(&self, seen: &Arc<KeySet>, came: Instant) -> Option<Arc<KeySet>> {
        loop {
            let turn = self.fetching.lock().await;
            let current = self.current();
            if current.begun > seen.begun {
                return Some(current);
            }
            if self.past.lock().unwrap_or_else(PoisonError::into_inner).begun >= came {
                return None;
            }
            match self.unknown_keys.check() {
                Ok(()) => {
                    tracing::debug!("a token is signed by no known key, fetching keys");
                    return self.load().await.ok();
                }
                Err(not_until) => {
                    let wait = not_until.wait_time_from(self.clock.now());
                    drop(turn);
                    sleep(wait).await;
                }
            }
        }
    }

    /// When keys should be fetched next.
    fn due(&self) -> Instant {
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        match past.failed {
            true => past.ended + TRY_AGAIN.min(self.options.refresh),
            false => past.ended + self.options.refresh,
        }
    }

    /// Fetches; for whoever holds `fetching`.
    async fn load(&self) -> Result<Arc<KeySet>, FetchError> {
        let begun = Instant::now();
        // Counted first: whoever waits for it may go away, and the fetch with it.
        self.remember(|past| past.fetches += 1);
        let fetched = self.fetcher.fetch().await;
        let ended = Instant::now();
        self.remember(|past| {
            past.begun = begun;
            past.ended = ended;
            past.failed = fetched.is_err();
            if past.failed {
                past.failures += 1
            } else {
                past.succeeded += 1
            };
        });
        let before = self.current();
        match fetched {
            Ok(keys) => {
                let mut new = KeySet::new(keys, begun, ended);
                if new.differs(&before) {
                    tracing::info!(keys = new.keys.len(), "public keys of tokens have changed");
                } else {
                    new.verified = before.verified.clone();
                }
                let new = Arc::new(new);
                self.current.store(Arc::clone(&new));
                Ok(new)
            }
            Err(error) => {
                let (age, cause) = (before.fetched.elapsed(), Chain(&error));
                let origin = self.options.source.origin();
                tracing::warn!(error = %cause, %origin, ?age, "public keys of tokens not refreshed, using those there are");
                Err(error)
            }
        }
    }

    fn remember(&self, change: impl FnOnce(&mut Past)) {
        change(&mut self.past.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

impl KeySet {
    fn new(keys: Vec<PublicKey>, begun: Instant, fetched: Instant) -> Self {
        let keys = keys.into_iter().map(|key| {
            let decoding = key.decoding_key();
            (key, decoding)
        });
        Self { keys: keys.collect(), begun, fetched, verified: Cache::new(MOST_VERIFIED) }
    }

    /// The claims of a token that these keys were seen to have signed.
    pub(super) fn verified(&self, token: &str) -> Option<Arc<Claims>> {
        self.verified.get(&digest(token))
    }

    /// Remembers a token that these keys have signed.
    pub(super) fn remember(&self, token: &str, claims: Arc<Claims>) {
        self.verified.insert(digest(token), claims);
    }

    /// All of them, those first that are named `id`.
    pub(super) fn candidates(&self, id: Option<&str>) -> impl Iterator<Item = &DecodingKey> {
        let named =
            move |(key, _): &&(PublicKey, DecodingKey)| id.is_some() && key.id.as_deref() == id;
        let first = self.keys.iter().filter(named);
        let others = self.keys.iter().filter(move |key| !named(key));
        first.chain(others).map(|(_, decoding)| decoding)
    }

    fn differs(&self, other: &Self) -> bool {
        let keys = |set: &Self| set.keys.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>();
        keys(self) != keys(other)
    }
}

fn digest(token: &str) -> Digest {
    let mut digest = [0; SHA256_OUTPUT_LEN];
    digest.copy_from_slice(ring::digest::digest(&SHA256, token.as_bytes()).as_ref());
    digest
}
