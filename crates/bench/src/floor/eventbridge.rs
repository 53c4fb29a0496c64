//! The floor of the EventBridge sink: a loop around `PutEvents`.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use event_bus_runtime::Secret;
use event_bus_runtime::aws::{self, Access, AccessKey};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::{BATCH_WINDOW, acknowledge, batch, messages};

const ENTRIES: usize = 10;

pub(crate) async fn run(nats: &str, endpoint: &str) -> anyhow::Result<()> {
    let access_key = Some(AccessKey { id: "bench".to_owned(), secret: Secret::new("bench") });
    let access =
        Access { region: Some("eu-central-1".to_owned()), access_key, ..Access::default() };
    let config = aws::configure(&access, Duration::from_secs(15)).await?;
    let config = aws_sdk_eventbridge::config::Builder::from(&config).endpoint_url(endpoint);
    let client = Client::from_conf(config.build());
    let permits = Arc::new(Semaphore::new(BATCH_WINDOW / ENTRIES));
    let mut tasks = JoinSet::new();
    let mut messages = messages(nats, BATCH_WINDOW).await?;
    while let Some(batch) = batch(&mut messages, ENTRIES).await? {
        let permit = Arc::clone(&permits).acquire_owned().await?;
        let client = client.clone();
        tasks.spawn(async move {
            let mut request = client.put_events();
            for message in &batch {
                let detail = std::str::from_utf8(&message.payload).context("UTF-8")?;
                let entry = PutEventsRequestEntry::builder();
                let entry = entry.source("/bench").detail_type("bench").detail(detail);
                request = request.entries(entry.build());
            }
            if request.send().await?.failed_entry_count() == 0 {
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
