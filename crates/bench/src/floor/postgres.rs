//! The floor of the Postgres sink: a loop that collects messages and inserts them as rows of one statement.

use sqlx::postgres::PgPoolOptions;

use super::{BATCH_WINDOW, acknowledge, batch, messages};

const ROWS: usize = 100;

const INSERT: &str = "INSERT INTO floor (ce_source, ce_id, data) \
     SELECT * FROM unnest($1::text[], $2::text[], $3::jsonb[]) ON CONFLICT DO NOTHING";

const TABLE: &str = "CREATE TABLE IF NOT EXISTS floor \
     (ce_source text, ce_id text, data jsonb, PRIMARY KEY (ce_source, ce_id))";

pub(crate) async fn run(nats: &str, url: &str) -> anyhow::Result<()> {
    let pool = PgPoolOptions::new().max_connections(4).connect(url).await?;
    sqlx::query(TABLE).execute(&pool).await?;
    let mut messages = messages(nats, BATCH_WINDOW).await?;
    while let Some(batch) = batch(&mut messages, ROWS).await? {
        let header = |name: &str| -> Vec<String> {
            let value = |message: &async_nats::jetstream::Message| {
                let headers = message.headers.as_ref()?;
                Some(headers.get(name)?.as_str().to_owned())
            };
            batch.iter().map(|message| value(message).unwrap_or_default()).collect()
        };
        let payloads: Vec<String> = batch
            .iter()
            .map(|message| String::from_utf8_lossy(&message.payload).into_owned())
            .collect();
        let inserted = sqlx::query(INSERT)
            .bind(header("ce-source"))
            .bind(header("ce-id"))
            .bind(payloads)
            .execute(&pool)
            .await;
        if inserted.is_ok() {
            for message in &batch {
                acknowledge(message).await;
            }
        }
    }
    Ok(())
}
