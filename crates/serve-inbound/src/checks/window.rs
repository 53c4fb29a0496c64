//! Whether the stream remembers ids for as long as each source's provider may repeat an event.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::config::duration;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::COMPONENT;
use crate::config::SourceConfig;

pub(super) struct DuplicateWindow {
    pub(super) sources: Vec<SourceConfig>,
}

#[async_trait]
impl Check for DuplicateWindow {
    fn id(&self) -> &'static str {
        "duplicate-window"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let window = actual_window(context).await;
        let short: Vec<Finding> =
            self.sources.iter().filter_map(|source| judge(source, window)).collect();
        if !short.is_empty() {
            return short;
        }
        let message = format!("no source repeats an event later than {}", duration::format(window));
        vec![Finding::pass(message).with("duplicate_window", duration::format(window))]
    }
}

/// The window of the stream itself, which an operator may have changed; else the configured one.
async fn actual_window(context: &CheckContext) -> Duration {
    let name = context.streams.name(StreamRole::Events);
    match context.bus.jetstream().get_stream(name).await {
        Ok(stream) => stream.cached_info().config.duplicate_window,
        Err(_) => context.streams.duplicate_window(StreamRole::Events),
    }
}

fn judge(source: &SourceConfig, window: Duration) -> Option<Finding> {
    let gap = source.scheme().ok()??.repeats_for().filter(|gap| *gap > window)?;
    let (gap, window) = (duration::format(gap), duration::format(window));
    let message = format!(
        "`{}` may repeat an event after {gap}, which the stream has forgotten after {window}",
        source.name
    );
    let finding = Finding::warn("EB0103", message).about(source.name.as_str());
    Some(finding.with("repeats_for", gap).with("duplicate_window", window))
}
