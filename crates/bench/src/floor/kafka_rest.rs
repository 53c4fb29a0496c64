//! The floor of the Kafka REST sink: a loop that posts records.

use std::sync::Arc;

use serde_json::value::RawValue;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{BATCH_WINDOW, acknowledge, batch, messages};

const RECORDS: usize = 100;

#[derive(serde::Serialize)]
struct Records<'a> {
    records: Vec<Record<'a>>,
}

#[derive(serde::Serialize)]
struct Record<'a> {
    value: &'a RawValue,
}

pub(crate) async fn run(nats: &str, url: &str) -> anyhow::Result<()> {
    let client = reqwest::Client::builder().no_proxy().build()?;
    let permits = Arc::new(Semaphore::new(BATCH_WINDOW / RECORDS));
    let mut tasks = JoinSet::new();
    let mut messages = messages(nats, BATCH_WINDOW).await?;
    while let Some(batch) = batch(&mut messages, RECORDS).await? {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let request = client
            .post(format!("{url}topics/floor"))
            .header("content-type", "application/vnd.kafka.json.v2+json");
        tasks.spawn(async move {
            let records = batch.iter().map(|message| {
                let value = serde_json::from_slice(&message.payload)?;
                anyhow::Ok(Record { value })
            });
            let records = records.collect::<anyhow::Result<_>>()?;
            let body = serde_json::to_vec(&Records { records })?;
            if request.body(body).send().await?.status().is_success() {
                for message in &batch {
                    acknowledge(message).await;
                }
            }
            drop(permit);
            anyhow::Ok(())
        });
        while tasks.try_join_next().is_some() {}
    }
    Ok(())
}
