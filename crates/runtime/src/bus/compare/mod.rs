//! Compares a stream that exists with what is required of it.
//!
//! Only what would lose, repeat or refuse events is required. Everything else is the operator's:
//! limits, replicas, placement, compression. Nothing is ever changed from here.

use std::fmt;
use std::time::Duration;

use async_nats::jetstream::stream::{
    Config, DiscardPolicy, PersistenceMode, RetentionPolicy, StorageType,
};

use super::streams::{StreamConfig, StreamRole, StreamsConfig};
use super::subject;
use super::version::Version;
use crate::config::ByteSize;

/// A stream that cannot be used as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Violation {
    /// A setting of a stream that exists.
    Setting {
        /// Name of the stream.
        stream: String,
        /// The setting.
        setting: &'static str,
        /// Its value.
        is: String,
        /// What is required.
        must: String,
        /// What to do.
        fix: String,
    },
    /// The server refuses to create or to show it.
    Refused {
        /// Name of the stream.
        stream: String,
        /// Error code of the server.
        code: u64,
        /// What the server says.
        description: String,
    },
}

/// What a comparison found.
#[derive(Debug, Default)]
pub(super) struct Comparison {
    pub(super) violations: Vec<Violation>,
    pub(super) warnings: Vec<String>,
}

/// Compares `have` with what the stream of that role must be on a server of that version.
pub(super) fn compare(
    config: &StreamsConfig,
    role: StreamRole,
    have: &Config,
    version: Version,
    max_payload: usize,
) -> Comparison {
    let mut check = Check { stream: &have.name, found: Comparison::default() };
    check.subjects(&config.subjects(role), &have.subjects);
    check.policies(role, have);
    check.times(config, role, have);
    check.limits(role, have, max_payload);
    if role == StreamRole::Retries && version >= Version::SCHEDULES && !have.allow_message_schedules
    {
        // The server was replaced by a newer one. Retries still wait, as they did on the old one.
        check.warn(format!(
            "allow_msg_schedules is false, so the relay holds every waiting retry back itself; run: nats stream edit {} --allow-schedules",
            have.name
        ));
    }
    check.advice(config.replicas(role), have);
    check.configured(config.get(role), have);
    check.found
}

struct Check<'a> {
    stream: &'a str,
    found: Comparison,
}

impl Check<'_> {
    fn subjects(&mut self, required: &[String], have: &[String]) {
        let covered = |wanted: &&String| have.iter().any(|one| subject::covers(one, wanted));
        let missing: Vec<_> = required.iter().filter(|wanted| !covered(wanted)).cloned().collect();
        if !missing.is_empty() {
            let must = format!("with {} too", missing.join(", "));
            let flag = format!("--subjects={}", [have, &missing].concat().join(","));
            self.wrong("subjects", &have.join(", "), &must, &flag);
        }
    }

    fn policies(&mut self, role: StreamRole, have: &Config) {
        if have.retention != role.retention() {
            let (is, must) = (retention(have.retention), retention(role.retention()));
            self.fixed("retention", is, must, role);
        }
        if have.discard != role.discard() {
            let (is, must) = (discard(have.discard), discard(role.discard()));
            self.wrong("discard", is, must, &format!("--discard={must}"));
        }
        let flags = [
            ("sealed", have.sealed),
            ("mirror", have.mirror.is_some()),
            ("deny_purge", have.deny_purge),
            ("deny_delete", have.deny_delete && role == StreamRole::DeadLetters),
        ];
        for (setting, set) in flags {
            if set {
                self.fixed(setting, "set", "unset", role);
            }
        }
        if have.no_ack {
            self.wrong("no_ack", "true", "false", "--ack");
        }
    }

    fn times(&mut self, config: &StreamsConfig, role: StreamRole, have: &Config) {
        let window = config.duplicate_window(role);
        if have.duplicate_window < window {
            let flag = format!("--dupe-window={}", span(window));
            let must = format!("at least {}", span(window));
            self.wrong("duplicate_window", &span(have.duplicate_window), &must, &flag);
        }
        if !have.max_age.is_zero() && have.max_age < window && role != StreamRole::Retries {
            let flag = format!("--max-age={}", span(config.max_age(role)));
            let must = format!("at least {} or unlimited", span(window));
            self.wrong("max_age", &span(have.max_age), &must, &flag);
        }
    }

    fn limits(&mut self, role: StreamRole, have: &Config, max_payload: usize) {
        // With a limit for each subject a full one drops its oldest message, whatever `discard` is.
        if !have.discard_new_per_subject || role == StreamRole::Retries {
            let limit = have.max_messages_per_subject;
            self.unlimited("max_msgs_per_subject", limit, "--max-msgs-per-subject=-1");
        }
        if role == StreamRole::Retries {
            self.unlimited("max_msgs", have.max_messages, "--max-msgs=-1");
            self.unlimited("max_bytes", have.max_bytes, "--max-bytes=-1");
            if !have.max_age.is_zero() {
                self.wrong("max_age", &span(have.max_age), "unlimited", "--max-age=0s");
            }
        }
        let largest = i64::from(have.max_message_size);
        if largest > 0 && usize::try_from(largest).is_ok_and(|largest| largest < max_payload) {
            if role == StreamRole::Events {
                self.warn(format!(
                    "max_msg_size {largest} is less than the server's max_payload {max_payload}, \
                     so larger events are refused"
                ));
            } else {
                // An event that was admitted must find room here later.
                self.unlimited("max_msg_size", largest, "--max-msg-size=-1");
            }
        }
    }

    fn advice(&mut self, replicas: usize, have: &Config) {
        if have.storage == StorageType::Memory {
            self.warn("it is kept in memory only and lost with its server".to_owned());
        }
        if have.num_replicas < replicas {
            let is = have.num_replicas;
            self.warn(format!("it has {is} replicas, the configuration says {replicas}"));
        }
        if have.persist_mode == Some(PersistenceMode::Async) {
            self.warn("persist_mode async confirms messages before they are written".to_owned());
        }
        if have.subject_transform.is_some() {
            self.warn("subject_transform changes subjects, so routes may not match".to_owned());
        }
        if have.max_consumers > 0 {
            let limit = have.max_consumers;
            self.warn(format!("max_consumers is {limit}, each route needs one"));
        }
    }

    /// What the configuration names counts when a stream is made; somebody may think that it counts later as well.
    fn configured(&mut self, wanted: &StreamConfig, have: &Config) {
        let stream = self.stream;
        if let Some(max_age) = wanted.max_age.filter(|max_age| *max_age != have.max_age) {
            let (is, wanted) = (span(have.max_age), span(max_age));
            self.warn(format!(
                "max_age is {is}, the configuration says {wanted}; to change it, run: nats stream edit {stream} --max-age={wanted}"
            ));
        }
        let bytes = |size: ByteSize| i64::try_from(size.bytes()).unwrap_or(i64::MAX);
        if let Some(max_bytes) = wanted.max_bytes.map(bytes).filter(|size| *size != have.max_bytes)
        {
            let is = if have.max_bytes > 0 {
                have.max_bytes.to_string()
            } else {
                "unlimited".to_owned()
            };
            self.warn(format!(
                "max_bytes is {is}, the configuration says {max_bytes}; to change it, run: nats stream edit {stream} --max-bytes={max_bytes}"
            ));
        }
    }

    fn unlimited(&mut self, setting: &'static str, is: i64, flag: &str) {
        if is > 0 {
            self.wrong(setting, &is.to_string(), "unlimited", flag);
        }
    }

    fn wrong(&mut self, setting: &'static str, is: &str, must: &str, flag: &str) {
        let fix = format!("run: nats stream edit {} {flag}", self.stream);
        self.add(setting, is, must, fix);
    }

    /// A setting that a server never changes once a stream has it.
    fn fixed(&mut self, setting: &'static str, is: &str, must: &str, role: StreamRole) {
        let key = role.key();
        let fix = format!(
            "it cannot be changed: delete the stream, or give another bus.streams.{key}.name"
        );
        self.add(setting, is, must, fix);
    }

    fn add(&mut self, setting: &'static str, is: &str, must: &str, fix: String) {
        self.found.violations.push(Violation::Setting {
            stream: self.stream.to_owned(),
            setting,
            is: is.to_owned(),
            must: must.to_owned(),
            fix,
        });
    }

    fn warn(&mut self, message: String) {
        self.found.warnings.push(format!("{}: {message}", self.stream));
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setting { stream, setting, is, must, fix } => {
                write!(f, "{stream}.{setting}: is {is}, must be {must}; {fix}")
            }
            Self::Refused { stream, code, description } => {
                write!(f, "{stream}: the server refuses it: {description} ({code})")
            }
        }
    }
}

fn retention(policy: RetentionPolicy) -> &'static str {
    match policy {
        RetentionPolicy::Limits => "limits",
        RetentionPolicy::Interest => "interest",
        RetentionPolicy::WorkQueue => "workqueue",
    }
}

fn discard(policy: DiscardPolicy) -> &'static str {
    match policy {
        DiscardPolicy::Old => "old",
        DiscardPolicy::New => "new",
    }
}

/// A time span as the `nats` command reads it.
fn span(value: Duration) -> String {
    let seconds = value.as_secs();
    match seconds {
        0 => format!("{}ms", value.as_millis()),
        _ if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        _ if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        _ => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests;
