//! Dashboards and alerts name the metrics that the services export, and all of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use testkit::{CaptureSink, http, poll_until};

use crate::topics_world::{DURABLE, Topics};
use crate::world::{LONG, World};

const PREFIXES: [&str; 4] = ["event_bus_", "relay_outbound_", "serve_inbound_", "topic_gateway_"];

/// The names of all samples that a page of metrics announces.
fn samples(page: &str) -> BTreeSet<String> {
    let announced = page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split_once(' '));
    let names = announced.flat_map(|(name, kind)| {
        let suffixes: &[&str] = match kind {
            "counter" => &["_total"],
            "histogram" => &["_bucket", "_sum", "_count"],
            "info" => &["_info"],
            "gauge" => &[""],
            other => panic!("{name} is a {other}"),
        };
        suffixes.iter().map(move |suffix| format!("{name}{suffix}"))
    });
    names.collect()
}

fn files() -> Vec<PathBuf> {
    let root = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../observability"));
    let boards = fs::read_dir(root.join("dashboards")).unwrap();
    let boards = boards.map(|entry| entry.unwrap().path());
    boards.chain([root.join("alerts.yaml"), root.join("alerts.test.yaml")]).collect()
}

/// The names of our metrics in a text.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|each: char| !(each.is_ascii_alphanumeric() || each == '_'));
    let ours = words.filter(|word| PREFIXES.iter().any(|prefix| word.starts_with(prefix)));
    ours.map(str::to_owned).collect()
}

#[test]
fn every_alert_has_its_part_of_the_runbook() {
    let rules =
        fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../observability/alerts.yaml"));
    let runbook = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/alerts.md"));
    let (rules, runbook) = (rules.unwrap(), runbook.unwrap());
    let after = |text: &str, mark: &str| -> BTreeSet<String> {
        text.lines().filter_map(|line| line.trim().strip_prefix(mark)).map(str::to_owned).collect()
    };
    let alerts = after(&rules, "- alert: ");
    assert_eq!(alerts, after(&runbook, "## "));
    let linked = after(&rules, "runbook_url: ");
    assert_eq!(linked.len(), alerts.len());
    for alert in alerts {
        let anchor = format!("docs/alerts.md#{}", alert.to_lowercase());
        assert!(linked.iter().any(|link| link.ends_with(&anchor)), "{alert}: {linked:?}");
    }
}

#[tokio::test]
async fn dashboards_and_alerts_name_what_is_exported() {
    let sink = CaptureSink::start().await;
    let world = World::start(&format!(
        "[[outbound.routes]]\nname = 'all'\nsubjects = ['fleet.>']\nsink.webhook = {{ url = '{}' }}\n",
        sink.url()
    ))
    .await;
    let (inbound, relay) = (world.serve_inbound().await, world.relay_outbound().await);
    let topics = Topics::start("").await;
    assert_eq!(
        http::send("POST", &topics.url(&format!("/topics/{DURABLE}")), &[], b"{}").await.status,
        401
    );
    let refused =
        http::send("POST", &format!("http://{}/hooks/github", world.inbound), &[], b"{}").await;
    assert_eq!(refused.status, 401);
    let exported = poll_until(LONG, "a look of the relay at the streams", async || {
        let mut exported = BTreeSet::new();
        for url in [
            world.admin_url("/metrics"),
            world.relay_admin_url("/metrics"),
            topics.admin_url("/metrics"),
        ] {
            exported.extend(samples(&http::send("GET", &url, &[], b"").await.text()));
        }
        exported.contains("relay_outbound_stream_messages").then_some(exported)
    })
    .await;
    // Only of a stream with a limit.
    let optional = BTreeSet::from(["relay_outbound_stream_max_bytes".to_owned()]);
    let mut used = BTreeSet::new();
    for path in files() {
        let names = named(&fs::read_to_string(&path).unwrap());
        let unknown: Vec<_> =
            names.difference(&exported).filter(|name| !optional.contains(*name)).collect();
        assert!(unknown.is_empty(), "{} names what nobody exports: {unknown:?}", path.display());
        used.extend(names);
    }
    let parts = ["_sum", "_count"];
    let unused: Vec<_> = exported
        .difference(&used)
        .filter(|name| !parts.iter().any(|part| name.ends_with(part)))
        .collect();
    assert!(unused.is_empty(), "no dashboard shows {unused:?}");
    world.stop(inbound).await;
    world.stop(relay).await;
    topics.stop().await;
}
