//! The key server: without its keys no token is genuine.

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::COMPONENT;
use crate::config::TokensConfig;
use crate::token::Keys;

pub(super) struct KeyServer {
    pub(super) tokens: TokensConfig,
}

#[async_trait]
impl Check for KeyServer {
    fn id(&self) -> &'static str {
        "key-server"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    fn needs_bus(&self) -> bool {
        false
    }

    async fn run(&self, _: &CheckContext) -> Vec<Finding> {
        let Some(options) = self.tokens.keys() else {
            return vec![Finding::fail("EB0301", "it is not said where keys of tokens come from")];
        };
        let mut findings = vec![match Keys::fetch(options).await {
            Ok(keys) => {
                let found = keys.status().keys;
                Finding::pass(format!("the key server gives {found} keys")).with("keys", found)
            }
            Err(error) => Finding::fail("EB0301", Chain(&error).to_string()),
        }];
        if self.tokens.insecure {
            let message = "keys are fetched from whoever answers, who can then sign tokens";
            findings.push(Finding::warn("EB0302", message));
        }
        findings
    }
}
