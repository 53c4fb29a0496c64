//! Paging through everything while rows are added: 5,500 rows, or as many as `STATS_ROWS` says.
//!
//! `STATS_ROWS=1000000 cargo test -p topic-gateway --test stats scale -- --nocapture` prints the times of pages 1 and 1,000.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use sqlx::{Connection as _, PgConnection};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::tables::Tables;
use crate::world::{NOW, World};

const ROWS: usize = 5_500;

/// Pages into which the rows are divided.
const PAGES: usize = 1_100;

/// The page whose time is compared with that of the first.
const FAR: usize = 1_000;

const TIMES: usize = 20;

#[tokio::test]
async fn paging_during_inserts_shows_each_row_that_was_there_exactly_once() {
    let tables = Tables::start().await;
    let rows = rows();
    tables.fill(rows, &format!("{NOW} - {rows} + n"));
    let there: HashSet<_> = tables.ids("true").into_iter().collect();
    assert_eq!(there.len(), rows);
    let world = World::open(&tables).await;
    let question = json!({
        "timestamp_start": 0, "timestamp_end": 2 * NOW, "limit": rows.div_ceil(PAGES)
    });

    // Two transactions take their ids before it begins; one is committed in the middle.
    let mut late = tables.session().await;
    let mut never = tables.session().await;
    for (session, event) in [(&mut late, "late"), (&mut never, "never")] {
        sqlx::raw_sql("BEGIN").execute(&mut *session).await.unwrap();
        insert(session, event).await;
    }
    let stop = CancellationToken::new();
    let mut writers = JoinSet::new();
    writers.spawn(write(tables.session().await, stop.clone()));
    let began = Instant::now();
    let mut pages = 0;
    let mut cursor = None;
    let all = world.all(&question, async |ids| {
        pages += 1;
        if pages == FAR - 1 {
            cursor = ids.last().copied();
        }
        if pages == FAR / 2 {
            sqlx::raw_sql("COMMIT").execute(&mut late).await.unwrap();
        }
    });
    let all = all.await;
    let took = began.elapsed();
    stop.cancel();
    let written = writers.join_next().await.unwrap().unwrap();

    let shown: HashSet<_> = all.iter().copied().collect();
    assert_eq!(shown.len(), all.len(), "no row is shown twice");
    assert_eq!(there.difference(&shown).count(), 0, "no row is missing");
    assert!(all.is_sorted_by(|one, next| one > next));
    assert!(written > 0, "rows were added meanwhile");
    assert!(pages >= FAR);

    println!("{rows} rows, {pages} pages in {took:?}, {written} runs added meanwhile");
    for limit in [question["limit"].clone(), json!(50)] {
        let near = json!({"timestamp_start": 0, "timestamp_end": 2 * NOW, "limit": limit});
        let mut far = near.clone();
        far["cursor"] = json!(cursor.unwrap());
        let [near, far] = medians(&world, [&near, &far]).await;
        println!("{limit} rows each, median of {TIMES}: page 1 {near:?}, page {FAR} {far:?}");
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's own switch is no setting of a service")]
fn rows() -> usize {
    std::env::var("STATS_ROWS").map_or(ROWS, |text| text.parse().expect("a number of rows"))
}

/// Adds runs until it is told to stop; their number.
async fn write(mut session: PgConnection, stop: CancellationToken) -> usize {
    let mut written = 0;
    while !stop.is_cancelled() {
        insert(&mut session, &format!("new-{written}")).await;
        written += 1;
    }
    session.close().await.unwrap();
    written
}

/// A run with two jobs, as those that were there.
async fn insert(session: &mut PgConnection, event: &str) {
    let statement = format!(
        "INSERT INTO public_cps_za_runs VALUES \
         ('{event}', 'ref', 'Tenant', 'app', '1', 'dev', {NOW}, {NOW}); \
         INSERT INTO public_cps_za_runs_jobs (event_id, country, catalog_id, status, \
         timestamp_start, timestamp_end, message, additional_info) \
         SELECT '{event}', 'za', 'catalog-' || n, 'succeeded', {NOW}, {NOW} + 1000, NULL, \
         '{{\"n\": 1}}' FROM generate_series(1, 2) n"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(session).await.unwrap();
}

/// Asked in turns, so that whatever else the machine does meets both.
async fn medians(world: &World, questions: [&Value; 2]) -> [Duration; 2] {
    let mut times = [Vec::new(), Vec::new()];
    for _ in 0..TIMES {
        for (question, times) in questions.iter().zip(&mut times) {
            let began = Instant::now();
            world.page(question).await;
            times.push(began.elapsed());
        }
    }
    times.map(|mut times| {
        times.sort();
        times[TIMES / 2]
    })
}
