//! The first proof: the bus is there with its streams, and every service says that it is ready.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::Chain;
use event_bus_runtime::bus::{Inspected, StreamRole, inspect};
use event_bus_runtime::check::reachable;
use event_bus_runtime::{Check, CheckContext, Finding, Severity};
use serde_json::Value;

use super::{Admin, BUS};

/// How long a service may take to say whether it is ready.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Readiness {
    url: String,
    services: Vec<Admin>,
}

impl Readiness {
    /// `url` is shown; it holds no credentials.
    pub(super) fn new(url: String, services: Vec<Admin>) -> Self {
        Self { url, services }
    }
}

#[async_trait]
impl Check for Readiness {
    fn id(&self) -> &'static str {
        "readiness"
    }

    fn component(&self) -> &'static str {
        BUS
    }

    fn severity(&self) -> Severity {
        Severity::Required
    }

    fn needs_bus(&self) -> bool {
        false
    }

    async fn run(&self, context: &CheckContext) -> Vec<Finding> {
        let mut findings = vec![self.connection(context)];
        if context.bus.connected() {
            findings.push(streams(context).await);
        }
        for service in &self.services {
            findings.push(ask(service).await);
        }
        findings
    }
}

impl Readiness {
    fn connection(&self, context: &CheckContext) -> Finding {
        let finding = if context.bus.connected() {
            Finding::pass(format!("connected to {}", self.url))
        } else {
            let problem = context.bus.last_problem();
            let problem = problem.unwrap_or_else(|| "no address answered".to_owned());
            Finding::fail("EB0001", format!("{} cannot be reached: {problem}", self.url))
        };
        finding.about("connection").with("url", self.url.as_str())
    }
}

async fn streams(context: &CheckContext) -> Finding {
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for role in StreamRole::ALL {
        let name = context.streams.name(role);
        match inspect(&context.bus, &context.streams, role).await {
            Ok(Inspected::Found { .. }) => found.push(name),
            Ok(Inspected::Absent) => absent.push(name),
            Err(error) => {
                let message = format!("stream {name} cannot be looked at: {}", Chain(&error));
                return Finding::fail("EB0003", message).about("streams");
            }
        }
    }
    let finding = if absent.is_empty() {
        Finding::pass(format!("the streams {} are there", found.join(", ")))
    } else {
        let message =
            format!("missing: {}; a service creates them when it starts", absent.join(", "));
        Finding::fail("EB0003", message)
    };
    finding.about("streams").with("found", found).with("missing", absent)
}

async fn ask(service: &Admin) -> Finding {
    let address = reachable(service.address);
    let url = format!("http://{address}/readyz");
    let finding = match get(&url).await {
        Ok((200, _)) => Finding::pass(format!("{} is ready", service.service)),
        Ok((status, body)) => {
            let reason = reasons(&body);
            let message = format!("{} is not ready ({status}): {reason}", service.service);
            Finding::fail("EB0002", message).with("status", status)
        }
        Err(error) => {
            let message =
                format!("{} does not answer at {address}: {}", service.service, Chain(&error));
            Finding::fail("EB0002", message)
        }
    };
    finding.about(service.service).with("url", url)
}

async fn get(url: &str) -> Result<(u16, Vec<u8>), reqwest::Error> {
    event_bus_runtime::install_crypto_provider();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(ANSWER_WITHIN)
        .build()?;
    let response = client.get(url).send().await?;
    let status = response.status().as_u16();
    Ok((status, response.bytes().await?.to_vec()))
}

/// What the dependencies that are not ready say.
fn reasons(body: &[u8]) -> String {
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let dependencies = body["dependencies"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failed = dependencies.iter().filter(|dependency| dependency["ok"] != Value::Bool(true));
    let text = |value: &Value| value.as_str().unwrap_or("no reason given").to_owned();
    let reasons: Vec<_> = failed
        .map(|dependency| {
            format!("{}: {}", text(&dependency["name"]), text(&dependency["message"]))
        })
        .collect();
    if reasons.is_empty() { "it does not say why".to_owned() } else { reasons.join("; ") }
}
