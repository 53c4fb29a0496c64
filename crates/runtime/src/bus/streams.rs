//! The three streams: their settings, their defaults and how they are asked of a server.

use std::time::Duration;

use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use event_bus_core::wire;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::subject;
use super::version::Version;
use crate::config::{ByteSize, Problem, duration};

const HOUR: Duration = Duration::from_secs(60 * 60);

/// Subjects of RETRIES: due ones and ones that wait for their time.
const RETRIES_SUBJECTS: [&str; 2] = ["retry.>", "later.>"];

/// Subjects of DEAD_LETTERS.
const DEAD_LETTERS_SUBJECTS: [&str; 1] = ["dead.>"];

/// Which of the three streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StreamRole {
    /// Events as they came in.
    Events,
    /// Events that wait for their next attempt on one route.
    Retries,
    /// Events that a route gave up.
    DeadLetters,
}

/// `[bus.streams]`: the three streams.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamsConfig {
    /// Events as they came in: `EVENTS`, kept 72 h, full means that senders hear 503.
    pub events: StreamConfig,
    /// Events that wait for their next attempt: `RETRIES`. It takes no limits.
    pub retries: StreamConfig,
    /// Events that a route gave up: `DEAD_LETTERS`, kept 30 days.
    pub dead_letters: StreamConfig,
}

/// `[bus.streams.events]` and its siblings, used when a stream is created. What is left out takes
/// the default of that stream. A stream that exists is compared and never changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct StreamConfig {
    /// Name on the server; default `EVENTS`, `RETRIES`, `DEAD_LETTERS`.
    pub name: Option<String>,
    /// Only for `events`, default `["fleet.>"]`; `doctor.>` is always added.
    pub subjects: Option<Vec<String>>,
    /// Copies of each message in a cluster, 1 to 5; default 1.
    pub replicas: Option<usize>,
    /// How long a message is kept, `"0s"` for ever; default 72 h of events, 30 days of dead letters. It counts when the
    /// stream is created; `nats stream edit` changes a stream that exists.
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub max_age: Option<Duration>,
    /// Size at which the stream is full and refuses new messages; default none, which leaves the
    /// disk as the limit. It counts when the stream is created, as `max_age` does.
    pub max_bytes: Option<ByteSize>,
    /// How long the server recognises a repeated message; default 2 h, about 260 bytes of memory
    /// for each message of that time.
    #[serde(with = "duration::option")]
    #[schemars(with = "Option<duration::Text>")]
    pub duplicate_window: Option<Duration>,
}

impl StreamRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Events, Self::Retries, Self::DeadLetters];

    /// Key of its section in the configuration.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Retries => "retries",
            Self::DeadLetters => "dead_letters",
        }
    }

    /// Name of the stream unless the configuration gives another.
    pub const fn default_name(self) -> &'static str {
        match self {
            Self::Events => "EVENTS",
            Self::Retries => "RETRIES",
            Self::DeadLetters => "DEAD_LETTERS",
        }
    }

    /// What becomes of messages that were consumed.
    pub const fn retention(self) -> RetentionPolicy {
        match self {
            Self::Events | Self::DeadLetters => RetentionPolicy::Limits,
            Self::Retries => RetentionPolicy::WorkQueue,
        }
    }

    /// What a full stream drops. RETRIES is never full; schedules refuse `New`.
    pub const fn discard(self) -> DiscardPolicy {
        match self {
            Self::Events | Self::DeadLetters => DiscardPolicy::New,
            Self::Retries => DiscardPolicy::Old,
        }
    }
}

impl StreamsConfig {
    /// The section of a stream.
    pub fn get(&self, role: StreamRole) -> &StreamConfig {
        match role {
            StreamRole::Events => &self.events,
            StreamRole::Retries => &self.retries,
            StreamRole::DeadLetters => &self.dead_letters,
        }
    }

    /// Name of a stream on the server.
    pub fn name(&self, role: StreamRole) -> &str {
        self.get(role).name.as_deref().unwrap_or(role.default_name())
    }

    /// Subjects that a stream must hold.
    pub fn subjects(&self, role: StreamRole) -> Vec<String> {
        let fixed = |subjects: &[&str]| subjects.iter().map(ToString::to_string).collect();
        match role {
            StreamRole::Events => {
                let own = format!("{}.>", wire::DOCTOR_ROOT);
                let mut subjects = match &self.events.subjects {
                    Some(subjects) => subjects.clone(),
                    None => fixed(&["fleet.>"]),
                };
                if !subjects.iter().any(|subject| subject::covers(subject, &own)) {
                    subjects.push(own);
                }
                subjects
            }
            StreamRole::Retries => fixed(&RETRIES_SUBJECTS),
            StreamRole::DeadLetters => fixed(&DEAD_LETTERS_SUBJECTS),
        }
    }

    /// How long a stream must recognise a repeated message, at the least.
    pub fn duplicate_window(&self, role: StreamRole) -> Duration {
        self.get(role).duplicate_window.unwrap_or(2 * HOUR)
    }

    /// How long a stream keeps a message; zero means for ever.
    pub fn max_age(&self, role: StreamRole) -> Duration {
        let default = match role {
            StreamRole::Events => 72 * HOUR,
            StreamRole::Retries => Duration::ZERO,
            StreamRole::DeadLetters => 30 * 24 * HOUR,
        };
        self.get(role).max_age.unwrap_or(default)
    }

    /// Copies of each message.
    pub fn replicas(&self, role: StreamRole) -> usize {
        self.get(role).replicas.unwrap_or(1)
    }

    /// The stream as it is created on a server of that version.
    pub(super) fn wanted(&self, role: StreamRole, version: Version) -> Config {
        let max_bytes = self.get(role).max_bytes.map(|size| i64::try_from(size.bytes()));
        Config {
            name: self.name(role).to_owned(),
            subjects: self.subjects(role),
            retention: role.retention(),
            discard: role.discard(),
            storage: StorageType::File,
            num_replicas: self.replicas(role),
            max_age: self.max_age(role),
            max_bytes: max_bytes.map_or(-1, |size| size.unwrap_or(i64::MAX)),
            max_messages: -1,
            max_messages_per_subject: -1,
            max_message_size: -1,
            max_consumers: -1,
            duplicate_window: self.duplicate_window(role),
            allow_direct: true,
            allow_message_schedules: role == StreamRole::Retries && version >= Version::SCHEDULES,
            ..Config::default()
        }
    }

    /// Every problem at once; paths start with `bus.streams`.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for role in StreamRole::ALL {
            let mut report = |key: &str, message: &str| {
                problems.push(Problem::new(format!("bus.streams.{}.{key}", role.key()), message));
            };
            let name = self.name(role);
            if !is_valid_name(name) {
                report("name", "may hold letters, digits, `-` and `_` only, at most 64");
            }
            if StreamRole::ALL.iter().any(|other| *other < role && self.name(*other) == name) {
                report("name", "is the name of another stream");
            }
            if !(1..=5).contains(&self.replicas(role)) {
                report("replicas", "must be 1 to 5");
            }
            let window = self.duplicate_window(role);
            if window < Duration::from_millis(100) {
                report("duplicate_window", "must be at least 100ms");
            }
            let max_age = self.max_age(role);
            if !max_age.is_zero() && max_age < window {
                report("max_age", "must not be less than duplicate_window");
            }
            if self.get(role).max_bytes == Some(ByteSize(0)) {
                report("max_bytes", "must not be zero; leave it out for no limit");
            }
            match role {
                StreamRole::Events => self.validate_subjects(&mut problems),
                StreamRole::Retries | StreamRole::DeadLetters => {
                    if self.get(role).subjects.is_some() {
                        report("subjects", "are fixed and cannot be set");
                    }
                    let limited = self.get(role).max_bytes.is_some() || !max_age.is_zero();
                    if role == StreamRole::Retries && limited {
                        report(
                            "max_age",
                            "and max_bytes cannot be set: a limit would lose retries",
                        );
                    }
                }
            }
        }
        problems
    }

    fn validate_subjects(&self, problems: &mut Vec<Problem>) {
        let subjects = self.events.subjects.as_deref().unwrap_or_default();
        if self.events.subjects.is_some() && subjects.is_empty() {
            problems.push(Problem::new("bus.streams.events.subjects", "must not be empty"));
        }
        for (index, subject) in subjects.iter().enumerate() {
            let taken = RETRIES_SUBJECTS.iter().chain(&DEAD_LETTERS_SUBJECTS).chain(&["$JS.>"]);
            let mut clashes = taken.filter(|taken| subject::overlap(taken, subject));
            let message = if !subject::is_valid_pattern(subject) {
                "is no subject".to_owned()
            } else if let Some(taken) = clashes.next() {
                format!("overlaps `{taken}`, which belongs to another stream")
            } else {
                continue;
            };
            let path = format!("bus.streams.events.subjects[{index}]");
            problems.push(Problem::new(path, message));
        }
    }
}

fn is_valid_name(name: &str) -> bool {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    (1..=64).contains(&name.len()) && name.chars().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        let config: StreamsConfig = toml::from_str(text).unwrap();
        config.validate().into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn the_defaults_are_valid_and_hold_the_doctor_s_own_events() {
        assert_eq!(problems(""), Vec::<String>::new());
        let config = StreamsConfig::default();
        assert_eq!(config.subjects(StreamRole::Events), ["fleet.>", "doctor.>"]);
        assert_eq!(config.subjects(StreamRole::Retries), ["retry.>", "later.>"]);
        assert_eq!(config.max_age(StreamRole::Events), 72 * HOUR);
        assert_eq!(config.duplicate_window(StreamRole::DeadLetters), 2 * HOUR);
    }

    #[test]
    fn settings_that_would_lose_events_are_problems() {
        for (text, expected) in [
            ("events = { name = 'a.b' }", "bus.streams.events.name"),
            ("retries = { name = 'EVENTS' }", "bus.streams.retries.name"),
            ("events = { replicas = 6 }", "bus.streams.events.replicas"),
            ("events = { duplicate_window = '0s' }", "bus.streams.events.duplicate_window"),
            ("events = { max_age = '1h' }", "bus.streams.events.max_age"),
            ("events = { max_bytes = 0 }", "bus.streams.events.max_bytes"),
            ("events = { subjects = [] }", "bus.streams.events.subjects"),
            ("events = { subjects = ['a', 'b..c'] }", "bus.streams.events.subjects[1]"),
            ("events = { subjects = ['>'] }", "bus.streams.events.subjects[0]"),
            ("events = { subjects = ['dead.x'] }", "bus.streams.events.subjects[0]"),
            ("retries = { subjects = ['x'] }", "bus.streams.retries.subjects"),
            ("retries = { max_age = '3h' }", "bus.streams.retries.max_age"),
            ("retries = { max_bytes = 5 }", "bus.streams.retries.max_age"),
        ] {
            assert_eq!(problems(text), [expected], "{text}");
        }
    }
}
