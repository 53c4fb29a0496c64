//! Whether every configured route has its consumers, and a relay that reads them.

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};

use super::{COMPONENT, unknown};
use crate::config::RouteConfig;
use crate::consumers::{self, ConsumerError, Wanted};
use crate::store::StreamNames;

pub(super) struct RouteConsumers {
    pub(super) names: StreamNames,
    pub(super) routes: Vec<RouteConfig>,
}

#[async_trait]
impl Check for RouteConsumers {
    fn id(&self) -> &'static str {
        "routes"
    }

    fn component(&self) -> &'static str {
        COMPONENT
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let mut findings = Vec::new();
        for route in &self.routes {
            let finding = match self.look(route, context).await {
                Ok(finding) => finding,
                Err(error) => unknown(&error),
            };
            findings.push(finding.about(&route.name));
        }
        findings
    }
}

impl RouteConsumers {
    async fn look(
        &self,
        route: &RouteConfig,
        context: &CheckContext,
    ) -> Result<Finding, ConsumerError> {
        let window = route.window.get();
        let start = route.start.deliver_policy();
        let events = Wanted::events(&self.names, &route.name, &route.subjects, start, window);
        let retries = Wanted::retries(&self.names, &route.name, window, false);
        for wanted in [&events, &retries] {
            let stream = &wanted.stream;
            let Some(info) = consumers::look_up(&context.bus, stream, &route.name).await? else {
                let message =
                    format!("it has no consumer on {stream} yet: no relay has started it");
                return Ok(Finding::fail("EB0209", message));
            };
            if let Err(error) = consumers::check(wanted, &info) {
                return Ok(Finding::fail("EB0210", Chain(&error).to_string()));
            }
            if !info.push_bound {
                let message = format!("no relay is connected to its consumer on {stream}");
                return Ok(Finding::fail("EB0209", message).with("pending", info.num_pending));
            }
        }
        Ok(Finding::pass("a relay delivers for it").with("subjects", route.subjects.clone()))
    }
}
