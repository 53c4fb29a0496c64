//! Settings of the EventBridge sink.

use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::config::duration;
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use super::EventBridgeSink;
use super::fields::{self, Fields};
use crate::sinks::{BuildError, Settings, Sink, SinkContext};

/// Most entries of one `PutEvents`.
const LARGEST_BATCH: u32 = 10;

/// Longest name of a bus, as an ARN.
const MAX_BUS: usize = 1600;

/// `sink.eventbridge`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name or ARN of the bus.
    #[serde(default = "default_bus")]
    pub bus: String,
    /// Region; by default that of the bus's ARN, else what the environment or the profile says.
    pub region: Option<String>,
    /// Profile of the shared AWS configuration files.
    pub profile: Option<String>,
    /// Id of an access key. Without one, credentials are found as by every program of AWS.
    pub access_key_id: Option<String>,
    /// Secret of that access key.
    pub secret_access_key: Option<SecretRef>,
    /// ARN of a role to assume.
    pub role_arn: Option<String>,
    /// Address of EventBridge instead of that of the region.
    #[schemars(with = "Option<String>")]
    pub endpoint_url: Option<Url>,
    /// Address of STS, which is asked for the role, instead of that of the region.
    #[schemars(with = "Option<String>")]
    pub sts_endpoint_url: Option<Url>,
    /// Template of `Source`; default `{source}`.
    pub source: Option<String>,
    /// Template of `DetailType`; default `{type}`.
    pub detail_type: Option<String>,
    /// `Detail`: `event` is the whole event in its structured form, `data` its data; anything else is a template of a JSON
    /// object.
    #[serde(default = "default_detail")]
    pub detail: String,
    /// Template of `Time`; by default that of the event.
    pub time: Option<String>,
    /// Templates of `Resources`.
    #[serde(default)]
    pub resources: Vec<String>,
    /// Template of `TraceHeader`; by default made of the event's `traceparent`.
    pub trace_header: Option<String>,
    /// Time for a delivery, however many requests it takes.
    #[serde(default = "default_timeout", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub timeout: Duration,
}

impl Config {
    /// The region, if the settings tell it.
    pub(super) fn region(&self) -> Option<String> {
        let of_bus = || self.bus.split(':').nth(3).filter(|region| !region.is_empty());
        self.region.clone().or_else(|| of_bus().map(str::to_owned))
    }

    fn bus_problem(&self) -> Option<&'static str> {
        let is_plain = |bus: &str| {
            !bus.is_empty()
                && bus.bytes().all(|b| b.is_ascii_alphanumeric() || b"/.-_".contains(&b))
        };
        let is_arn = |bus: &str| {
            let parts: Vec<_> = bus.splitn(6, ':').collect();
            matches!(parts[..], ["arn", _, "events", region, account, name]
                if !region.is_empty() && !account.is_empty()
                    && name.strip_prefix("event-bus/").is_some_and(is_plain))
        };
        if self.bus.contains(":event-busv2/") {
            return Some("is of the newer kind of bus, which has another API; name a classic one");
        }
        let is_sound = self.bus.len() <= MAX_BUS && (is_plain(&self.bus) || is_arn(&self.bus));
        (!is_sound).then_some(
            "must be the name of a bus, or an ARN such as arn:aws:events:eu-central-1:123456789012:event-bus/orders",
        )
    }
}

impl Settings for Config {
    fn kind(&self) -> &'static str {
        "eventbridge"
    }

    fn finding(&self) -> &'static str {
        "EB0217"
    }

    fn largest_batch(&self) -> u32 {
        LARGEST_BATCH
    }

    fn validate(&self) -> Vec<(String, String)> {
        let mut problems: Vec<(String, String)> = Vec::new();
        let mut report =
            |key: &str, message: &str| problems.push((key.to_owned(), message.to_owned()));
        if let Some(problem) = self.bus_problem() {
            report("bus", problem);
        }
        if self.access_key_id.is_some() != self.secret_access_key.is_some() {
            report("access_key_id", "and `secret_access_key` belong together; write both or none");
        }
        if self.access_key_id.is_some() && self.profile.is_some() {
            report("profile", "and an access key exclude each other; write one or the other");
        }
        if self.role_arn.as_ref().is_some_and(|role| !role.starts_with("arn:")) {
            report("role_arn", "must be an ARN such as arn:aws:iam::123456789012:role/bridge");
        }
        if self.sts_endpoint_url.is_some() && self.role_arn.is_none() {
            report("sts_endpoint_url", "is of use with `role_arn` only; remove it, or name a role");
        }
        for (key, url) in
            [("endpoint_url", &self.endpoint_url), ("sts_endpoint_url", &self.sts_endpoint_url)]
        {
            if url
                .as_ref()
                .is_some_and(|url| !matches!(url.scheme(), "http" | "https") || !url.has_host())
            {
                report(key, "must start with http:// or https:// and name a host");
            }
        }
        if self.source.as_ref().is_some_and(|source| source.starts_with("aws.")) {
            report("source", "must not start with `aws.`, which belongs to AWS");
        }
        if self.timeout < Duration::from_millis(10) || self.timeout > Duration::from_secs(600) {
            report("timeout", "must be between 10ms and 10m");
        }
        if let Err((key, error)) = Fields::parse(self) {
            report(key, &error.to_string());
        }
        for (key, problem) in fields::constant_problems(self) {
            report(key, problem);
        }
        problems
    }

    fn secrets(&self) -> Vec<(String, SecretRef)> {
        let secret = self.secret_access_key.iter().cloned();
        secret.map(|secret| ("secret_access_key".to_owned(), secret)).collect()
    }

    fn build(&self, context: &SinkContext<'_>) -> Result<Box<dyn Sink>, BuildError> {
        Ok(Box::new(EventBridgeSink::build(self, context)?))
    }
}

fn default_bus() -> String {
    "default".to_owned()
}

fn default_detail() -> String {
    "event".to_owned()
}

fn default_timeout() -> Duration {
    Duration::from_secs(15)
}

#[cfg(test)]
mod tests {
    use event_bus_runtime::{Document, EnvMap};

    use super::*;

    fn config(text: &str) -> Config {
        Document::parse("event-bus.toml", text, &EnvMap::default()).unwrap().get().unwrap()
    }

    #[test]
    fn the_default_settings_are_sound_and_a_bus_tells_its_region() {
        assert_eq!(config("").validate(), []);
        for (text, region) in [
            ("", None),
            ("bus = 'arn:aws:events:eu-west-1:123456789012:event-bus/a'", Some("eu-west-1")),
            ("bus = 'arn:aws:events:eu-west-1:1:event-bus/a'\nregion = 'x'", Some("x")),
        ] {
            let config = config(text);
            assert_eq!(config.validate(), [], "{text}");
            assert_eq!(config.region().as_deref(), region);
        }
    }

    #[test]
    fn each_problem_names_its_key() {
        for (text, key) in [
            ("bus = ''", "bus"),
            ("bus = 'a b'", "bus"),
            ("bus = 'arn:aws:events:eu-west-1::event-bus/a'", "bus"),
            ("bus = 'arn:aws:events:eu-west-1:1:event-busv2/a'", "bus"),
            ("access_key_id = 'AKIA'", "access_key_id"),
            ("role_arn = 'bridge'", "role_arn"),
            ("sts_endpoint_url = 'http://127.0.0.1:1'", "sts_endpoint_url"),
            ("endpoint_url = 'ftp://a'", "endpoint_url"),
            ("source = 'aws.ec2'", "source"),
            ("source = '{type'", "source"),
            ("source = ''", "source"),
            ("detail_type = ' '", "detail_type"),
            ("time = 'soon'", "time"),
            ("detail = 'Data'", "detail"),
            ("detail = '{data'", "detail"),
            ("resources = ['a', '{']", "resources"),
            ("timeout = '1ms'", "timeout"),
        ] {
            let problems = config(text).validate();
            assert_eq!(
                problems.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
                [key],
                "{text}"
            );
        }
    }
}
