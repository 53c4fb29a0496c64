//! The streams against what the services require of them. The comparison is the one of the services' start.

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::bus::{Inspected, StreamRole, Violation, inspect};
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::BUS;

pub(super) struct StreamSettings;

#[async_trait]
impl Check for StreamSettings {
    fn id(&self) -> &'static str {
        "stream-settings"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let mut findings = Vec::new();
        for role in StreamRole::ALL {
            let name = context.streams.name(role);
            let of_stream = match inspect(&context.bus, &context.streams, role).await {
                Ok(Inspected::Absent) => {
                    vec![Finding::skip("the stream is missing; see bus.readiness")]
                }
                Ok(Inspected::Found { violations, warnings }) => judge(&violations, &warnings),
                Err(error) => vec![Finding::error(Chain(&error).to_string())],
            };
            findings.extend(of_stream.into_iter().map(|finding| finding.about(name)));
        }
        findings
    }
}

fn judge(violations: &[Violation], warnings: &[String]) -> Vec<Finding> {
    if violations.is_empty() && warnings.is_empty() {
        return vec![Finding::pass("the settings are as required")];
    }
    let warnings = warnings.iter().map(|warning| Finding::warn(code_of(warning), warning));
    violations.iter().map(violated).chain(warnings).collect()
}

fn violated(violation: &Violation) -> Finding {
    let message = violation.to_string();
    match violation {
        Violation::Setting { setting, is, must, fix, .. } => {
            let code = match *setting {
                "discard" => "EB0007",
                _ => "EB0006",
            };
            Finding::fail(code, message)
                .with("setting", *setting)
                .with("is", is.as_str())
                .with("must", must.as_str())
                .with("fix", fix.as_str())
        }
        Violation::Refused { code, description, .. } => Finding::fail("EB0003", message)
            .with("server_code", *code)
            .with("description", description.as_str()),
    }
}

/// A warning names its setting in its text alone.
fn code_of(warning: &str) -> &'static str {
    if warning.contains("allow_msg_schedules") { "EB0008" } else { "EB0009" }
}
