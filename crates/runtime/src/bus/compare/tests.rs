use super::*;

const NEW: Version = Version::new(2, 15, 1);

fn check(role: StreamRole, change: impl FnOnce(&mut Config)) -> (Vec<String>, Vec<String>) {
    let config = StreamsConfig::default();
    let mut have = config.wanted(role, NEW);
    change(&mut have);
    let found = compare(&config, role, &have, NEW, 1 << 20);
    (found.violations.iter().map(ToString::to_string).collect(), found.warnings)
}

#[test]
fn a_stream_that_we_made_fits() {
    for role in StreamRole::ALL {
        assert_eq!(check(role, |_| {}), (Vec::new(), Vec::new()), "{role:?}");
    }
}

#[test]
fn settings_of_an_operator_that_harm_nothing_fit() {
    let (violations, warnings) = check(StreamRole::Events, |have| {
        have.subjects = vec![">".to_owned()];
        have.max_bytes = 1 << 30;
        have.max_messages = 1_000_000;
        have.max_age = Duration::from_secs(7200);
        have.duplicate_window = Duration::from_secs(86_400);
        have.num_replicas = 3;
        have.deny_delete = true;
        have.max_messages_per_subject = 1;
        have.discard_new_per_subject = true;
    });
    assert_eq!((violations, warnings), (Vec::new(), Vec::new()));
}

#[test]
fn a_limit_of_the_configuration_that_the_stream_has_not_is_named() {
    let text = "max_age = '168h'\nmax_bytes = '5GiB'\n";
    let events = toml::from_str(text).unwrap();
    let config = StreamsConfig { events, ..StreamsConfig::default() };
    let have = StreamsConfig::default().wanted(StreamRole::Events, NEW);
    let found = compare(&config, StreamRole::Events, &have, NEW, 1 << 20);
    assert_eq!(found.violations, []);
    assert_eq!(
        found.warnings,
        [
            "EVENTS: max_age is 72h, the configuration says 168h; to change it, run: nats stream edit EVENTS --max-age=168h",
            "EVENTS: max_bytes is unlimited, the configuration says 5368709120; to change it, run: nats stream edit EVENTS --max-bytes=5368709120",
        ]
    );
    let have = config.wanted(StreamRole::Events, NEW);
    assert_eq!(compare(&config, StreamRole::Events, &have, NEW, 1 << 20).warnings, [""; 0]);
}

#[test]
fn what_would_lose_events_is_a_violation_with_its_remedy() {
    use StreamRole::{DeadLetters, Events, Retries};
    type Change = fn(&mut Config);
    let cases: [(StreamRole, Change, &str); 11] = [
        (
            Events,
            |have| have.duplicate_window = Duration::from_secs(120),
            "EVENTS.duplicate_window: is 2m, must be at least 2h; run: nats stream edit EVENTS --dupe-window=2h",
        ),
        (
            Events,
            |have| have.subjects = vec!["fleet.repo.>".to_owned(), "doctor.>".to_owned()],
            "EVENTS.subjects: is fleet.repo.>, doctor.>, must be with fleet.> too; run: nats stream edit EVENTS --subjects=fleet.repo.>,doctor.>,fleet.>",
        ),
        (
            Events,
            |have| have.discard = DiscardPolicy::Old,
            "EVENTS.discard: is old, must be new; run: nats stream edit EVENTS --discard=new",
        ),
        (
            Events,
            |have| have.max_age = Duration::from_secs(60),
            "EVENTS.max_age: is 1m, must be at least 2h or unlimited; run: nats stream edit EVENTS --max-age=72h",
        ),
        (
            Events,
            |have| have.retention = RetentionPolicy::WorkQueue,
            "EVENTS.retention: is workqueue, must be limits; it cannot be changed: delete the stream, or give another bus.streams.events.name",
        ),
        (
            Events,
            |have| have.max_messages_per_subject = 1,
            "EVENTS.max_msgs_per_subject: is 1, must be unlimited; run: nats stream edit EVENTS --max-msgs-per-subject=-1",
        ),
        (
            Events,
            |have| have.no_ack = true,
            "EVENTS.no_ack: is true, must be false; run: nats stream edit EVENTS --ack",
        ),
        (
            Retries,
            |have| have.max_bytes = 5,
            "RETRIES.max_bytes: is 5, must be unlimited; run: nats stream edit RETRIES --max-bytes=-1",
        ),
        (
            Retries,
            |have| have.max_age = Duration::from_secs(5),
            "RETRIES.max_age: is 5s, must be unlimited; run: nats stream edit RETRIES --max-age=0s",
        ),
        (
            DeadLetters,
            |have| have.max_message_size = 1000,
            "DEAD_LETTERS.max_msg_size: is 1000, must be unlimited; run: nats stream edit DEAD_LETTERS --max-msg-size=-1",
        ),
        (
            DeadLetters,
            |have| have.deny_delete = true,
            "DEAD_LETTERS.deny_delete: is set, must be unset; it cannot be changed: delete the stream, or give another bus.streams.dead_letters.name",
        ),
    ];
    for (role, change, expected) in cases {
        assert_eq!(check(role, change).0, [expected]);
    }
}

#[test]
fn what_is_risky_is_a_warning() {
    type Change = fn(&mut Config);
    let cases: [(Change, &str); 4] = [
        (|have| have.storage = StorageType::Memory, "EVENTS: it is kept in memory only"),
        (|have| have.max_message_size = 1000, "EVENTS: max_msg_size 1000 is less than"),
        (|have| have.persist_mode = Some(PersistenceMode::Async), "EVENTS: persist_mode async"),
        (|have| have.max_consumers = 3, "EVENTS: max_consumers is 3"),
    ];
    for (change, expected) in cases {
        let (violations, warnings) = check(StreamRole::Events, change);
        assert_eq!(violations, Vec::<String>::new());
        assert!(warnings.len() == 1 && warnings[0].starts_with(expected), "{warnings:?}");
    }
}

#[test]
fn an_older_server_is_not_asked_for_schedules() {
    let config = StreamsConfig::default();
    let old = Version::new(2, 10, 26);
    let have = config.wanted(StreamRole::Retries, old);
    assert!(!have.allow_message_schedules);
    let found = compare(&config, StreamRole::Retries, &have, old, 1 << 20);
    assert!(found.violations.is_empty());
    // The server was replaced by a newer one, the stream is still the old one: that works, and can be better.
    let found = compare(&config, StreamRole::Retries, &have, NEW, 1 << 20);
    assert!(found.violations.is_empty());
    assert!(
        found.warnings[0].contains("nats stream edit RETRIES --allow-schedules"),
        "{:?}",
        found.warnings
    );
}
