//! Configurations that cannot be used: each has a clear answer, with its line and exit code 64.

use std::fs;

use testkit::process::Output;

use crate::world::{LONG, event_bus};

/// Runs a command with this configuration file and this environment.
async fn run_with(text: &str, arguments: &[&str], env: &[(&str, &str)]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.toml");
    fs::write(&path, text).unwrap();
    let mut command = event_bus(arguments).arg("--config").arg(&path);
    for (name, value) in env {
        command = command.env(*name, *value);
    }
    command.output(LONG).await
}

const SOURCE: &str = "[[inbound.sources]]\nname = 'gh'\nprovider = 'github'\n";

#[tokio::test]
async fn a_wrong_file_is_refused_with_its_line_by_every_mode() {
    let misspelt = format!("{SOURCE}secret = [{{ env = 'X' }}]\n");
    let missing = SOURCE.to_owned();
    let literal = format!("{SOURCE}secrets = ['hunter2']\n");
    let reserved = SOURCE.replace("'gh'", "'event-bus-doctor'") + "secrets = [{ env = 'X' }]\n";
    let unknown = "[outbound]\n[[outbound.routes]]\nname = 'r'\nsubjects = ['fleet.>']\n\
                 sink.fax = { url = 'x' }\n";
    for (text, expected) in [
        ("[inbound\n", "bus.toml:1: "),
        (
            misspelt.as_str(),
            "bus.toml:4: inbound.sources[0].secret: unknown key `secret`, did you mean `secrets`?",
        ),
        (missing.as_str(), "bus.toml:1: inbound.sources[0].secrets: needs at least one secret"),
        (literal.as_str(), "write { env = \"NAME\" } or { file = \"/path\" }"),
        (reserved.as_str(), "`event-bus-doctor` is reserved"),
        ("[inbound]\nlisten = '127.0.0.1'\n", "bus.toml:2: inbound.listen"),
        ("[bus]\nurl = 'nats://a:1,nats://b:1'\n", "write several addresses as an array"),
        (unknown, "unknown"),
    ] {
        for mode in ["serve-inbound", "relay-outbound", "up", "check-config", "doctor"] {
            let output = run_with(text, &[mode], &[]).await;
            assert_eq!(output.code(), Some(64), "{mode} {text}\n{}", output.stderr);
            assert!(output.stderr.contains(expected), "{mode} {text}\n{}", output.stderr);
            assert!(!output.stderr.contains("hunter2"), "{}", output.stderr);
            assert_eq!(output.stdout, "", "{mode} {text}");
        }
    }
}

#[tokio::test]
async fn all_problems_come_in_one_message() {
    let text = format!("[bus]\nuser = 'me'\n{SOURCE}[outbound]\ngrace = '5'\n");
    let output = run_with(&text, &["check-config"], &[]).await;
    assert!(output.stderr.contains("bus.toml:7: outbound.grace"), "{}", output.stderr);
    let text = format!("[bus]\nuser = 'me'\n{SOURCE}");
    let output = run_with(&text, &["check-config", "--json"], &[]).await;
    let document: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!((output.code(), &document["ok"]), (Some(64), &serde_json::json!(false)));
    assert_eq!(document["problems"].as_array().unwrap().len(), 2, "{document}");
}

#[tokio::test]
async fn a_sound_file_is_shown_without_looking_at_anything_else() {
    let text = format!(
        "{SOURCE}secrets = [{{ file = '/gone' }}]\n[[outbound.routes]]\nname = 'r'\n\
         subjects = ['fleet.>']\nsink.webhook = {{ url = 'http://127.0.0.1:1/' }}\n"
    );
    let output = run_with(&text, &["check-config"], &[]).await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    for expected in ["is sound", "source gh (github): fleet.repo", "route r (webhook): fleet.>"] {
        assert!(output.stdout.contains(expected), "{}", output.stdout);
    }
}

#[tokio::test]
async fn a_secret_that_is_not_there_keeps_a_service_from_starting() {
    let text = |reference: &str| {
        format!(
            "[bus]\nurl = 'nats://127.0.0.1:1'\n[inbound]\nlisten = '127.0.0.1:0'\n{SOURCE}secrets = [{reference}]\n"
        )
    };
    for (reference, env, expected) in [
        ("{ env = 'GH_SECRET' }", [("OTHER", "x")], "environment variable GH_SECRET is not set"),
        ("{ env = 'GH_SECRET' }", [("GH_SECRET", " ")], "GH_SECRET is empty"),
        ("{ file = '/gone/secret' }", [("OTHER", "x")], "file /gone/secret does not exist"),
    ] {
        let output = run_with(&text(reference), &["serve-inbound"], &env).await;
        assert_eq!(output.code(), Some(64), "{}", output.stderr);
        assert!(output.stderr.contains("source `gh`"), "{}", output.stderr);
        assert!(output.stderr.contains(expected), "{}", output.stderr);
    }
}

#[tokio::test]
async fn the_environment_names_the_file_and_lies_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bus.toml");
    fs::write(&path, format!("{SOURCE}secrets = [{{ env = 'X' }}]\n")).unwrap();
    let check = || event_bus(&["check-config"]).env("EVENT_BUS_CONFIG", &path);
    let output = check().output(LONG).await;
    assert!(output.stdout.contains("source gh"), "{}", output.stderr);
    let output = check().env("EVENT_BUS__INBOUND__LISTENN", "127.0.0.1:1").output(LONG).await;
    assert_eq!(output.code(), Some(64));
    assert!(output.stderr.contains("EVENT_BUS__INBOUND__LISTENN"), "{}", output.stderr);
    let output = event_bus(&["check-config", "--config", "/gone.toml"]).output(LONG).await;
    assert_eq!(output.code(), Some(64));
    assert!(output.stderr.contains("/gone.toml cannot be read"), "{}", output.stderr);
}

#[tokio::test]
async fn nothing_to_check_is_no_sound_configuration() {
    let output = event_bus(&["check-config"]).output(LONG).await;
    assert_eq!(output.code(), Some(64));
    assert!(output.stderr.contains("name a file with --config"), "{}", output.stderr);
    let output = event_bus(&["check-config"])
        .env("EVENT_BUS__INBOUND__LISTEN", "127.0.0.1:1")
        .output(LONG)
        .await;
    assert_eq!(output.code(), Some(0), "{}", output.stderr);
    assert!(output.stderr.contains("no file was read"), "{}", output.stderr);
}

#[tokio::test]
async fn a_service_without_its_section_says_where_it_would_be() {
    for (mode, section) in [("serve-inbound", "[inbound]"), ("relay-outbound", "[outbound]")] {
        let output = event_bus(&[mode]).output(LONG).await;
        assert_eq!(output.code(), Some(64));
        assert!(output.stderr.contains(section), "{}", output.stderr);
        assert!(output.stderr.contains("--config"), "{}", output.stderr);
    }
}
