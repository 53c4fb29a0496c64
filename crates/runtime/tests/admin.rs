//! The admin listener, over a real socket.

#![expect(clippy::unwrap_used, reason = "a test ends by a panic, helpers of tests included")]

use std::time::Duration;

use event_bus_runtime::reload::{self, NotReloaded, Reloaded};
use event_bus_runtime::{Metrics, Readiness, admin};
use serde_json::json;
use testkit::http;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

struct Admin {
    base: String,
    readiness: Readiness,
    shutdown: CancellationToken,
    serving: tokio::task::JoinSet<()>,
}

async fn start() -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (readiness, shutdown) = (Readiness::new("relay-outbound"), CancellationToken::new());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(admin::serve(listener, readiness.clone(), Metrics::new(), shutdown.clone()));
    Admin { base, readiness, shutdown, serving }
}

impl Admin {
    async fn ask(&self, method: &str, path: &str) -> http::Response {
        http::send(method, &format!("{}{path}", self.base), &[], b"").await
    }
}

#[tokio::test]
async fn readiness_is_shown_with_its_dependencies() {
    let admin = start().await;
    let bus = admin.readiness.dependency("bus");
    for path in ["/readyz", "/healthz"] {
        let answer = admin.ask("GET", path).await;
        assert_eq!(answer.status, 503);
        assert_eq!(answer.header("content-type"), Some("application/problem+json"));
        let document = answer.json();
        assert_eq!(document["code"], "not_ready");
        let waiting =
            json!([{ "name": "bus", "ok": false, "latency_ms": null, "message": "not ready yet" }]);
        assert_eq!(document["dependencies"], waiting);
    }
    bus.set_ok_after(Duration::from_millis(3));
    for path in ["/readyz", "/healthz"] {
        let answer = admin.ask("GET", path).await;
        assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")));
        let document = answer.json();
        assert_eq!(document["ok"], true);
        assert_eq!(document["service"], "relay-outbound");
        assert_eq!(document["dependencies"][0]["latency_ms"], 3);
    }
}

#[tokio::test]
async fn a_process_that_is_not_ready_is_alive() {
    let admin = start().await;
    admin.readiness.dependency("bus").set_failed("disconnected");
    let answer = admin.ask("GET", "/livez").await;
    assert_eq!((answer.status, &answer.json()["ok"]), (200, &json!(true)));
    assert!(answer.json()["ts"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn metrics_are_shown_as_text() {
    let answer = start().await.ask("GET", "/metrics").await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(answer.text().contains("event_bus_build_info"));
}

#[tokio::test]
async fn other_methods_and_paths_are_refused_with_a_problem() {
    let admin = start().await;
    let answer = admin.ask("POST", "/readyz").await;
    assert_eq!((answer.status, answer.header("allow")), (405, Some("GET, HEAD")));
    assert_eq!(answer.json()["code"], "method_not_allowed");
    let answer = admin.ask("GET", "/secret").await;
    assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("not_found")));
    assert_eq!(admin.ask("HEAD", "/livez").await.status, 200);
}

/// A listener with commands; whoever asks for a reload is answered by turns.
async fn start_with_commands(terminate_ends: bool) -> Admin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let (readiness, shutdown) = (Readiness::new("topic-gateway"), CancellationToken::new());
    let (reload, mut requests) = reload::channel();
    let commands = Some(admin::Commands { reload, terminate_ends });
    let (service, end) = (readiness.clone(), shutdown.clone());
    let mut serving = tokio::task::JoinSet::new();
    serving.spawn(async move {
        let serving = admin::serve_with(listener, service, Metrics::new(), commands, end);
        let mut answers = [
            Ok(Reloaded {
                needs_restart: vec!["topics.listen"],
                refused_documents: vec!["access cannot be read".to_owned()],
            }),
            Err(NotReloaded { reason: "it is wrong".to_owned() }),
        ]
        .into_iter()
        .cycle();
        let answering = async {
            loop {
                requests.recv().await.answer(answers.next().unwrap());
            }
        };
        tokio::select! {
            () = serving => {}
            () = answering => {}
        }
    });
    Admin { base, readiness, shutdown, serving }
}

#[tokio::test]
async fn a_reload_is_asked_for_and_answered() {
    assert_eq!(start().await.ask("POST", "/reload").await.status, 404);
    let admin = start_with_commands(false).await;
    for path in ["/reload", "/terminate"] {
        let answer = admin.ask("GET", path).await;
        assert_eq!((answer.status, answer.header("allow")), (405, Some("POST")));
        let taken = admin.ask("POST", path).await;
        assert_eq!(
            (taken.status, &taken.json()["needs_restart"][0]),
            (200, &json!("topics.listen"))
        );
        assert_eq!(taken.json()["refused_documents"], json!(["access cannot be read"]));
        let refused = admin.ask("POST", path).await;
        assert_eq!((refused.status, &refused.json()["detail"]), (422, &json!("it is wrong")));
        assert_eq!(refused.json()["code"], "not_reloaded");
    }
    assert!(!admin.shutdown.is_cancelled());
}

#[tokio::test]
async fn a_termination_ends_the_process_only_where_it_is_switched_on() {
    let mut admin = start_with_commands(true).await;
    assert_eq!(admin.ask("POST", "/reload").await.status, 200);
    assert!(!admin.shutdown.is_cancelled());
    assert_eq!(admin.ask("POST", "/terminate").await.status, 202);
    assert!(admin.shutdown.is_cancelled());
    admin.serving.join_next().await.unwrap().unwrap();
}

#[tokio::test]
async fn it_ends_at_shutdown() {
    let mut admin = start().await;
    admin.shutdown.cancel();
    admin.serving.join_next().await.unwrap().unwrap();
    assert!(http::try_send("GET", &format!("{}/livez", admin.base), &[], b"").await.is_err());
}
