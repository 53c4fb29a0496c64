//! The doctor's questions about this service: green on a sound one, red where something was broken on purpose.

use async_nats::jetstream;
use event_bus_runtime::bus::StreamsConfig;
use event_bus_runtime::{
    CheckContext, Clock, EnvMap, Finding, Secret, SecretRef, SecretResolver, SecretsConfig, Status,
};
use serve_inbound::{Config, checks};
use testkit::{CaptureSink, Script};

use crate::world::{GITHUB, Replica, SECRET, World, config};

const DOCTOR_SECRET: &str = "for the doctor";
const PROOF: &str = "signatures-and-duplicates";

const EVERY_PROVIDER: &str = r#"
[[inbound.sources]]
name = "slack"
provider = "slack"
secrets = [{ env = "SECRET" }]
[[inbound.sources]]
name = "stripe"
provider = "stripe"
secrets = [{ env = "SECRET" }]
[[inbound.sources]]
name = "linear"
provider = "linear"
secrets = [{ env = "SECRET" }]
[[inbound.sources]]
name = "standard"
provider = "standard-webhooks"
secrets = [{ env = "WHSEC" }]
[[inbound.sources]]
name = "hmac"
provider = "hmac"
secrets = [{ env = "SECRET" }]
hmac = { header = "X-Sig", algorithm = "sha512", encoding = "base64", prefix = "v1=", signed = "{timestamp}.{id}.{body}", timestamp_header = "X-Time", id_header = "X-Id" }
[[inbound.sources]]
name = "bearer"
provider = "token"
secrets = [{ env = "SECRET" }]
token = { header = "Authorization" }
[[inbound.sources]]
name = "in-url"
provider = "token"
secrets = [{ env = "SECRET" }]
token = { query_param = "the token" }
[[inbound.sources]]
name = "basic"
provider = "basic"
secrets = [{ env = "BASIC" }]
[[inbound.sources]]
name = "open"
provider = "unsigned"
[inbound.events]
auth = { bearer = [{ env = "SECRET" }] }
"#;

const ENV: [(&str, &str); 4] = [
    ("SECRET", SECRET),
    ("WHSEC", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ("BASIC", "user:password"),
    ("DOCTOR", DOCTOR_SECRET),
];

/// Asks one check, with the service expected at `listen`.
async fn ask(
    world: &World,
    toml: &str,
    listen: std::net::SocketAddr,
    doctor: bool,
    id: &str,
) -> Vec<Finding> {
    let config = Config { listen, ..config(toml) };
    let doctor = doctor.then(|| SecretRef::Env("DOCTOR".to_owned()));
    let secrets = SecretResolver::new(EnvMap::from(ENV), &SecretsConfig::default());
    let streams = StreamsConfig::default();
    let context = CheckContext::new(world.bus.clone(), streams, secrets, Clock::system());
    let checks = checks(&config, doctor.as_ref());
    let check = checks.iter().find(|check| check.id() == id).expect("a check of this id");
    let findings = check.run(&context).await;
    for finding in &findings {
        let shown = serde_json::to_string(finding).unwrap();
        assert!(ENV.iter().all(|(_, secret)| !shown.contains(secret)), "{shown}");
    }
    findings
}

async fn serve(world: &World, toml: &str) -> Replica {
    world.serve_with(toml, &ENV, Some(Secret::new(DOCTOR_SECRET))).await.unwrap()
}

fn codes(findings: &[Finding]) -> Vec<&'static str> {
    findings.iter().filter_map(|finding| finding.code).collect()
}

fn all_pass(findings: &[Finding]) -> bool {
    findings.iter().all(|finding| finding.status == Status::Pass)
}

#[tokio::test]
async fn a_sound_service_refuses_every_forgery_and_takes_a_genuine_event_once() {
    let world = World::start().await;
    let toml = format!("{GITHUB}{EVERY_PROVIDER}");
    let replica = serve(&world, &toml).await;
    let findings = ask(&world, &toml, replica.address, true, PROOF).await;
    assert!(all_pass(&findings), "{findings:#?}");
    // Each source but the unsigned one, `/events`, and the built-in source.
    assert_eq!(findings.len(), 11);
    assert_eq!(world.stored().await, 1, "nothing but the doctor's own event");
    let event = world.event(1).await;
    assert!(event.subject.starts_with("doctor.") && event.subject.ends_with(".inbound"));

    let again = ask(&world, &toml, replica.address, true, PROOF).await;
    assert!(all_pass(&again), "a second run has ids of its own: {again:#?}");
}

#[tokio::test]
async fn without_a_secret_only_forgeries_are_tried() {
    let world = World::start().await;
    let replica = serve(&world, GITHUB).await;
    let findings = ask(&world, GITHUB, replica.address, false, PROOF).await;
    let statuses: Vec<_> = findings.iter().map(|finding| finding.status).collect();
    assert_eq!(statuses, [Status::Pass, Status::Skip]);
    assert_eq!(world.stored().await, 0);

    let without = world.serve(GITHUB).await;
    let findings = ask(&world, GITHUB, without.address, true, PROOF).await;
    assert_eq!(findings[1].status, Status::Skip, "the service has no built-in source");
}

#[tokio::test]
async fn a_service_that_accepts_anything_is_found_and_leaves_no_event() {
    let world = World::start().await;
    let open = "[[inbound.sources]]\nname = \"gh\"\nprovider = \"unsigned\"\n";
    let replica = serve(&world, open).await;
    let findings = ask(&world, GITHUB, replica.address, true, PROOF).await;
    assert_eq!(codes(&findings), ["EB0104"]);
    assert_eq!(findings[0].about.as_deref(), Some("gh"));
    assert_eq!(world.stored().await, 1, "the forged event is gone, the doctor's own is there");

    let yes = CaptureSink::scripted(Script::always(202)).await;
    let address = yes.url().trim_start_matches("http://").trim_end_matches('/').parse().unwrap();
    let findings = ask(&world, GITHUB, address, true, PROOF).await;
    assert_eq!(codes(&findings), ["EB0104", "EB0104"]);
}

#[tokio::test]
async fn what_is_wrong_with_a_service_is_told_apart() {
    let world = World::start().await;
    let nowhere = ([127, 0, 0, 1], testkit::free_port()).into();
    let findings = ask(&world, GITHUB, nowhere, true, PROOF).await;
    assert_eq!(codes(&findings), ["EB0105"]);

    let replica = serve(&world, "").await;
    let findings = ask(&world, GITHUB, replica.address, true, PROOF).await;
    assert_eq!(codes(&findings), ["EB0106"]);

    let other = world.serve_with(GITHUB, &ENV, Some(Secret::new("another"))).await.unwrap();
    let findings = ask(&world, GITHUB, other.address, true, PROOF).await;
    assert_eq!(codes(&findings), ["EB0107"]);
    assert_eq!(findings[1].evidence["reason"], "signature_mismatch");

    let limited = serve(&world, &format!("{GITHUB}rate = \"1/h\"")).await;
    assert_eq!(limited.github("a", "push", b"{}").await.status, 202);
    let findings = ask(&world, GITHUB, limited.address, true, PROOF).await;
    assert_eq!(findings[0].status, Status::Skip);
}

#[tokio::test]
async fn the_window_of_the_stream_counts_against_the_time_that_each_sender_repeats() {
    let world = World::start().await;
    let toml = format!("{GITHUB}{EVERY_PROVIDER}");
    let nowhere = ([127, 0, 0, 1], 1).into();
    let window = "duplicate-window";
    let findings = ask(&world, &toml, nowhere, false, window).await;
    let about: Vec<_> = findings.iter().filter_map(|finding| finding.about.as_deref()).collect();
    assert_eq!(about, ["gh", "stripe", "linear", "standard"]);
    assert!(codes(&findings).iter().all(|code| *code == "EB0103"));
    assert_eq!(findings[0].evidence["repeats_for"], "3days");

    let jetstream = world.bus.jetstream();
    let stream = jetstream.get_stream("EVENTS").await.unwrap();
    let wider = jetstream::stream::Config {
        duplicate_window: std::time::Duration::from_secs(4 * 86_400),
        max_age: std::time::Duration::from_secs(4 * 86_400),
        ..stream.cached_info().config.clone()
    };
    jetstream.update_stream(wider).await.unwrap();
    assert!(all_pass(&ask(&world, &toml, nowhere, false, window).await));
}

#[tokio::test]
async fn secrets_of_the_environment_and_open_sources_are_warnings() {
    let world = World::start().await;
    let nowhere = ([127, 0, 0, 1], 1).into();
    let secrets = ask(&world, GITHUB, nowhere, true, "secrets").await;
    assert_eq!(codes(&secrets), ["EB0102"]);
    assert_eq!(secrets[0].status, Status::Warn);
    let missing = GITHUB.replace("SECRET", "GONE");
    let secrets = ask(&world, &missing, nowhere, false, "secrets").await;
    assert_eq!(codes(&secrets), ["EB0101"]);
    assert_eq!(secrets[0].status, Status::Fail);

    let open = ask(&world, EVERY_PROVIDER, nowhere, false, "unsigned-sources").await;
    assert_eq!(codes(&open), ["EB0109"]);
    assert_eq!(open[0].about.as_deref(), Some("open"));
    let events = "[inbound.events]\nauth = \"unsigned\"\n";
    let open = ask(&world, events, nowhere, false, "unsigned-sources").await;
    assert_eq!(open[0].about.as_deref(), Some("events"));
    assert!(all_pass(&ask(&world, GITHUB, nowhere, false, "unsigned-sources").await));
}
