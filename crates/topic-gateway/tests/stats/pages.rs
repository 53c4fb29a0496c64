//! Pages, wherever they begin and whatever stands between their rows.

use rand::RngExt as _;
use serde_json::json;

use crate::tables::Tables;
use crate::world::{NOW, World, ids};

#[tokio::test]
async fn a_page_holds_the_newest_rows_of_its_window_wherever_they_are() {
    let tables = Tables::start().await;
    // More jobs than a walk looks at, in runs whose times are all mixed up: the newest jobs are of old runs and some of
    // the oldest ones are new.
    tables.fill(14_000, "((n - (n + 1) % 2)::bigint * 7919 % 14000)");
    tables.sql("UPDATE public_cps_za_runs SET timestamp_start = timestamp_start + 100000 WHERE ctid < '(20,0)'");
    let world = World::open(&tables).await;
    let mut rng = testkit::rng("pages");
    let mut windows = vec![(0, 200_000), (100_000, 200_000), (300_000, 400_000), (0, 0)];
    windows.extend((0..20).map(|_| {
        let start = rng.random_range(0..20_000);
        (start, start + rng.random_range(0..4_000))
    }));
    for with_indexes in [true, false] {
        if !with_indexes {
            tables.sql(
                "DROP INDEX public_cps_za_runs_event_id, public_cps_za_runs_timestamp_start, \
                 public_cps_za_runs_jobs_event_id",
            );
        }
        for (start, end) in &windows {
            let expected = tables.ids(&format!("run.timestamp_start BETWEEN {start} AND {end}"));
            let cursor = rng.random_range(1..15_000);
            let limit = rng.random_range(1..1000);
            let page = world
                .page(&json!({
                    "timestamp_start": start, "timestamp_end": end, "cursor": cursor, "limit": limit
                }))
                .await;
            let below: Vec<_> = expected.iter().copied().filter(|id| *id < cursor).collect();
            let shown = &below[..below.len().min(limit)];
            assert_eq!(ids(&page), shown, "{start} {end} {cursor} {limit} {with_indexes}");
            let has_more = below.len() > limit;
            assert_eq!(page["pagination"]["has_more"], has_more);
            let cursor = shown.last().filter(|_| has_more);
            assert_eq!(page["pagination"]["cursor"], json!(cursor));
        }
    }
}

#[tokio::test]
async fn a_page_of_large_rows_ends_early_and_the_next_one_goes_on() {
    let tables = Tables::start().await;
    tables.fill(40, &NOW.to_string());
    tables.sql("UPDATE public_cps_za_runs_jobs SET message = repeat('x', 1000000)");
    let world = World::open(&tables).await;
    let mut pages = Vec::new();
    let all = world.all(&json!({"limit": 30}), async |ids| pages.push(ids.len())).await;
    assert_eq!(all, (1..=40).rev().collect::<Vec<_>>());
    // 16 MiB hold 16 of them.
    assert_eq!(pages, [16, 16, 8]);
    tables.sql(
        "UPDATE public_cps_za_runs_jobs SET message = repeat('x', 20000000) WHERE internal_id = 40",
    );
    let page = world.page(&json!({})).await;
    assert_eq!(ids(&page), [40], "one row is always shown");
    assert_eq!(page["pagination"]["cursor"], 40);
}
