//! Access and schemas change under load: within five seconds, with no request harmed, and never to something that cannot
//! be used.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use testkit::report::loudly;
use testkit::{http, poll_until};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::world::{LONG, SCHEMA, USER, World, token};

/// Between two requests: 200 in a second.
const EVERY: Duration = Duration::from_millis(5);

/// How long a change may take.
const SOON: Duration = Duration::from_secs(5);

/// Sends good messages at a steady rate until told to stop; gives how many, and what went wrong.
struct Load {
    sent: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
    sending: JoinSet<Vec<String>>,
    began: Instant,
}

impl Load {
    fn start(world: &World) -> Self {
        let client = reqwest::Client::builder().no_proxy().timeout(LONG).build().unwrap();
        let (url, token) = (world.url("/topics/orders"), token(USER));
        let (sent, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let mut sending = JoinSet::new();
        let (count, ends) = (Arc::clone(&sent), Arc::clone(&stop));
        sending.spawn(async move {
            let mut ticks = interval(EVERY);
            ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
            let mut requests = JoinSet::new();
            let mut problems = Vec::new();
            while !ends.load(Ordering::Relaxed) {
                ticks.tick().await;
                let id = count.fetch_add(1, Ordering::Relaxed);
                let body = format!("{{\"id\":\"load-{id}\",\"n\":{id}}}");
                let request = client.post(&url).bearer_auth(&token).body(body);
                requests.spawn(async move {
                    match request.send().await {
                        Ok(answer) if answer.status() == 202 => None,
                        Ok(answer) => Some(format!("{id}: {}", answer.status())),
                        Err(error) => Some(format!("{id}: {error}")),
                    }
                });
                while let Some(ended) = requests.try_join_next() {
                    problems.extend(ended.unwrap());
                }
            }
            while let Some(ended) = requests.join_next().await {
                problems.extend(ended.unwrap());
            }
            problems
        });
        Self { sent, stop, sending, began: Instant::now() }
    }

    /// Ends it; every message must have been accepted. Gives their number.
    async fn end(mut self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        let problems = self.sending.join_next().await.unwrap().unwrap();
        let sent = self.sent.load(Ordering::Relaxed);
        let rate = sent as f64 / self.began.elapsed().as_secs_f64();
        let wrong = problems.len();
        loudly(&format!("{sent} requests, {rate:.0} in a second, {wrong} went wrong"));
        assert!(problems.is_empty(), "{:?}", &problems[..problems.len().min(10)]);
        sent
    }
}

/// Waits until a message of somebody is answered so, and says how long that took.
async fn until(world: &World, what: &str, user: &str, body: &str, status: u16) {
    let (began, token) = (Instant::now(), token(user));
    poll_until(LONG, what, async || {
        let answer = world.post_as(&token, "orders", "application/json", body).await;
        (answer.status == status).then_some(())
    })
    .await;
    let took = began.elapsed();
    loudly(&format!("{what}: after {} ms", took.as_millis()));
    assert!(took < SOON, "{what} took {took:?}");
}

fn value(page: &str, sample: &str) -> u64 {
    let line = page.lines().find_map(|line| line.strip_prefix(sample));
    line.map_or(0, |value| value.trim().parse().unwrap())
}

/// Waits until the gateway says of a bad document that it is refused, and why.
async fn refused(world: &World, document: &str, reason: &str) {
    poll_until(SOON, "the refusal", async || {
        let sample = format!("topic_gateway_refused_documents{{document=\"{document}\"}}");
        (value(&world.metrics().await, &sample) == 1).then_some(())
    })
    .await;
    let ready = http::send("GET", &world.admin_url("/readyz"), &[], b"").await;
    assert_eq!(ready.status, 200, "it does its work with what it has");
    let dependencies = ready.json()["dependencies"].take();
    let documents =
        dependencies.as_array().unwrap().iter().find(|each| each["name"] == "documents");
    let message = documents.unwrap()["message"].as_str().unwrap().to_owned();
    assert!(message.contains(reason) && message.contains("last good version stays"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn access_and_schemas_change_under_load() {
    let world = World::new(&["orders"], "").await;
    let running = world.start("topic-gateway").await;
    let load = Load::start(&world);
    let (late, short) = (r#"{"id":"late","n":1}"#, r#"{"id":"short"}"#);
    until(&world, "a stranger is refused", "late", late, 403).await;
    world.write("access.json", r#"{"orders": ["pipeline", "late"]}"#);
    until(&world, "a new user may send", "late", late, 202).await;
    world.write("access.json", r#"{"orders": {"pipeline": {}, "late": {"id": ["x.*"]}}}"#);
    until(&world, "a new field rule counts", "late", late, 403).await;
    until(&world, "a short message fits", USER, short, 202).await;
    world.write("orders.json", r#"{"type": "object", "required": ["id", "n"]}"#);
    until(&world, "a new schema counts", USER, short, 400).await;
    // What cannot be used is refused with its reason, and what was there stays.
    for (file, text, document, reason) in [
        ("access.json", "{\"orders\": [", "access", "the access document cannot be used"),
        ("access.json", r#"{"orders": "pipeline"}"#, "access", "expected list or dict, got str."),
        ("orders.json", r#"{"$ref": "https://example.com/x"}"#, "schema", "none may be fetched"),
        (
            "orders.json",
            r#"{"type": "objekt"}"#,
            "schema",
            "the schema of topic orders cannot be used",
        ),
    ] {
        world.write(file, text);
        refused(&world, document, reason).await;
        let stays = async |user: &str, body: &str| {
            world.post_as(&token(user), "orders", "application/json", body).await.status
        };
        assert_eq!((stays("late", late).await, stays(USER, short).await), (403, 400), "{text}");
        if document == "access" {
            world.write("access.json", r#"{"orders": {"pipeline": {}, "late": {"id": ["x.*"]}}}"#);
        } else {
            world.write("orders.json", r#"{"type": "object", "required": ["id", "n"]}"#);
        }
        poll_until(SOON, "everything to be well again", async || {
            let sample = format!("topic_gateway_refused_documents{{document=\"{document}\"}}");
            (value(&world.metrics().await, &sample) == 0).then_some(())
        })
        .await;
    }
    world.write("orders.json", SCHEMA);
    until(&world, "the first schema is back", USER, short, 202).await;
    let sent = load.end().await;
    assert!(sent > 1000, "only {sent} requests");
    let page = world.metrics().await;
    // At the start, for two changes and for two that were refused; never for a request.
    let compiled = value(&page, "topic_gateway_schema_compilations_total{topic=\"orders\"}");
    loudly(&format!("schemas compiled: {compiled}, for {sent} requests"));
    assert_eq!(compiled, 5);
    let changes = |document: &str, outcome: &str| {
        let labels = format!("{{document=\"{document}\",outcome=\"{outcome}\"}}");
        value(&page, &format!("topic_gateway_document_changes_total{labels}"))
    };
    assert_eq!((changes("access", "taken"), changes("schema", "taken")), (2, 2));
    assert_eq!((changes("access", "refused"), changes("schema", "refused")), (2, 2));
    assert_eq!(value(&page, "topic_gateway_refused_documents{document=\"schema\"}"), 0);
    let log = world.stop(running).await;
    assert!(log.contains("a document cannot be used; its last good version stays"), "{log}");
    assert!(!log.contains(&token(USER)[..40]), "a token is in the log");
    assert!(!log.contains("load-"), "a message is in the log");
}
