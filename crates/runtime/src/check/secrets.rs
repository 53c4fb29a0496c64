//! The check of secrets that every service has: each can be read, and none comes from the
//! environment, where other processes of the same user see it.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::Chain;

use super::{Check, CheckContext, Finding, Severity};
use crate::secret::SecretRef;

/// How long a vault that is away is tried.
const FETCH_WITHIN: Duration = Duration::from_secs(5);

/// Reads every secret that a section of the configuration names.
#[derive(Debug)]
pub struct SecretsCheck {
    component: &'static str,
    unreadable: &'static str,
    from_environment: &'static str,
    references: Vec<(String, SecretRef)>,
}

impl SecretsCheck {
    /// The check of a component. `references` holds each secret with its path in the configuration;
    /// `unreadable` and `from_environment` are the codes of the two findings.
    pub fn new(
        component: &'static str,
        unreadable: &'static str,
        from_environment: &'static str,
        references: Vec<(String, SecretRef)>,
    ) -> Self {
        Self { component, unreadable, from_environment, references }
    }
}

#[async_trait]
impl Check for SecretsCheck {
    fn id(&self) -> &'static str {
        "secrets"
    }

    fn component(&self) -> &'static str {
        self.component
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    fn needs_bus(&self) -> bool {
        false
    }

    fn secrets(&self) -> Vec<SecretRef> {
        self.references.iter().map(|(_, reference)| reference.clone()).collect()
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        // Whatever cannot be fetched has its own finding below.
        let wanted = self.references.iter().map(|(_, reference)| reference);
        context.secrets.fetch_within(wanted, FETCH_WITHIN).await.ok();
        let mut findings = Vec::new();
        let mut from_environment = Vec::new();
        for (path, reference) in &self.references {
            match context.secrets.resolve(reference) {
                Ok(_) if matches!(reference, SecretRef::Env(_)) => {
                    from_environment.push(path.as_str());
                }
                Ok(_) => {}
                Err(error) => {
                    let message = format!("{path} cannot be read: {}", Chain(&error));
                    findings.push(Finding::fail(self.unreadable, message).about(path));
                }
            }
        }
        if !from_environment.is_empty() {
            let message = format!(
                "{} of {} secrets come from environment variables; files are safer",
                from_environment.len(),
                self.references.len()
            );
            let finding = Finding::warn(self.from_environment, message);
            findings.push(finding.about("environment").with("settings", from_environment));
        }
        if findings.is_empty() {
            findings.push(if self.references.is_empty() {
                Finding::pass("no secret is needed")
            } else {
                let count = self.references.len();
                Finding::pass(format!("every secret can be read from its file or vault ({count})"))
            });
        }
        findings
    }
}
