//! Dead letters and routes, from their beginning to their end.

use serde_json::json;
use testkit::{CaptureSink, Script, poll_until};

use crate::world::{LONG, World, route};

#[tokio::test]
async fn dead_letters_are_listed_shown_redriven_and_purged() {
    let sink = CaptureSink::start().await;
    sink.set_script(Script::per_id(|id, _| {
        testkit::Reply::status(if id == "bad" { 400 } else { 500 })
    }));
    let world = World::start(&route("tickets", "fleet.publish.>", &sink.url())).await;
    let inbound = world.serve_inbound().await;
    let relay = world.relay_outbound().await;
    for id in ["bad", "worse", "worst"] {
        let published = world.run(&["publish", "--type", "com.example.x", "--id", id]).await;
        assert_eq!(published.code(), Some(0), "{}", published.stderr);
    }
    let list = ["dead-letters", "list"];
    let listed = poll_until(LONG, "three dead letters", async || {
        let listed = world.json(&list).await;
        (listed[0].as_array().unwrap().len() == 3).then_some(listed)
    })
    .await;
    let bad = &listed[0][0];
    for (name, value) in [
        ("number", json!(1)),
        ("route", json!("tickets")),
        ("reason", json!("refused")),
        ("status", json!(400)),
        ("attempts", json!(1)),
        ("event_id", json!("bad")),
        ("origin_subject", json!("fleet.publish.x")),
    ] {
        assert_eq!(bad[name], value, "{bad}");
    }
    let exhausted =
        world.json(&["dead-letters", "list", "--reason", "exhausted", "--limit", "1"]).await;
    assert_eq!(exhausted[0].as_array().unwrap().len(), 1);
    assert_eq!(exhausted[0][0]["attempts"], 3);
    let table = world.run(&list).await;
    assert!(
        table.stdout.starts_with("NUMBER") && table.stdout.contains("refused 400"),
        "{}",
        table.stdout
    );

    let shown = world.json(&["dead-letters", "show", "1"]).await;
    assert_eq!((&shown[0]["event"]["id"], &shown[0]["status"]), (&json!("bad"), &json!(400)));
    let absent = world.run(&["dead-letters", "show", "99"]).await;
    assert_eq!(absent.code(), Some(1));
    assert!(absent.stderr.contains("there is no dead letter 99"), "{}", absent.stderr);

    let asked = sink.requests().len();
    let planned = world.json(&["dead-letters", "redrive", "--all", "--dry-run"]).await;
    assert_eq!(planned[0], json!({ "numbers": [1, 2, 3], "failed": 0, "dry_run": true }));
    assert_eq!(sink.requests().len(), asked);

    sink.set_script(Script::always(200));
    let redriven = world.json(&["dead-letters", "redrive", "2"]).await;
    assert_eq!(redriven[0]["numbers"], json!([2]));
    let redriven = world.json(&["dead-letters", "redrive", "--route", "tickets"]).await;
    assert_eq!(redriven[0]["numbers"], json!([1, 3]));
    poll_until(LONG, "the redriven events", async || {
        (sink.requests().len() == asked + 3).then_some(())
    })
    .await;
    assert_eq!(world.json(&list).await[0], json!([]));

    sink.set_script(Script::always(400));
    world.json(&["publish", "--type", "com.example.x", "--id", "last"]).await;
    poll_until(LONG, "the last dead letter", async || {
        (world.json(&list).await[0] != json!([])).then_some(())
    })
    .await;
    let unasked = world.run(&["dead-letters", "purge", "--all"]).await;
    assert_eq!(unasked.code(), Some(64), "{}", unasked.stderr);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    let purged = world.json(&["dead-letters", "purge", "--all", "--yes"]).await;
    assert_eq!(purged[0]["numbers"].as_array().unwrap().len(), 1);
    assert_eq!(world.json(&list).await[0], json!([]));

    for arguments in [&["dead-letters", "redrive"][..], &["dead-letters", "purge", "--yes"]] {
        let known = world.run(&[arguments, &["--route", "tickets"]].concat()).await;
        assert_eq!(known.code(), Some(0), "{}", known.stderr);
        assert!(known.stderr.contains("there are no such dead letters"), "{}", known.stderr);
        let unknown = world.run(&[arguments, &["--route", "ticket"]].concat()).await;
        assert_eq!(unknown.code(), Some(1), "{}", unknown.stdout);
        assert!(unknown.stderr.contains("there is no route ticket"), "{}", unknown.stderr);
    }
    world.stop(relay).await;
    world.stop(inbound).await;
    world.assert_silent_about_secrets();
}

#[tokio::test]
async fn a_route_that_was_left_behind_is_found_and_removed() {
    let sink = CaptureSink::start().await;
    let (old, new) =
        (route("old", "fleet.a.>", &sink.url()), route("new", "fleet.b.>", &sink.url()));
    let world = World::start(&old).await;
    let relay = world.relay_outbound().await;
    world.stop(relay).await;
    world.configure(&new);
    let states = async || {
        let listed = world.json(&["routes", "list"]).await;
        let routes = listed[0].as_array().unwrap().clone();
        let routes = routes.into_iter().filter(|route| route["name"] != "event-bus-doctor");
        routes.map(|route| format!("{} {}", route["name"], route["state"])).collect::<Vec<_>>()
    };
    assert_eq!(states().await, ["\"new\" \"absent\"", "\"old\" \"orphaned\""]);
    let table = world.run(&["routes", "list"]).await;
    assert!(table.stderr.contains("event-bus routes remove old"), "{}", table.stderr);

    let unasked = world.run(&["routes", "remove", "old"]).await;
    assert_eq!(unasked.code(), Some(64), "{}", unasked.stderr);
    let removed = world.json(&["routes", "remove", "old", "--yes"]).await;
    assert_eq!(removed[0], json!({ "removed": "old", "retries_purged": 0 }));
    let again = world.run(&["routes", "remove", "old", "--yes"]).await;
    assert_eq!(again.code(), Some(1));
    assert_eq!(states().await, ["\"new\" \"absent\""]);
}
