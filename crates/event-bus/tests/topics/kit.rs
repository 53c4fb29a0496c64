//! The kit of the contract, which knows nothing of this project, against the gateway in place of the reference.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use testkit::process::{Process, Running};
use testkit::{Signer, free_port, http, poll_until, report, tools};

use crate::world::{LONG, Message, Part, World, token};

/// Skipped by the kit itself for the older version.
const NOT_IN_SEED: &str = "not in the seed version";

/// The kit's own stand-ins.
struct StandIns {
    keys: String,
    bridge: String,
    _processes: [Process; 2],
}

fn kit() -> Option<PathBuf> {
    let folder = report::workspace_root().join("../shared/kits/eventgate");
    folder.canonicalize().ok()
}

impl StandIns {
    async fn start(kit: &Path, private_key: &Path) -> Self {
        let script = |name: &str, port: u16| {
            let mut command = Command::new(tools::locate("acceptance/bin/python"));
            command.arg(kit.join("stubs").join(name)).args(["--port", &port.to_string()]);
            command
        };
        let (keys, bridge) = (free_port(), free_port());
        let mut key_server = script("keyserver.py", keys);
        key_server.arg("--private-key").arg(private_key);
        let _processes = [
            Process::spawn(&mut key_server),
            Process::spawn(&mut script("eventbridge_stub.py", bridge)),
        ];
        let url = |port| format!("http://127.0.0.1:{port}/");
        let (keys, bridge) = (url(keys), url(bridge));
        for page in [format!("{keys}health"), format!("{bridge}captured")] {
            poll_until(LONG, &page, async || {
                let answer = http::try_send("GET", &page, &[], b"").await.ok()?;
                (answer.status == 200).then_some(())
            })
            .await;
        }
        Self { keys, bridge, _processes }
    }
}

/// The key A as a file, so that the kit and these tests sign alike.
fn write_private_key(path: &Path) {
    let text = STANDARD.encode(Signer::A);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    fs::write(path, pem).unwrap();
}

/// The configuration folder of the kit's own description.
fn configure(world: &World, kit: &Path, stand_ins: &StandIns) {
    let (data, conf) = (kit.join("data"), world.conf_dir());
    let copies = [("access.kit.json", "access.json"), ("topic_keys.json", "topic_keys.json")];
    let schemas = ["runs", "dlchange", "test", "status_change"]
        .map(|name| format!("topic_schemas/{name}.json"));
    let schemas = schemas.iter().map(|path| (path.as_str(), path.as_str()));
    for (from, to) in copies.into_iter().chain(schemas) {
        fs::write(conf.join(to), fs::read(data.join(from)).unwrap()).unwrap();
    }
    world.change_config(|config| {
        config["token_provider_url"] = stand_ins.keys.clone().into();
        config["token_public_keys_url"] = format!("{}keys", stand_ins.keys).into();
        config["event_bus_arn"] = "arn:aws:events:eu-west-1:123456789012:event-bus/kit".into();
    });
}

/// The older version has no `/health`, so a message tells that all is well.
async fn wait_until_it_takes_messages(world: &World, gateway: &Running) {
    let token = token(&Signer::a(), "IntegrationTestUser");
    let producer = world.producer().with_token(&token);
    poll_until(LONG, "a message to be accepted", async || {
        assert!(gateway.exited().is_none(), "it ended:\n{}", gateway.stderr());
        (producer.try_post(&Message::any()).await?.status == 202).then_some(())
    })
    .await;
}

/// What pytest printed.
fn pytest(world: &World, kit: &Path, stand_ins: &StandIns, key: &Path, profile: &str) -> String {
    let output = Command::new(tools::locate("acceptance/bin/python"))
        .args(["-m", "pytest", "-rs", "--tb=short"])
        .current_dir(kit)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("BASE_URL", world.url(""))
        .env("JWT_PRIVATE_KEY_PEM", key)
        .env("TOKEN_PROVIDER_URL", &stand_ins.keys)
        .env("KAFKA_BOOTSTRAP", world.kafka().server.address())
        .env("PG_DSN", world.database().url())
        .env("PG_ROLE_PASSWORD", world.database().password())
        .env("EVENTBRIDGE_CAPTURE_URL", stand_ins.bridge.trim_end_matches('/'))
        .env("EG_PROFILE", profile)
        .env("EG_STRICT", "1")
        .env("EG_QUIRKS", "improved")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kit_of_the_contract_finds_no_fault_and_skips_nothing() {
    let Some(kit) = kit() else {
        report::loudly(
            "NOT TESTED: ../shared/kits/eventgate is missing, the kit of the contract did not run",
        );
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("jwt.pem");
    write_private_key(&key);
    let stand_ins = StandIns::start(&kit, &key).await;
    let world = World::new(&[Part::Kafka, Part::Postgres]).await;
    let world = world.with_env("AWS_ENDPOINT_URL_EVENTBRIDGE", &stand_ins.bridge);
    configure(&world, &kit, &stand_ins);
    for profile in ["head", "seed"] {
        let gateway = world.gateway().args(["--compat", profile]).spawn();
        wait_until_it_takes_messages(&world, &gateway).await;
        let text = pytest(&world, &kit, &stand_ins, &key, profile);
        let summary = text.lines().last().unwrap_or_default();
        println!("kit, {profile}: {summary}");
        let skipped: Vec<_> = text.lines().filter(|line| line.starts_with("SKIPPED")).collect();
        let allowed = |line: &&&str| profile == "seed" && line.ends_with(NOT_IN_SEED);
        assert!(skipped.iter().filter(allowed).count() == skipped.len(), "{skipped:#?}");
        assert!(summary.contains(" passed"), "{text}");
        assert_eq!(skipped.is_empty(), !summary.contains("skipped"), "{text}");
        gateway.terminate();
        assert!(gateway.wait(LONG).await.is_some());
    }
}
