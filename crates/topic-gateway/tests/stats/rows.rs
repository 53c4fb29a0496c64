//! What stands in a row, and which rows there are.

use serde_json::{Value, json};

use crate::tables::Tables;
use crate::world::{NOW, RUNS, World, ids};

const DAY: i64 = 24 * 60 * 60 * 1000;

#[tokio::test]
async fn a_row_has_the_members_of_the_contract_in_their_order() {
    let tables = Tables::start().await;
    // 2027-01-15 08:00:00.000 UTC.
    tables.run(
        "one",
        &NOW.to_string(),
        &["'za', 'catalog', 'failed', 1799999999999, 1800003600500, 'No DATA today', '{\"b\": [1, 2.50], \"a\": null}'"],
    );
    let answered = World::open(&tables).await.post(RUNS, "").await;
    let row = concat!(
        r#"{"event_id":"one","job_ref":"ref","tenant_id":"Tenant","source_app":"app","#,
        r#""source_app_version":"1","environment":"dev","run_timestamp_start":1800000000000,"#,
        r#""run_timestamp_end":1800000060000,"internal_id":1,"country":"za","#,
        r#""catalog_id":"catalog","status":"failed","timestamp_start":1799999999999,"#,
        r#""timestamp_end":1800003600500,"message":"No DATA today","#,
        r#""additional_info":{"a": null, "b": [1, 2.50]},"run_date":"15-01-2027","#,
        r#""run_status":"no data received","formatted_tenant":"tenant","elapsed_time":3600501,"#,
        r#""start_time":"2027-01-15 07:59:59","end_time":"2027-01-15 09:00:00"}"#,
    );
    assert_eq!(
        answered.text,
        format!(
            r#"{{"success":true,"statusCode":200,"data":[{row}],"pagination":{{"cursor":null,"has_more":false,"limit":50}}}}"#
        )
    );
    let body: Value = serde_json::from_str(row).unwrap();
    assert_eq!(body.as_object().unwrap().len(), 22);
}

#[tokio::test]
async fn what_follows_from_columns_follows_from_what_stands_in_them() {
    let cases = [
        ("'succeeded', 1, 2, 'no data'", "succeeded"),
        ("'failed', 1, 2, 'there was nO dAtA'", "no data received"),
        ("'failed', 1, 2, 'No Records To Send, no data'", "no data received"),
        ("'failed', 1, 2, 'No Records To Send'", "no data produced"),
        ("'failed', 1, 2, 'disk full'", "failed"),
        ("'failed', 1, 2, NULL", "failed"),
        ("'killed', 1, 2, 'no data'", "succeeded"),
        ("'skipped', 1, 2, NULL", "succeeded"),
    ];
    let tables = Tables::start().await;
    let jobs: Vec<_> = cases.iter().map(|(job, _)| format!("'', 'c', {job}, NULL")).collect();
    let jobs: Vec<_> = jobs.iter().map(String::as_str).collect();
    tables.run("cases", &NOW.to_string(), &jobs);
    tables.run(
        "null",
        &(NOW - 1).to_string(),
        &[
            "NULL, 'c', 'killed', NULL, 5, NULL, NULL",
            "NULL, 'c', 'killed', -1, 253402300800000, NULL, 'null'",
        ],
    );
    let page = World::open(&tables).await.page(&json!({})).await;
    let rows = page["data"].as_array().unwrap();
    let mut statuses: Vec<_> =
        rows[2..].iter().map(|row| row["run_status"].as_str().unwrap()).collect();
    statuses.reverse();
    assert_eq!(statuses, cases.map(|(_, status)| status));
    let shown = |row: &Value, keys: &[&str]| -> Vec<Value> {
        keys.iter().map(|key| row[*key].clone()).collect()
    };
    let keys = ["country", "message", "additional_info", "elapsed_time", "start_time", "end_time"];
    assert_eq!(
        shown(&rows[1], &keys),
        [
            json!(null),
            json!(null),
            json!(null),
            json!(null),
            json!(null),
            json!("1970-01-01 00:00:00")
        ]
    );
    // A time beyond the year 9999 has no such form.
    assert_eq!(
        shown(&rows[0], &keys[2..]),
        [json!(null), json!(253_402_300_800_001_i64), json!("1969-12-31 23:59:59"), json!(null)]
    );
    assert_eq!(rows[0]["run_date"], "15-01-2027");
}

#[tokio::test]
async fn the_window_holds_runs_by_their_start_and_both_its_ends() {
    let tables = Tables::start().await;
    // The times of a job are of no consequence.
    let job = ["'', 'c', 'killed', 0, 0, NULL, NULL"];
    let starts = [NOW - 7 * DAY - 1, NOW - 7 * DAY, NOW - 1, NOW, NOW + 1];
    for (index, start) in starts.iter().enumerate() {
        tables.run(&format!("event-{index}"), &start.to_string(), &job);
    }
    tables.run("without a start", "NULL", &job);
    tables.sql(
        "INSERT INTO public_cps_za_runs_jobs (event_id, catalog_id, status) \
         VALUES ('without a run', 'c', 'killed')",
    );
    let world = World::open(&tables).await;
    let cases = [
        (json!({}), vec![4, 3, 2]),
        (json!({"timestamp_end": NOW - 1}), vec![3, 2]),
        (json!({"timestamp_start": NOW}), vec![4]),
        (json!({"timestamp_start": NOW + 1, "timestamp_end": NOW + 1}), vec![5]),
        (json!({"timestamp_start": 0, "timestamp_end": NOW + DAY}), vec![5, 4, 3, 2, 1]),
        (json!({"timestamp_start": 0, "timestamp_end": 9}), vec![]),
        (json!({"cursor": 4}), vec![3, 2]),
        (json!({"cursor": 0}), vec![]),
        (json!({"cursor": 99_999_999_999_i64, "limit": 1}), vec![4]),
    ];
    for (body, expected) in cases {
        assert_eq!(ids(&world.page(&body).await), expected, "{body}");
    }
}

#[tokio::test]
async fn an_event_that_was_stored_twice_shows_each_of_its_rows_once() {
    let tables = Tables::start().await;
    let jobs = ["'', 'c', 'killed', 0, 0, NULL, NULL"; 3];
    for _ in 0..2 {
        tables.run("twice", &NOW.to_string(), &jobs);
    }
    // The later of two different runs counts, as long as it is in the window.
    tables.run("twice", &(NOW - DAY).to_string(), &[]);
    let world = World::open(&tables).await;
    for _ in ["with an index", "without"] {
        for limit in [1, 2, 4, 50] {
            let all = world.all(&json!({"limit": limit}), async |_| {}).await;
            assert_eq!(all, [6, 5, 4, 3, 2, 1], "{limit}");
        }
        let page = world.page(&json!({})).await;
        assert_eq!(page["data"][0]["run_timestamp_start"], NOW);
        let page = world.page(&json!({"timestamp_end": NOW - 1})).await;
        assert_eq!(page["data"][0]["run_timestamp_start"], NOW - DAY);
        tables.sql("DROP INDEX IF EXISTS public_cps_za_runs_event_id");
    }
}
