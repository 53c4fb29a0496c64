//! Usage that is no usage, and starts that cannot succeed.

use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::time::Duration;

use testkit::{Bin, NatsServer};

use crate::world::{LONG, World, event_bus};

#[tokio::test]
async fn misuse_is_64_and_help_is_success() {
    for (arguments, code) in [
        (&["--help"][..], 0),
        (&["--version"], 0),
        (&["listen", "--help"], 0),
        (&["doctor", "explain", "EB0007"], 0),
        (&["doctor", "explain"], 0),
        (&[], 64),
        (&["nonsense"], 64),
        (&["listen", "--nonsense"], 64),
        (&["publish"], 64),
        (&["--url", "http://x", "listen"], 64),
        (&["doctor", "explain", "EB9999"], 64),
        (&["dead-letters", "redrive"], 64),
        (&["dead-letters", "purge", "--all", "--route", "x"], 64),
        (&["listen", "--subject", "a..b"], 64),
        (&["listen", "--filter", "nope =="], 64),
        (&["up", "--url", "nats://127.0.0.1:1"], 64),
        (&["up", "--nats-server", "/gone/nats-server"], 64),
    ] {
        let output = event_bus(arguments).output(LONG).await;
        assert_eq!(output.code(), Some(code), "{arguments:?}\n{}", output.stderr);
        assert_eq!(output.stdout.is_empty(), code != 0, "{arguments:?}\n{}", output.stdout);
    }
}

#[tokio::test]
async fn a_link_named_after_a_mode_is_that_mode() {
    let folder = tempfile::tempdir().unwrap();
    for (name, expected) in [
        ("serve-inbound", "there is no section [inbound]"),
        ("relay-outbound", "there is no section [outbound]"),
    ] {
        let link = folder.path().join(name);
        symlink(env!("CARGO_BIN_EXE_event-bus"), &link).unwrap();
        let output = Bin::at(&link).output(LONG).await;
        assert_eq!(output.code(), Some(64));
        assert!(output.stderr.contains(expected), "{name}: {}", output.stderr);
    }
    let link = folder.path().join("event-bus-doctor");
    symlink(env!("CARGO_BIN_EXE_event-bus"), &link).unwrap();
    let output = Bin::at(&link).args(["explain", "EB0001"]).output(LONG).await;
    assert!(output.stdout.starts_with("# EB0001"), "{}", output.stderr);
}

#[tokio::test]
async fn a_taken_port_is_named_with_what_to_do() {
    let world = World::start("").await;
    let _taken = TcpListener::bind(world.inbound).unwrap();
    for mode in ["serve-inbound", "up"] {
        let folder = world.folder.path().join("data");
        let mut command = world.event_bus(&[mode]);
        if mode == "up" {
            command = command.args(["--nats-port", "0", "--data"]).arg(folder);
        }
        let output = command.output(LONG).await;
        assert_eq!(output.code(), Some(1), "{}", output.stderr);
        let expected = format!("serve-inbound cannot listen on {}", world.inbound);
        assert!(output.stderr.contains(&expected), "{}", output.stderr);
        assert!(output.stderr.contains("choose another port"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn refused_credentials_and_streams_that_do_not_fit_end_a_start() {
    let nats = NatsServer::builder().user("bridge", "right").start().await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("bus.toml");
    let text = format!(
        "[bus]\nurl = '{}'\nuser = 'bridge'\npassword = {{ env = 'BUS_PASSWORD' }}\n\
         [inbound]\nlisten = '127.0.0.1:0'\n[outbound]\n",
        nats.url()
    );
    std::fs::write(&config, text).unwrap();
    let start = |mode: &str, password: &str| {
        event_bus(&[mode, "--config"]).arg(&config).env("BUS_PASSWORD", password)
    };
    let output = start("serve-inbound", "wrong-password").output(LONG).await;
    assert_eq!(output.code(), Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("the bus refused the credentials"), "{}", output.stderr);
    assert!(!output.stderr.contains("wrong-password"), "{}", output.stderr);

    let stream = async_nats::jetstream::stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["fleet.>".to_owned(), "doctor.>".to_owned()],
        duplicate_window: Duration::from_secs(120),
        ..Default::default()
    };
    nats.jetstream().await.create_stream(stream).await.unwrap();
    for mode in ["serve-inbound", "relay-outbound"] {
        let output = start(mode, "right").output(LONG).await;
        assert_eq!(output.code(), Some(1), "{}", output.stderr);
        assert!(output.stderr.contains("EVENTS.duplicate_window"), "{}", output.stderr);
    }
}

#[tokio::test]
async fn a_command_says_that_the_broker_is_away() {
    for arguments in [
        &["publish", "--type", "com.example.x"][..],
        &["listen"],
        &["routes", "list"],
        &["dead-letters", "list"],
    ] {
        let output = event_bus(arguments).args(["--url", "nats://127.0.0.1:1"]).output(LONG).await;
        assert_eq!(output.code(), Some(1), "{arguments:?}\n{}", output.stderr);
        assert!(output.stderr.contains("127.0.0.1:1 cannot be reached"), "{}", output.stderr);
    }
}
