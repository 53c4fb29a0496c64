//! Whether receipts are kept for as long as the stream of events knows a repeated event.

use async_nats::jetstream::context::GetStreamErrorKind;
use async_trait::async_trait;
use event_bus_core::wire::receipt::STREAM;
use event_bus_runtime::bus::StreamRole;
use event_bus_runtime::config::duration;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;

pub(super) struct Receipts {
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for Receipts {
    fn id(&self) -> &'static str {
        "receipts"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Recommended
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        if !self.routes.iter().any(|route| route.receipts) {
            return vec![Finding::pass("no route has receipts")];
        }
        let stream = match context.bus.jetstream().get_stream(STREAM).await {
            Ok(stream) => stream,
            Err(error) if matches!(error.kind(), GetStreamErrorKind::JetStream(_)) => {
                return vec![Finding::skip("there is no bucket of receipts yet")];
            }
            Err(error) => return vec![unknown(&error)],
        };
        let kept = stream.cached_info().config.max_age;
        let window = context.streams.duplicate_window(StreamRole::Events);
        if kept.is_zero() || kept >= window {
            return vec![Finding::pass("receipts are kept as long as events are known")];
        }
        let (kept, window) = (duration::format(kept), duration::format(window));
        let message = format!("receipts are kept for {kept}, and events are known for {window}");
        vec![Finding::warn("EB0219", message).with("kept", kept).with("duplicate_window", window)]
    }
}
