//! How PostgreSQL finds a page: what it looks at does not grow with the number of the page.

use serde_json::Value;

use crate::tables::Tables;
use crate::world::NOW;

const WALK: &str = include_str!("../../src/stats/walk.sql");

/// What the plan of a page says.
#[derive(Debug, Default, PartialEq)]
struct Plan {
    /// Indexes by which jobs and runs are found.
    indexes: Vec<String>,
    /// Tables that are read without one.
    whole: Vec<String>,
    /// Rows that were looked at in tables.
    rows: u64,
}

impl Plan {
    fn read(tables: &Tables, below: i64) -> Self {
        let plan = tables.sql(&format!(
            "SET enable_sort = off; PREPARE page(bigint, bigint, bigint, bigint) AS {WALK}; \
             EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE page({below}, 0, {NOW}, 51)"
        ));
        let plan: Value = serde_json::from_str(&plan).unwrap();
        let mut found = Self::default();
        found.add(&plan[0]["Plan"]);
        found.indexes.sort();
        found
    }

    fn add(&mut self, node: &Value) {
        let text = |key: &str| node[key].as_str().unwrap_or_default().to_owned();
        let count = |key: &str| node[key].as_f64().unwrap_or_default();
        if text("Index Name").starts_with("public_cps_za") {
            self.indexes.push(text("Index Name"));
        }
        if text("Relation Name").starts_with("public_cps_za") {
            let rows = count("Actual Rows") + count("Rows Removed by Filter");
            self.rows += (rows * count("Actual Loops")) as u64;
            if text("Node Type") == "Seq Scan" {
                self.whole.push(text("Relation Name"));
            }
        }
        for node in node["Plans"].as_array().into_iter().flatten() {
            self.add(node);
        }
    }
}

#[tokio::test]
async fn a_page_far_down_looks_at_no_more_rows_than_the_first() {
    let tables = Tables::start().await;
    // Statistics of tables that were empty say nothing of what is there now.
    tables.sql("ANALYZE public_cps_za_runs; ANALYZE public_cps_za_runs_jobs");
    tables.fill(60_000, &NOW.to_string());
    for state in ["statistics of empty tables", "statistics", "deleted once"] {
        for below in [i64::MAX, 50_000, 10_000, 100] {
            let plan = Plan::read(&tables, below);
            let indexes = ["public_cps_za_runs_event_id", "public_cps_za_runs_jobs_pkey"];
            assert_eq!(plan.indexes, indexes, "{state}, {below}");
            assert_eq!(plan.whole, Vec::<String>::new(), "{state}, {below}");
            // At most a job and its run for each of the rows, and for the one that says that there are more.
            assert!(plan.rows <= 2 * 51, "{state}, {below}: {}", plan.rows);
        }
        tables.sql("ANALYZE public_cps_za_runs; ANALYZE public_cps_za_runs_jobs");
        if state == "statistics" {
            tables.sql("DELETE FROM public_cps_za_runs; DELETE FROM public_cps_za_runs_jobs");
            tables.sql("ANALYZE public_cps_za_runs; ANALYZE public_cps_za_runs_jobs");
            tables.sql("ALTER SEQUENCE public_cps_za_runs_jobs_internal_id_seq RESTART");
            tables.fill(60_000, &NOW.to_string());
        }
    }
}
