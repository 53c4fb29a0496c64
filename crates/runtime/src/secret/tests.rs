//! Secrets of the environment, of files and of a vault made for the test.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use time::OffsetDateTime;

use super::vault::Fetched;
use super::*;
use crate::clock::ManualClock;

/// A vault in this process: what it answers is a script by name of the secret, and every read is counted.
#[derive(Clone, Debug, Default)]
struct FakeVault(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    secrets: BTreeMap<String, (String, Option<OffsetDateTime>)>,
    /// How many reads fail before the next one succeeds.
    away: usize,
    reads: usize,
    at_once: usize,
    most_at_once: usize,
}

impl FakeVault {
    fn put(&self, name: &str, value: &str) {
        self.put_until(name, value, None);
    }

    fn put_until(&self, name: &str, value: &str, expires: Option<OffsetDateTime>) {
        self.contents(|contents| {
            contents.secrets.insert(name.to_owned(), (value.to_owned(), expires))
        });
    }

    fn away(&self, reads: usize) {
        self.contents(|contents| contents.away = reads);
    }

    fn reads(&self) -> usize {
        self.contents(|contents| contents.reads)
    }

    fn contents<T>(&self, act: impl FnOnce(&mut Contents) -> T) -> T {
        act(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[async_trait]
impl Vault for FakeVault {
    async fn read(&self, reference: &SecretRef) -> Result<Fetched, VaultError> {
        self.contents(|contents| {
            contents.reads += 1;
            contents.at_once += 1;
            contents.most_at_once = contents.most_at_once.max(contents.at_once);
        });
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        let SecretRef::AwsSecretsManager(secret) = reference else { panic!("{reference}") };
        self.contents(|contents| {
            contents.at_once -= 1;
            if contents.away > 0 {
                contents.away -= 1;
                return Err(VaultError::Unavailable("it is away".to_owned()));
            }
            match contents.secrets.get(&secret.id) {
                Some((value, expires)) => Fetched::new(value.clone().into_bytes(), *expires),
                None => Err(VaultError::Refused("there is no such secret".to_owned())),
            }
        })
    }
}

fn in_vault(name: &str) -> SecretRef {
    SecretRef::AwsSecretsManager(AwsSecret::parse(name).unwrap())
}

/// A resolver in front of a fake vault, and the hand of its clock.
fn before(vault: &FakeVault) -> (SecretResolver, ManualClock) {
    let (clock, hand) = Clock::manual();
    hand.advance(Duration::from_secs(1_000_000));
    let config = SecretsConfig { allow_env: false, ..SecretsConfig::default() };
    (SecretResolver::with(EnvMap::default(), &config, Box::new(vault.clone()), clock), hand)
}

fn value(resolver: &SecretResolver, reference: &SecretRef) -> String {
    resolver.resolve(reference).unwrap().expose_str().unwrap().to_owned()
}

fn resolver(allow_env: bool) -> SecretResolver {
    let env = EnvMap::from([("FULL", "s3cret\n"), ("EMPTY", ""), ("BLANK", " \t\n")]);
    SecretResolver::new(env, &SecretsConfig { allow_env, ..SecretsConfig::default() })
}

#[test]
fn a_file_loses_exactly_one_line_break_at_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    for (content, expected) in [
        ("s3cret", Some("s3cret")),
        ("s3cret\n", Some("s3cret")),
        ("s3cret\r\n", Some("s3cret")),
        ("s3cret\n\n", Some("s3cret\n")),
        (" s3 cret ", Some(" s3 cret ")),
        ("s3cret\r", Some("s3cret\r")),
        ("", None),
        ("\n", None),
        (" \r\n", None),
    ] {
        std::fs::write(&path, content).unwrap();
        let resolved = resolver(false).resolve(&SecretRef::File(path.clone()));
        match (resolved, expected) {
            (Ok(secret), Some(expected)) => assert_eq!(secret.expose(), expected.as_bytes()),
            (Err(SecretError::EmptyFile { .. }), None) => {}
            (resolved, _) => panic!("{content:?} gives {resolved:?}"),
        }
    }
}

#[test]
fn an_error_names_the_place_and_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let large = folder.path().join("large");
    std::fs::write(&large, vec![b'x'; 64 * 1024 + 1]).unwrap();
    for (reference, allow_env, expected) in [
        (SecretRef::Env("GONE".into()), true, "environment variable GONE is not set; set it"),
        (SecretRef::Env("EMPTY".into()), true, "environment variable EMPTY is empty"),
        (SecretRef::Env("BLANK".into()), true, "environment variable BLANK is empty"),
        (SecretRef::Env("FULL".into()), false, "environment variable FULL may not hold"),
        (SecretRef::File("/gone".into()), true, "file /gone does not exist; create it"),
        (SecretRef::File("/".into()), true, "file / cannot be read"),
        (SecretRef::File(large), true, "file "),
    ] {
        let error = resolver(allow_env).resolve(&reference).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert_eq!(resolver(true).resolve(&SecretRef::Env("FULL".into())).unwrap().0, b"s3cret\n");
}

#[test]
fn a_secret_does_not_print_itself() {
    let secret = Secret::new("hunter2");
    assert_eq!(format!("{secret:?} {:?}", Some(&secret)), "*** Some(***)");
    assert!(!format!("{:?}", resolver(true)).contains("s3cret"));
}

#[tokio::test]
async fn a_secret_of_a_vault_is_fetched_once_and_kept_while_it_is_fresh() {
    let vault = FakeVault::default();
    vault.put("a", "first");
    let (resolver, hand) = before(&vault);
    let a = in_vault("a");
    let error = resolver.resolve(&a).unwrap_err();
    assert!(matches!(error, SecretError::NotFetched { .. }), "{error}");
    assert_eq!(error.in_vault(), Some(&a));
    resolver.fetch([&a, &a]).await.unwrap();
    resolver.clone().fetch([&a]).await.unwrap();
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("first", 1));
    vault.put("a", "second");
    hand.advance(Duration::from_secs(10 * 60));
    resolver.fetch([&a]).await.unwrap();
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("second", 2));
}

#[tokio::test]
async fn a_vault_that_is_away_is_tried_again_and_one_that_refuses_is_not() {
    let vault = FakeVault::default();
    vault.put("a", "first");
    vault.away(2);
    let (resolver, _) = before(&vault);
    resolver.fetch([&in_vault("a")]).await.unwrap();
    assert_eq!(vault.reads(), 3);
    let error = resolver.fetch([&in_vault("gone")]).await.unwrap_err();
    assert_eq!(vault.reads(), 4);
    assert_eq!(
        event_bus_core::Chain(&error).to_string(),
        "AWS Secrets Manager secret gone cannot be read: the vault refuses: there is no such secret"
    );
    vault.away(usize::MAX);
    let b = in_vault("b");
    let error = resolver.fetch_within([&b], Duration::from_millis(10)).await.unwrap_err();
    assert!(matches!(error, SecretError::Vault { .. }), "{error}");
    assert!(resolver.resolve(&b).is_err());
}

#[tokio::test]
async fn a_refresh_sees_a_new_value_and_asks_at_most_every_half_minute() {
    let vault = FakeVault::default();
    vault.put("a", "first");
    let (resolver, hand) = before(&vault);
    let changes = resolver.changes();
    let a = in_vault("a");
    resolver.fetch([&a]).await.unwrap();
    vault.put("a", "second");
    assert!(!resolver.refresh([&a]).await);
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("first", 1));
    hand.advance(Duration::from_secs(30));
    assert!(resolver.refresh([&a, &SecretRef::Env("B".to_owned())]).await);
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("second", 2));
    hand.advance(Duration::from_secs(30));
    assert!(!resolver.refresh([&a]).await);
    assert_eq!((vault.reads(), *changes.borrow()), (3, 1));
}

#[tokio::test]
async fn a_failed_renewal_keeps_the_old_value() {
    let vault = FakeVault::default();
    vault.put("a", "first");
    let (resolver, hand) = before(&vault);
    let a = in_vault("a");
    resolver.fetch([&a]).await.unwrap();
    vault.away(1);
    hand.advance(Duration::from_secs(10 * 60));
    resolver.renew().await;
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("first", 2));
    resolver.renew().await;
    assert_eq!(vault.reads(), 2, "a failed read is repeated after a pause only");
    resolver.fetch([&a]).await.unwrap();
    vault.put("a", "second");
    hand.advance(Duration::from_secs(30));
    resolver.renew().await;
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("second", 3));
}

#[tokio::test]
async fn a_secret_is_read_again_before_it_expires() {
    let vault = FakeVault::default();
    let (resolver, hand) = before(&vault);
    let now = OffsetDateTime::UNIX_EPOCH + Duration::from_secs(1_000_000);
    vault.put_until("a", "first", Some(now + Duration::from_secs(300)));
    let a = in_vault("a");
    resolver.fetch([&a]).await.unwrap();
    vault.put("a", "second");
    hand.advance(Duration::from_secs(239));
    resolver.renew().await;
    assert_eq!(vault.reads(), 1);
    hand.advance(Duration::from_secs(1));
    resolver.renew().await;
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("second", 2));
}

#[tokio::test]
async fn many_secrets_are_read_a_few_at_a_time_and_each_once() {
    let vault = FakeVault::default();
    let references: Vec<_> = (0..20).map(|number| in_vault(&format!("s{number}"))).collect();
    for number in 0..20 {
        vault.put(&format!("s{number}"), "value");
    }
    let (resolver, _) = before(&vault);
    let fetch = || resolver.fetch(&references);
    let (first, second, third) = tokio::join!(fetch(), fetch(), fetch());
    first.and(second).and(third).unwrap();
    assert_eq!(vault.contents(|contents| (contents.reads, contents.most_at_once)), (20, 4));
}

#[tokio::test]
async fn secrets_are_kept_fresh_until_shutdown_and_forgotten_when_no_longer_wanted() {
    let vault = FakeVault::default();
    vault.put("a", "first");
    vault.put("b", "other");
    let (resolver, hand) = before(&vault);
    let (a, b) = (in_vault("a"), in_vault("b"));
    resolver.fetch([&a, &b]).await.unwrap();
    resolver.retain([&a]);
    assert!(resolver.resolve(&b).is_err());
    vault.put("a", "second");
    let mut changes = resolver.changes();
    hand.advance(Duration::from_secs(10 * 60));
    let shutdown = CancellationToken::new();
    let keeping = resolver.clone().keep_fresh(shutdown.clone());
    let watching = async {
        changes.changed().await.unwrap();
        shutdown.cancel();
    };
    let both = async { tokio::join!(keeping, watching) };
    tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert_eq!((value(&resolver, &a).as_str(), vault.reads()), ("second", 3));
}

#[tokio::test]
async fn neither_an_empty_secret_nor_a_huge_one_is_taken_and_none_is_printed() {
    let vault = FakeVault::default();
    vault.put("empty", " \n");
    vault.put("huge", &"x".repeat(64 * 1024 + 1));
    vault.put("a", "hunter22");
    let (resolver, _) = before(&vault);
    for name in ["empty", "huge"] {
        let error = resolver.fetch([&in_vault(name)]).await.unwrap_err();
        let SecretError::Vault { source, .. } = &error else { panic!("{error}") };
        assert!(matches!(**source, VaultError::Unusable(_)), "{source}");
    }
    resolver.fetch([&in_vault("a")]).await.unwrap();
    assert!(!format!("{:?}", resolver.resolve(&in_vault("a"))).contains("hunter22"));
}
