//! How full the streams are. A full stream refuses events: the senders hear 503, and no dead letter can be stored.

use async_nats::jetstream::stream::Info;
use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::BUS;

/// Percent of a limit from which on somebody should look.
const NEARLY_FULL: u64 = 85;

/// Percent of a limit from which on it does not last.
const FULL: u64 = 97;

pub(super) struct Capacity;

#[async_trait]
impl Check for Capacity {
    fn id(&self) -> &'static str {
        "capacity"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let mut findings = Vec::new();
        for role in [StreamRole::Events, StreamRole::DeadLetters] {
            let name = context.streams.name(role);
            let finding = match context.bus.jetstream().get_stream(name).await {
                Ok(stream) => judge(stream.cached_info()),
                Err(error) => Finding::skip(format!("cannot be looked at: {}", Chain(&error))),
            };
            findings.push(finding.about(name));
        }
        findings
    }
}

fn judge(info: &Info) -> Finding {
    let limits = [
        ("bytes", info.state.bytes, info.config.max_bytes),
        ("messages", info.state.messages, info.config.max_messages),
    ];
    let used = limits.into_iter().filter_map(|(unit, used, limit)| {
        let limit = u64::try_from(limit).ok().filter(|limit| *limit > 0)?;
        Some((used.saturating_mul(100) / limit, unit, used, limit))
    });
    let finding = match used.max() {
        None => Finding::pass("it has no limit but the disk"),
        Some((percent, unit, used, limit)) => {
            let message = format!("{percent} % full: {used} of {limit} {unit}");
            let finding = match percent {
                FULL.. => Finding::fail("EB0010", message),
                NEARLY_FULL.. => Finding::warn("EB0010", message),
                _ => Finding::pass(message),
            };
            finding.with("percent", percent)
        }
    };
    finding.with("messages", info.state.messages).with("bytes", info.state.bytes)
}
