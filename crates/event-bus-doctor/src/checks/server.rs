//! Which server it is, and what it cannot do. Nothing here is wrong: older servers are supported.

use async_trait::async_trait;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::BUS;

pub(super) struct ServerVersion;

#[async_trait]
impl Check for ServerVersion {
    fn id(&self) -> &'static str {
        "server-version"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Informational
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let Some(version) = context.bus.server_version() else {
            return vec![Finding::skip("the server has not told its version")];
        };
        let limitations = version.limitations();
        let message = if limitations.is_empty() {
            format!("nats-server {version}")
        } else {
            format!(
                "nats-server {version}, which is supported, though {}",
                limitations.join(", and ")
            )
        };
        let finding = Finding::pass(message).with("version", version.to_string());
        vec![finding.with("limitations", limitations)]
    }
}
