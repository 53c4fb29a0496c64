//! What may be asked, who may ask, and what is wrong with what was asked.

use http::Method;
use serde_json::{Value, json};
use testkit::Signer;
use topic_gateway::Profile;

use crate::tables::Tables;
use crate::world::{NOW, RUNS, World};

const NOTHING: &str = r#"{"success":true,"statusCode":200,"data":[],"pagination":{"cursor":null,"has_more":false,"limit":50}}"#;

#[tokio::test]
async fn what_is_wrong_is_said_in_the_words_and_the_order_of_the_contract() {
    // Nothing answers at this port: what is wrong is seen before the database is asked.
    let world = World::with(1, "authenticate = false").await;
    let start = "Field 'timestamp_start' must be an integer (epoch ms).";
    let end = "Field 'timestamp_end' must be an integer (epoch ms).";
    let cursor = "Field 'cursor' must be an integer (internal_id).";
    let limit = "Field 'limit' must be a positive integer.";
    let json = "Request body must be valid JSON.";
    let object = "Request body must be a JSON object.";
    let others = "Stats are only supported for topics 'public.cps.za.runs'.";
    let cases = [
        ("/stats/", "nonsense", 400, "validation", "Missing path parameter 'topic_name'."),
        ("/stats/Nowhere", "nonsense", 404, "topic", "Topic 'nowhere' not found."),
        ("/stats/a%2Fb", "{}", 404, "topic", "Topic 'a/b' not found."),
        ("/stats/stats/x", "{}", 404, "route", "Resource not found."),
        ("/stats//stats/x", "{}", 404, "route", "Resource not found."),
        ("/stats", "{}", 404, "route", "Resource not found."),
        ("/stats/public.cps.za.test", "nonsense", 400, "validation", others),
        ("/stats/public.cps.za.dlchange", "{}", 400, "validation", others),
        ("/stats/public.cps.za.status_change", "{}", 400, "validation", others),
        (RUNS, "nonsense", 400, "validation", json),
        (RUNS, " ", 400, "validation", json),
        (RUNS, "{\"limit\": 1,}", 400, "validation", json),
        (RUNS, "{} {}", 400, "validation", json),
        (RUNS, "\u{feff}{}", 400, "validation", json),
        (RUNS, "[]", 400, "validation", object),
        (RUNS, "null", 400, "validation", object),
        (RUNS, "\"{}\"", 400, "validation", object),
        (RUNS, "7", 400, "validation", object),
        (
            RUNS,
            r#"{"limit":0,"cursor":"1","timestamp_end":"1","timestamp_start":"1"}"#,
            400,
            "validation",
            start,
        ),
        (RUNS, r#"{"limit":0,"cursor":"1","timestamp_end":"1"}"#, 400, "validation", end),
        (RUNS, r#"{"limit":0,"cursor":"1"}"#, 400, "validation", cursor),
        (RUNS, r#"{"limit":0}"#, 400, "validation", limit),
        (RUNS, r#"{"limit":-5}"#, 400, "validation", limit),
        (RUNS, r#"{"limit":-100000000000000000000}"#, 400, "validation", limit),
        (RUNS, r#"{"limit":null}"#, 400, "validation", limit),
        (RUNS, r#"{"limit":50,"limit":0}"#, 400, "validation", limit),
    ];
    for (path, body, status, kind, message) in cases {
        let error = world.post(path, body).await.error();
        assert_eq!(error, (status, kind.to_owned(), message.to_owned()), "{path} {body}");
    }
    for (field, message) in
        [("timestamp_start", start), ("timestamp_end", end), ("cursor", cursor), ("limit", limit)]
    {
        for value in ["true", "false", "1.0", "1e3", "\"5\"", "[]", "{}"] {
            let error = world.post(RUNS, format!("{{\"{field}\":{value}}}")).await.error();
            assert_eq!(error, (400, "validation".to_owned(), message.to_owned()), "{value}");
        }
    }
    let deep = format!("{{\"x\":{}{}}}", "[".repeat(100), "]".repeat(100));
    assert_eq!(world.post(RUNS, deep).await.error().2, json);
    let large = world.post(RUNS, vec![b' '; 2 * 1024 * 1024]).await;
    assert_eq!(large.error().0, 413);
}

#[tokio::test]
async fn what_is_left_open_is_the_default_and_what_nobody_knows_is_ignored() {
    let tables = Tables::start().await;
    let world = World::open(&tables).await;
    let bodies = [
        "",
        "{}",
        r#"{"timestamp_start":null,"timestamp_end":null,"cursor":null}"#,
        r#"{"cursor":-1,"colour":"red","limits":0}"#,
        r#"{"timestamp_start":-1000000000000000000000,"timestamp_end":1000000000000000000000}"#,
        r#"{"timestamp_start":5,"timestamp_end":1}"#,
    ];
    for body in bodies {
        let answered = world.post(RUNS, body).await;
        assert_eq!((answered.status, answered.text.as_str()), (200, NOTHING), "{body}");
    }
    assert_eq!(world.post("/STATS/Public.CPS.za.RUNS?limit=0", "{}").await.text, NOTHING);
    for (limit, used) in [("1", 1), ("1000", 1000), ("1001", 1000), ("99999999999999999999", 1000)]
    {
        let answered = world.post(RUNS, format!("{{\"limit\":{limit}}}")).await;
        assert_eq!(answered.body()["pagination"]["limit"], used, "{limit}");
    }
}

#[tokio::test]
async fn other_methods_are_named_and_the_older_version_has_no_statistics() {
    let world = World::with(1, "authenticate = false").await;
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_eq!(world.send(method, RUNS, None, "").await.status, 405);
    }
    let seed = World::start("", Profile::Seed).await;
    let error = seed.post(RUNS, "{}").await.error();
    assert_eq!(error, (404, "route".to_owned(), "Resource not found".to_owned()));
}

#[tokio::test]
async fn readers_need_a_token_unless_everybody_may_read() {
    let tables = Tables::start().await;
    let closed = World::with(tables.port(), "").await;
    let token = |claims: &Value| Signer::a().token(claims);
    let refused = (401, "auth".to_owned(), "Invalid or missing token".to_owned());
    let expired = token(&json!({"sub": "reader", "exp": NOW / 1000 - 1}));
    let foreign = Signer::b().token(&json!({"sub": "reader"}));
    // Who asks comes before what is asked.
    for (path, body) in [(RUNS, "{}"), (RUNS, "nonsense"), ("/stats/nowhere", "{}")] {
        for token in [None, Some("garbage"), Some(expired.as_str()), Some(foreign.as_str())] {
            let error = closed.send(Method::POST, path, token, body).await.error();
            assert_eq!(error, refused, "{path} {body} {token:?}");
        }
    }
    // Whoever is known may read, whatever may be published.
    let genuine = token(&json!({"sub": "reader"}));
    let answered = closed.send(Method::POST, RUNS, Some(&genuine), "{}").await;
    assert_eq!((answered.status, answered.text.as_str()), (200, NOTHING));
    let open = World::open(&tables).await;
    for token in [None, Some("garbage")] {
        assert_eq!(open.send(Method::POST, RUNS, token, "{}").await.status, 200);
    }
}
