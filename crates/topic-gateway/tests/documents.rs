//! Documents in folders and in buckets: what changes takes effect, and what cannot be used changes nothing else.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::fs;
use std::path::Path;

use event_bus_runtime::aws::AwsConfig;
use event_bus_runtime::config::Problem;
use event_bus_runtime::{Bus, EnvMap, SecretResolver, SecretsConfig};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::{CaptureSink, NatsServer, Reply, Script, TcpProxy};
use topic_gateway::json::{Limits, parse};
use topic_gateway::{Config, Governance, Location, Look, Reader, Rules};

/// A place that keeps documents.
enum Store {
    Folder(TempDir),
    Bucket(Box<NatsServer>, Box<async_nats::jetstream::kv::Store>),
}

impl Store {
    fn folder() -> Self {
        Self::Folder(tempfile::tempdir().unwrap())
    }

    async fn bucket() -> Self {
        let server = NatsServer::start().await;
        let settings =
            async_nats::jetstream::kv::Config { bucket: "TOPICS".to_owned(), ..Default::default() };
        let bucket = server.jetstream().await.create_key_value(settings).await.unwrap();
        Self::Bucket(Box::new(server), Box::new(bucket))
    }

    async fn put(&self, name: &str, text: &str) {
        match self {
            Self::Folder(folder) => write(folder.path(), name, text),
            Self::Bucket(_, bucket) => {
                bucket.put(name, text.to_owned().into()).await.unwrap();
            }
        }
    }

    async fn delete(&self, name: &str) {
        match self {
            Self::Folder(folder) => fs::remove_file(folder.path().join(name)).unwrap(),
            Self::Bucket(_, bucket) => bucket.delete(name).await.unwrap(),
        }
    }

    fn location(&self, name: &str) -> String {
        match self {
            Self::Folder(folder) => folder.path().join(name).display().to_string(),
            Self::Bucket(..) => format!("kv://TOPICS/{name}"),
        }
    }

    /// Access and a registry of schemas, all of them kept here.
    async fn governance(&self) -> Governance {
        self.put("access.json", r#"{"shop.a": ["me"]}"#).await;
        self.put("schemas/a.json", r#"{"type": "object"}"#).await;
        let config = json!({
            "access": self.location("access.json"),
            "tokens": { "keys_url": "http://localhost/keys" },
            "registry": { "location": self.location("schemas/"), "prefix": "shop.", "key": "k" },
        });
        let bus = match self {
            Self::Folder(_) => None,
            Self::Bucket(server, _) => Some(connect(&server.url()).await),
        };
        governance(config, Reader::new(AwsConfig::default(), bus))
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

async fn connect(url: &str) -> Bus {
    let config = event_bus_runtime::bus::BusConfig::for_url(url).unwrap();
    let secrets = SecretResolver::new(EnvMap::default(), &SecretsConfig::default());
    let bus = Bus::connect(&config, &secrets, "test").await.unwrap();
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    assert!(bus.wait_connected(deadline).await);
    bus
}

fn governance(config: Value, reader: Reader) -> Governance {
    let config: Config = serde_json::from_value(config).unwrap();
    assert!(config.validate().is_empty(), "{:?}", config.validate());
    Governance::new(&config, reader, Box::new(|_| Vec::new())).unwrap()
}

fn rules(look: Look) -> Rules {
    assert!(look.problems.is_empty(), "{:?}", look.problems);
    look.rules.expect("something has changed")
}

fn names(rules: &Rules) -> Vec<&str> {
    rules.names().collect()
}

fn may(rules: &Rules, subject: &str, topic: &str) -> bool {
    let message = parse(b"{}", Limits::default()).unwrap();
    rules.decide(Some(subject), topic, &message).is_ok()
}

fn fits(rules: &Rules, topic: &str, message: &str) -> bool {
    let message = parse(message.as_bytes(), Limits::default()).unwrap();
    rules.topic(topic).unwrap().schema.check(&message).is_ok()
}

#[tokio::test]
async fn documents_take_effect_wherever_they_are_kept() {
    for store in [Store::folder(), Store::bucket().await] {
        let mut governance = store.governance().await;
        let first = rules(governance.look().await);
        assert_eq!(names(&first), ["shop.a"]);
        assert_eq!(first.topic("shop.a").unwrap().topic.key_field.as_deref(), Some("k"));
        assert!(may(&first, "me", "shop.a") && !may(&first, "you", "shop.a"));
        assert!(governance.look().await.rules.is_none(), "nothing has changed");

        store.put("access.json", r#"{"shop.a": ["you"], "shop.b": ["me"]}"#).await;
        store.put("schemas/B.json", r#"{"type": "array"}"#).await;
        let second = rules(governance.look().await);
        assert_eq!(names(&second).len(), 2);
        assert!(may(&second, "you", "shop.a") && !may(&second, "me", "shop.a"));
        assert!(fits(&second, "shop.b", "[]") && !fits(&second, "shop.b", "{}"));

        store.delete("schemas/a.json").await;
        assert_eq!(names(&rules(governance.look().await)), ["shop.b"]);

        // A topic whose subject is that of another is none.
        store.put("schemas/c_d.json", "{}").await;
        store.put("schemas/c=d.json", "{}").await;
        let look = governance.look().await;
        assert_eq!(names(&look.rules.unwrap()), ["shop.b", "shop.c=d"]);
        let error = look.problems.values().next().unwrap().to_string();
        let said = "its subject is that of shop.c=d";
        assert!(
            error.contains("topic shop.c_d cannot be used") && error.ends_with(said),
            "{error}"
        );
    }
}

#[tokio::test]
async fn what_cannot_be_used_leaves_its_last_good_version_and_hinders_no_other() {
    for store in [Store::folder(), Store::bucket().await] {
        let mut governance = store.governance().await;
        rules(governance.look().await);

        // A broken schema, and a withdrawal of access at the same time.
        store.put("schemas/a.json", r#"{"type": "strong"}"#).await;
        store.put("access.json", r#"{"shop.a": ["you"]}"#).await;
        let look = governance.look().await;
        let after = look.rules.expect("access has changed");
        assert!(!may(&after, "me", "shop.a"), "access is withdrawn");
        assert!(fits(&after, "shop.a", "{}") && !fits(&after, "shop.a", "[]"), "the old schema");
        let (place, error) = look.problems.iter().next().unwrap();
        assert_eq!(*place, store.location("schemas/a.json"));
        assert!(error.to_string().contains("the schema of topic shop.a cannot be used"), "{error}");

        // Still broken: said again, and nothing changes.
        let look = governance.look().await;
        assert!(look.rules.is_none() && look.problems.len() == 1);

        // Mended, and then the access document is gone.
        store.put("schemas/a.json", r#"{"type": "string"}"#).await;
        store.delete("access.json").await;
        let look = governance.look().await;
        let mended = look.rules.expect("the schema has changed");
        assert!(fits(&mended, "shop.a", "\"x\"") && may(&mended, "you", "shop.a"));
        let said: Vec<_> =
            look.problems.values().map(|error| event_bus_core::Chain(error).to_string()).collect();
        let expected =
            format!("{} cannot be read: there is no such document", store.location("access.json"));
        assert_eq!(said, [expected]);
    }
}

#[tokio::test]
async fn references_are_fetched_from_allowed_hosts_alone() {
    let folder = tempfile::tempdir().unwrap();
    let host = CaptureSink::scripted(Script::per_request(|request| match request.path.as_str() {
        "/who.json" => Reply::status(200).body(r#"{"$ref": "name.json"}"#),
        "/name.json" => Reply::status(200).body(r#"{"type": "string"}"#),
        _ => Reply::status(404),
    }))
    .await;
    let origin = format!("http://{}", host.address());
    let schema =
        |name: &str| format!(r#"{{"properties": {{"who": {{"$ref": "{origin}/{name}"}}}}}}"#);
    write(folder.path(), "access.json", r#"{"t": ["me"]}"#);
    write(folder.path(), "t.json", &schema("who.json"));
    let config = |hosts: &[&str]| {
        json!({
            "access": folder.path().join("access.json"),
            "tokens": { "keys_url": "http://localhost/keys" },
            "reference_hosts": hosts,
            "topic": [{ "name": "t", "schema": folder.path().join("t.json") }],
        })
    };
    let reader = || Reader::new(AwsConfig::default(), None);
    let reason = |look: &Look| {
        let error = look.problems.values().next().expect("a problem");
        event_bus_core::Chain(error).to_string()
    };

    let none = governance(config(&[]), reader()).look().await;
    assert!(reason(&none).contains("a host from which none may be fetched"), "{}", reason(&none));
    let other = governance(config(&["schemas.example.com"]), reader()).look().await;
    assert!(reason(&other).contains("a host from which none may be fetched"), "{}", reason(&other));
    assert!(host.requests().is_empty(), "nothing was asked");

    let mut allowed = governance(config(&[&origin]), reader());
    let fetched = rules(allowed.look().await);
    assert!(fits(&fetched, "t", r#"{"who": "me"}"#) && !fits(&fetched, "t", r#"{"who": 1}"#));
    let asked = host.requests().len();
    assert!(allowed.look().await.rules.is_none());
    assert_eq!(host.requests().len(), asked, "what is known is not fetched again");

    write(folder.path(), "t.json", &schema("gone.json"));
    let gone = allowed.look().await;
    assert!(reason(&gone).contains("/gone.json was answered with status 404"), "{}", reason(&gone));
}

#[test]
fn topics_have_subjects_of_their_own() {
    let topic = |name: &str| json!({ "name": name, "schema": "s" });
    let config: Config = serde_json::from_value(json!({
        "access": "a", "tokens": { "keys_url": "http://localhost/" },
        "topic": [topic("a:b"), topic("a_b"), topic("o.x"), topic("o..x"), topic(".")],
    }))
    .unwrap();
    let problems = config.validate();
    let line = |problem: &Problem| format!("{}: {}", problem.path, problem.message);
    let problems: Vec<_> = problems.iter().map(line).collect();
    assert_eq!(
        problems,
        [
            "topics.topic[1].name: another topic has the same subject, fleet.topic.a_b",
            "topics.topic[3].name: another topic has the same subject, fleet.topic.o.x",
            "topics.topic[4].name: write more than dots",
        ]
    );
}

#[test]
fn hosts_that_are_none_are_refused() {
    let config: Config = serde_json::from_value(json!({
        "access": "a", "tokens": { "keys_url": "http://localhost/" }, "registry": { "location": "s3://b/" },
        "reference_hosts": ["schemas.example.com", "http://localhost:80", "a/b", "", "https://h/x"],
        "aws": { "role_arn": "me" },
    }))
    .unwrap();
    let keys: Vec<_> = config.validate().iter().map(|problem| problem.path.clone()).collect();
    assert_eq!(
        keys,
        [
            "topics.aws.role_arn",
            "topics.reference_hosts[1]",
            "topics.reference_hosts[2]",
            "topics.reference_hosts[3]",
            "topics.reference_hosts[4]"
        ]
    );
    assert_eq!("kv://B/k".parse::<Location>().unwrap().to_string(), "kv://B/k");
}

#[tokio::test]
async fn of_two_documents_for_one_topic_the_second_is_named() {
    for store in [Store::folder(), Store::bucket().await] {
        let mut governance = store.governance().await;
        rules(governance.look().await);
        store.put("schemas/A.json", r#"{"type": "array"}"#).await;
        let look = governance.look().await;
        let (place, error) = look.problems.iter().next().expect("one is not used");
        assert_eq!(*place, store.location("schemas/a.json"));
        let (first, second) = (store.location("schemas/A.json"), place);
        let said = format!("{second} is not used: the schema of topic shop.a is {first}");
        assert_eq!(error.to_string(), said);
        assert!(fits(&look.rules.unwrap(), "shop.a", "[]"));
    }
}

/// Far more than the time for all of them, if each waited for the one before.
#[tokio::test]
async fn many_documents_of_a_bucket_are_read_over_a_slow_connection() {
    const COUNT: usize = 1500;
    let server = NatsServer::start().await;
    let settings =
        async_nats::jetstream::kv::Config { bucket: "TOPICS".to_owned(), ..Default::default() };
    let bucket = server.jetstream().await.create_key_value(settings).await.unwrap();
    bucket.put("access", r#"{"t0": ["me"]}"#.into()).await.unwrap();
    for number in 0..COUNT {
        bucket.put(format!("schemas/t{number}"), "{}".into()).await.unwrap();
    }
    let proxy = TcpProxy::start(server.port()).await;
    let bus = connect(&format!("nats://127.0.0.1:{}", proxy.port())).await;
    proxy.latency(std::time::Duration::from_millis(5));
    let config = json!({
        "access": "kv://TOPICS/access",
        "tokens": { "keys_url": "http://localhost/keys" },
        "registry": { "location": "kv://TOPICS/schemas/" },
    });
    let mut governance = governance(config, Reader::new(AwsConfig::default(), Some(bus)));
    assert_eq!(names(&rules(governance.look().await)).len(), COUNT);
    bucket.put("schemas/t7", r#"{"type": "array"}"#.into()).await.unwrap();
    assert!(fits(&rules(governance.look().await), "t7", "[]"));
}
