//! What can be wrong with settings that are each of the right kind. No I/O.

use std::collections::HashSet;
use std::time::Duration;

use event_bus_core::Chain;
use event_bus_core::signature::{Scheme, SigningSecret, Verifier};
use event_bus_core::subject::{Pattern, Template};
use event_bus_core::wire;
use event_bus_runtime::SecretRef;
use event_bus_runtime::config::Problem;

use super::{Config, EventsAuth, EventsConfig, HmacConfig, Provider, SourceConfig};
use crate::EVENTS_ENDPOINT;

/// Decodes under every encoding of secrets; it stands for the real one, which is not read here.
const STAND_IN: &str = "00000000";

/// Room for each header is made before a request is read.
const MAX_HEADERS: usize = 10_000;

/// Requests or connections; a machine has fewer descriptors.
const MAX_AT_ONCE: usize = 1_000_000;

const MAX_BYTES_IN_FLIGHT: u64 = 64 * 1024 * 1024 * 1024;

impl Config {
    /// Every problem at once; paths start with `inbound`. `subjects` are those of the stream that takes the events.
    pub fn validate(&self, subjects: &[String]) -> Vec<Problem> {
        let subjects: Vec<Pattern> =
            subjects.iter().filter_map(|subject| Pattern::parse(subject).ok()).collect();
        let mut problems = Vec::new();
        self.validate_listener(&mut problems);
        let mut names = HashSet::new();
        for (index, source) in self.sources.iter().enumerate() {
            let path = format!("inbound.sources[{index}]");
            if !names.insert(source.name.as_str()) {
                let message = format!("source `{}` exists twice", source.name);
                problems.push(Problem::new(format!("{path}.name"), message));
            }
            self.validate_source(source, &path, &subjects, &mut problems);
        }
        if let Some(events) = &self.events {
            self.validate_events(events, &subjects, &mut problems);
        }
        problems
    }

    fn validate_listener(&self, problems: &mut Vec<Problem>) {
        let mut refuse = |path: &str, message: &str| {
            problems.push(Problem::new(format!("inbound.{path}"), message));
        };
        if self.admin_listen == Some(self.listen) && self.listen.port() != 0 {
            refuse("admin_listen", "the same address as `listen`");
        }
        if let Some(url) = &self.public_url {
            if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
                refuse("public_url", "not an http or https URL");
            } else if url.query().is_some() || url.fragment().is_some() {
                refuse("public_url", "must have no query and no fragment");
            }
        }
        for (key, timeout) in [
            ("limits.header_read_timeout", self.limits.header_read_timeout),
            ("limits.body_read_timeout", self.limits.body_read_timeout),
        ] {
            if timeout.is_zero() {
                refuse(key, "must be longer than 0s");
            }
        }
        if self.limits.max_body_bytes.is_some_and(|limit| limit.bytes() == 0) {
            refuse("limits.max_body_bytes", "must be larger than 0");
        }
        let in_flight = self.limits.max_bytes_in_flight.bytes();
        if !(1024 * 1024..=MAX_BYTES_IN_FLIGHT).contains(&in_flight) {
            refuse("limits.max_bytes_in_flight", "must be between 1MiB and 64GiB");
        }
        for (key, count, most) in [
            ("limits.max_headers", self.limits.max_headers, MAX_HEADERS),
            ("limits.max_concurrent_requests", self.limits.max_concurrent_requests, MAX_AT_ONCE),
            ("limits.max_connections", self.limits.max_connections, MAX_AT_ONCE),
        ] {
            if count.get() > most {
                refuse(key, &format!("must be at most {most}"));
            }
        }
    }

    fn validate_source(
        &self,
        source: &SourceConfig,
        path: &str,
        subjects: &[Pattern],
        problems: &mut Vec<Problem>,
    ) {
        let mut refuse = |key: &str, message: String| {
            problems.push(Problem::new(format!("{path}.{key}"), message));
        };
        if !wire::is_name(&source.name) {
            refuse("name", "must match [a-z0-9][a-z0-9-]{0,62}".to_owned());
        } else if [wire::DOCTOR_NAME, EVENTS_ENDPOINT].contains(&source.name.as_str()) {
            refuse("name", format!("`{}` is reserved", source.name));
        }
        check_secrets(source, &mut refuse);
        check_tables(source, &mut refuse);
        if let Some(hmac) = &source.hmac {
            self.check_hmac(hmac, "hmac.", &mut refuse);
        }
        check_tolerance(source, &mut refuse);
        if let Err(message) = check_subject(source.subject_template(), subjects) {
            refuse("subject", message);
        }
    }

    fn validate_events(
        &self,
        events: &EventsConfig,
        subjects: &[Pattern],
        problems: &mut Vec<Problem>,
    ) {
        let mut refuse = |key: &str, message: String| {
            problems.push(Problem::new(format!("inbound.events.{key}"), message));
        };
        match &events.auth {
            EventsAuth::Unsigned => {}
            EventsAuth::Bearer(secrets) => need_secret(secrets, "auth.bearer", &mut refuse),
            EventsAuth::Hmac(hmac) => {
                need_secret(&hmac.secrets, "auth.secrets", &mut refuse);
                self.check_hmac(&hmac.layout, "auth.hmac.", &mut refuse);
            }
        }
        if let Err(message) = check_subject(&events.subject, subjects) {
            refuse("subject", message);
        }
        for (index, origin) in events.allowed_origins.iter().enumerate() {
            let sound = !origin.is_empty() && origin.bytes().all(|byte| byte.is_ascii_graphic());
            if !sound {
                let message = "an origin is a DNS name, such as `eventgrid.azure.net`, or `*`";
                refuse(&format!("allowed_origins[{index}]"), message.to_owned());
            }
        }
    }

    fn check_hmac(&self, hmac: &HmacConfig, prefix: &str, refuse: &mut dyn FnMut(&str, String)) {
        if hmac.tolerance.is_some_and(|tolerance| tolerance.is_zero()) {
            refuse(&format!("{prefix}tolerance"), "must be longer than 0s".to_owned());
        }
        let scheme = match hmac.scheme() {
            Ok(scheme) => scheme,
            Err(problem) => return refuse(&format!("{prefix}signed"), problem.to_string()),
        };
        if scheme.signed.needs_url() && self.public_url.is_none() {
            let message = "`{url}` is signed, so `inbound.public_url` must be set";
            refuse(&format!("{prefix}signed"), message.to_owned());
        }
        let stand_in = vec![SigningSecret::new(STAND_IN)];
        if let Err(problem) = Verifier::new(Scheme::Hmac(scheme), stand_in, None) {
            refuse(&format!("{prefix}signed"), Chain(&problem).to_string());
        }
    }
}

fn check_secrets(source: &SourceConfig, refuse: &mut dyn FnMut(&str, String)) {
    match source.provider {
        Provider::Unsigned if !source.secrets.is_empty() => {
            refuse(
                "secrets",
                "an unsigned source cannot use a secret; choose a provider".to_owned(),
            );
        }
        Provider::Unsigned => {}
        Provider::Github
        | Provider::Slack
        | Provider::Stripe
        | Provider::Linear
        | Provider::StandardWebhooks
        | Provider::Hmac
        | Provider::Token
        | Provider::Basic => need_secret(&source.secrets, "secrets", refuse),
    }
}

fn need_secret(secrets: &[SecretRef], key: &str, refuse: &mut dyn FnMut(&str, String)) {
    if secrets.is_empty() {
        refuse(key, "needs at least one secret: { env = \"NAME\" } or { file = \"/path\" }".into());
    }
}

fn check_tables(source: &SourceConfig, refuse: &mut dyn FnMut(&str, String)) {
    let tables = [
        ("hmac", source.hmac.is_some(), source.provider == Provider::Hmac),
        ("token", source.token.is_some(), source.provider == Provider::Token),
    ];
    for (table, given, wanted) in tables {
        match (given, wanted) {
            (true, false) => {
                refuse(table, format!("belongs to the provider `{table}` alone"));
            }
            (false, true) => {
                refuse("provider", format!("the provider `{table}` needs the table `{table}`"));
            }
            (true, true) | (false, false) => {}
        }
    }
    if let Some(token) = &source.token {
        match &token.query_param {
            Some(name) if name.is_empty() => {
                refuse("token.query_param", "must not be empty".to_owned());
            }
            None if token.header.is_none() => {
                refuse("token", "needs a `header` or a `query_param`".to_owned());
            }
            Some(_) | None => {}
        }
    }
}

fn check_tolerance(source: &SourceConfig, refuse: &mut dyn FnMut(&str, String)) {
    let in_table = source.hmac.as_ref().and_then(|hmac| hmac.tolerance);
    let Some(tolerance) = source.tolerance else { return };
    if tolerance.is_zero() {
        refuse("tolerance", "must be longer than 0s".to_owned());
    }
    if in_table.is_some() {
        refuse("tolerance", "stands in the table `hmac` as well".to_owned());
    }
    let timed = source.scheme().ok().flatten().and_then(|scheme| scheme.default_tolerance());
    if timed.is_none() && tolerance < Duration::MAX {
        refuse("tolerance", "nothing this provider signs carries a time".to_owned());
    }
}

/// Whether every subject that the template can make belongs to the stream.
fn check_subject(template: &str, subjects: &[Pattern]) -> Result<(), String> {
    Template::parse(template).map_err(|invalid| invalid.to_string())?;
    if template.split('.').next() == Some(wire::DOCTOR_ROOT) {
        return Err(format!("`{}.` is reserved", wire::DOCTOR_ROOT));
    }
    let covered = |pattern: &str| {
        let pattern = Pattern::parse(pattern).ok();
        pattern.is_some_and(|pattern| subjects.iter().any(|subject| subject.covers(&pattern)))
    };
    for pattern in possible_subjects(template) {
        if !covered(&pattern) {
            let streams: Vec<_> = subjects.iter().map(Pattern::as_str).collect();
            return Err(format!(
                "`{pattern}` is outside the stream, whose subjects are {}",
                streams.join(", ")
            ));
        }
    }
    Ok(())
}

/// Patterns that cover whatever the template renders: written-out tokens up to the first variable, then anything.
/// Events without `{event}` or `{action}` drop those tokens, so the beginning alone may be a subject too.
fn possible_subjects(template: &str) -> Vec<String> {
    let tokens: Vec<&str> = template.split('.').collect();
    let written = tokens.iter().take_while(|token| !token.contains('{')).count();
    let beginning = tokens[..written].join(".");
    if written == tokens.len() {
        return vec![beginning];
    }
    let droppable = |token: &&str| token.contains("{event}") || token.contains("{action}");
    if tokens[written..].iter().all(droppable) {
        return vec![format!("{beginning}.>"), beginning];
    }
    vec![format!("{beginning}.>")]
}
