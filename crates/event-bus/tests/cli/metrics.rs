//! The page of metrics lists what running services export: names, kinds, labels, meanings.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use testkit::{CaptureSink, http, poll_until};

use crate::topics_world::{DURABLE, Topics};
use crate::world::{LONG, World, route};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/metrics.md");

const HTTP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/http.md");

/// Kind, labels and meaning of a metric.
type About = (String, BTreeSet<String>, String);

/// What a page of the admin listener says, by the names that one asks Prometheus for.
fn exported(text: &str) -> BTreeMap<String, About> {
    let mut metrics = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
        let (name, kind) = line.split_once(' ').unwrap();
        let asked = match kind {
            "counter" => format!("{name}_total"),
            "info" => format!("{name}_info"),
            _ => name.to_owned(),
        };
        let help = text.lines().find_map(|line| line.strip_prefix(&format!("# HELP {name} ")));
        let samples =
            text.lines().filter(|line| line.starts_with(name) && !line.contains("_bucket"));
        let labels = samples.filter_map(|line| line.split_once('{')?.1.split_once('}')).flat_map(
            |(labels, _)| {
                labels.split("\",").map(|label| label.split('=').next().unwrap().to_owned())
            },
        );
        let meaning = help.unwrap().trim_end_matches('.').to_owned();
        metrics.insert(asked, (kind.to_owned(), labels.collect(), meaning));
    }
    metrics
}

/// The rows of the page.
fn documented() -> BTreeMap<String, About> {
    let page = fs::read_to_string(PAGE).unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| `"));
    let parse = |line: &str| {
        let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
        let labels = cells[2].split('`').skip(1).step_by(2).map(str::to_owned);
        (
            cells[0].trim_matches('`').to_owned(),
            (cells[1].to_owned(), labels.collect(), cells[3].to_owned()),
        )
    };
    rows.map(parse).collect()
}

#[tokio::test]
async fn the_page_of_metrics_lists_what_is_exported() {
    let sink = CaptureSink::start().await;
    let world = World::start("").await;
    let limit = "[bus.streams.events]\nmax_bytes = '1GB'\n";
    world.write(
        &(world.source("github", "provider = 'github'") + limit),
        &route("all", "fleet.>", &sink.url()),
    );
    let (inbound, relay) = (world.serve_inbound().await, world.relay_outbound().await);
    let topics = Topics::start("").await;
    assert_eq!(
        http::send("POST", &topics.url(&format!("/topics/{DURABLE}")), &[], b"{}").await.status,
        401
    );
    let hook = format!("http://{}/hooks/github", world.inbound);
    assert_eq!(http::send("POST", &hook, &[], b"{}").await.status, 401);
    world.json(&["trigger", "github", "push"]).await;
    sink.wait_for(1, LONG).await;
    let text = poll_until(LONG, "a look of the relay at the streams", async || {
        let mut text = String::new();
        for url in [
            world.admin_url("/metrics"),
            world.relay_admin_url("/metrics"),
            topics.admin_url("/metrics"),
        ] {
            text += &http::send("GET", &url, &[], b"").await.text();
        }
        text.contains("relay_outbound_stream_max_bytes{").then_some(text)
    })
    .await;
    let pages = [PAGE, HTTP].map(|page| fs::read_to_string(page).unwrap()).concat();
    for label in ["outcome=\"", "reason=\""] {
        for value in text.split(label).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            assert!(pages.contains(&format!("`{value}`")), "{label}{value}");
        }
    }
    let (exported, documented) = (exported(&text), documented());
    for (name, about) in &exported {
        assert_eq!(documented.get(name), Some(about), "{name}");
    }
    let unknown: Vec<_> = documented.keys().filter(|name| !exported.contains_key(*name)).collect();
    assert!(unknown.is_empty(), "nobody exports {unknown:?}");
    world.stop(inbound).await;
    world.stop(relay).await;
    topics.stop().await;
}
