//! Whether every configured sink could deliver, found out without sending an event to any of them.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::{Check, CheckContext, Finding, SecretRef, Severity};
use futures_util::future::join_all;
use tokio::time::timeout;

use super::{COMPONENT, secrets};
use crate::address::AddressGuard;
use crate::config::{Config, RouteConfig};
use crate::objects::Objects;
use crate::sinks::{BuildError, Paces, Sink, SinkContext, http_client};

/// How long one sink may take; all are asked at once.
const WITHIN: Duration = Duration::from_secs(10);

pub(super) struct Sinks {
    pub(super) config: Config,
}

#[async_trait]
impl Check for Sinks {
    fn id(&self) -> &'static str {
        "sinks"
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

    fn secrets(&self) -> Vec<SecretRef> {
        secrets(&self.config.routes).into_iter().map(|(_, reference)| reference).collect()
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let routes = &self.config.routes;
        if routes.is_empty() {
            return vec![Finding::pass("no route is configured")];
        }
        join_all(routes.iter().map(|route| self.look(route, context))).await
    }
}

impl Sinks {
    async fn look(&self, route: &RouteConfig, context: &CheckContext) -> Finding {
        let settings = route.sink.settings();
        let (kind, code) = (settings.kind(), settings.finding());
        let sink = match self.build(route, context) {
            Ok(sink) => sink,
            Err(error) => {
                let message = format!("the {kind} sink cannot be built: {}", Chain(&error));
                return Finding::fail(code, message).about(&route.name);
            }
        };
        let finding = match timeout(WITHIN.min(context.deadline), sink.check()).await {
            Ok(Ok(seen)) => Finding::pass(format!("the {kind} sink can deliver: {seen}")),
            Ok(Err(error)) => {
                Finding::fail(code, format!("the {kind} sink cannot deliver: {}", Chain(&error)))
            }
            Err(_) => {
                let seconds = WITHIN.as_secs();
                Finding::fail(code, format!("the {kind} sink got no answer within {seconds} s"))
            }
        };
        sink.close().await;
        finding.about(&route.name)
    }

    fn build(
        &self,
        route: &RouteConfig,
        context: &CheckContext,
    ) -> Result<Box<dyn Sink>, BuildError> {
        let client = context.bus.client();
        let guard = AddressGuard::new(self.config.deny_private, self.config.allow_cidrs.clone());
        route.sink.settings().build(&SinkContext {
            secrets: &context.secrets,
            guard: &guard,
            clock: &context.clock,
            http: &http_client(&guard)?,
            client,
            objects: &Objects::new(client.clone(), &self.config.data_buckets),
            paces: &Paces::default(),
        })
    }
}
