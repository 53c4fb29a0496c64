//! What the types cannot say about `[outbound]`. No I/O.

use std::collections::BTreeSet;
use std::time::Duration;

use event_bus_core::subject::Pattern;
use event_bus_core::wire;
use event_bus_runtime::config::Problem;

use super::{Config, RouteConfig};
use crate::filter::Filter;

/// Far below the number of messages that the client holds for a subscription before it drops them.
const MAX_WINDOW: u32 = 10_000;

/// Well below the time after which the server delivers an unsettled message again.
const MAX_WAIT: Duration = Duration::from_secs(10);

impl Config {
    /// Every problem at once; paths start with `outbound`. `stream_subjects` are those of the stream of events.
    pub fn validate(&self, stream_subjects: &[String]) -> Vec<Problem> {
        let stream: Vec<_> =
            stream_subjects.iter().filter_map(|subject| Pattern::parse(subject).ok()).collect();
        let mut problems = Vec::new();
        let mut names = BTreeSet::new();
        for (index, route) in self.routes.iter().enumerate() {
            let path = format!("outbound.routes[{index}]");
            if !names.insert(&route.name) {
                let message =
                    format!("another route is called `{}` too; names must differ", route.name);
                problems.push(Problem { path: format!("{path}.name"), message });
            }
            route.validate(&path, &stream, &mut problems);
        }
        problems
    }
}

impl RouteConfig {
    fn validate(&self, path: &str, stream: &[Pattern], problems: &mut Vec<Problem>) {
        let mut report = |key: &str, message: String| {
            problems.push(Problem { path: format!("{path}.{key}"), message });
        };
        if !wire::is_name(&self.name) {
            report(
                "name",
                format!(
                    "`{}` is no name: use 1 to 63 of a-z, 0-9 and -, not starting with -",
                    self.name
                ),
            );
        } else if self.name == wire::DOCTOR_NAME {
            report(
                "name",
                format!("`{}` is the doctor's own route; choose another name", self.name),
            );
        }
        if self.subjects.is_empty() {
            report("subjects", "name at least one subject, such as \"fleet.>\"".to_owned());
        }
        for (key, message) in self.subject_problems(stream) {
            report(&key, message);
        }
        if let Err(error) = Filter::new(&self.types, &self.sources, self.filter.as_deref()) {
            report("filter", error.to_string());
        }
        if let Err(error) = self.retry.schedule() {
            report("retry.schedule", error.to_string());
        }
        if let Some(prefix) = &self.retry.dead_letter_subject {
            let plain = Pattern::parse(prefix).is_ok() && !prefix.contains(['*', '>']);
            if !plain || !prefix.starts_with("dead.") || prefix.len() > 100 {
                let message = format!(
                    "`{prefix}` is no subject below `dead.`, such as \"dead.{}\"",
                    self.name
                );
                report("retry.dead_letter_subject", message);
            }
        }
        if self.window.get() > MAX_WINDOW {
            report(
                "window",
                format!("must be at most {MAX_WINDOW}: more than that the client cannot hold"),
            );
        }
        if self.window_bytes.bytes() == 0 {
            report("window_bytes", "must be more than 0".to_owned());
        }
        for (key, message) in self.batch_problems() {
            report(key, message);
        }
        for (key, message) in self.sink.validate() {
            report(&format!("sink.{key}"), message);
        }
    }

    fn batch_problems(&self) -> Vec<(&'static str, String)> {
        let Some(batch) = self.batch else { return Vec::new() };
        let mut problems = Vec::new();
        let settings = self.sink.settings();
        if batch.max_events.get() > settings.largest_batch() {
            let (kind, largest) = (settings.kind(), settings.largest_batch());
            problems.push((
                "batch.max_events",
                format!("must be at most {largest}: a {kind} takes no more at once"),
            ));
        }
        if batch.max_events > self.window {
            let window = self.window;
            problems.push((
                "batch.max_events",
                format!("must be at most the route's window, {window}: a larger batch never fills"),
            ));
        }
        if batch.max_wait > MAX_WAIT {
            problems.push(("batch.max_wait", format!("must be at most {}s", MAX_WAIT.as_secs())));
        }
        problems
    }

    fn subject_problems(&self, stream: &[Pattern]) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut patterns: Vec<Pattern> = Vec::new();
        for (index, text) in self.subjects.iter().enumerate() {
            let key = format!("subjects[{index}]");
            let pattern = match Pattern::parse(text) {
                Ok(pattern) => pattern,
                Err(error) => {
                    problems.push((key, format!("`{text}`: {error}")));
                    continue;
                }
            };
            if let Some(other) = patterns.iter().find(|other| other.overlaps(&pattern)) {
                problems.push((
                    key.clone(),
                    format!("`{pattern}` overlaps `{other}`; an event must match only one"),
                ));
            }
            let first = text.split('.').next().unwrap_or_default();
            if [wire::DOCTOR_ROOT, "*", ">"].contains(&first) {
                let message = format!(
                    "`{pattern}` matches the doctor's own events, below `doctor.`; begin with a token such as `fleet`"
                );
                problems.push((key.clone(), message));
            } else if !stream.is_empty() && !stream.iter().any(|subject| subject.overlaps(&pattern))
            {
                let subjects: Vec<_> = stream.iter().map(Pattern::as_str).collect();
                let held = subjects.join(", ");
                let message =
                    format!("no event can match `{pattern}`: the stream of events holds {held}");
                problems.push((key, message));
            }
            patterns.push(pattern);
        }
        problems
    }
}
