//! `trigger`: every sample of every provider is what a running inbound takes, and nothing that was changed is.

use serde_json::json;

use crate::world::{SECRETS, World, json_lines};

#[tokio::test]
async fn every_sample_is_accepted_and_a_tampered_one_is_not() {
    let world = World::start("").await;
    let running = world.serve_inbound().await;
    let mut sent = 0;
    let sources = SECRETS.iter().map(|(name, _)| *name).filter(|name| *name != "doctor");
    for source in sources.chain(["open"]) {
        let samples = world.json(&["trigger", source]).await;
        for sample in samples[0].as_array().unwrap() {
            let sample = sample.as_str().unwrap();
            let answers = world.json(&["trigger", source, sample]).await;
            assert!(answers[0]["status"] == 202 || answers[0]["status"] == 200, "{answers:?}");
            sent += 1;
            let tampered = world.run(&["trigger", source, sample, "--tamper", "--json"]).await;
            if source == "open" {
                assert_eq!(tampered.code(), Some(64), "{}", tampered.stderr);
                continue;
            }
            assert_eq!(tampered.code(), Some(1), "{source} {sample} {}", tampered.stdout);
            assert_eq!(json_lines(&tampered.stdout)[0]["status"], 401, "{source} {sample}");
        }
    }
    assert_eq!(sent, 28);
    world.stop(running).await;
    world.assert_silent_about_secrets();
}

#[tokio::test]
async fn a_repeated_request_is_a_duplicate_and_a_handshake_is_answered() {
    let world = World::start("").await;
    let running = world.serve_inbound().await;
    let answers = world.json(&["trigger", "github", "push", "--id", "d-1", "--repeat", "3"]).await;
    let duplicates: Vec<_> = answers.iter().map(|answer| &answer["answer"]["duplicate"]).collect();
    assert_eq!(duplicates, [&json!(false), &json!(true), &json!(true)]);
    assert_eq!(answers[0]["answer"]["subject"], "fleet.repo.push");
    assert!(answers.iter().all(|answer| answer["id"] == "d-1"));

    let answers = world.json(&["trigger", "slack", "url_verification"]).await;
    assert!(answers[0]["answer"]["challenge"].is_string(), "{answers:?}");
    let answers = world.json(&["trigger", "slack", "slash_command"]).await;
    assert_eq!(answers[0]["answer"]["subject"], "fleet.slack.slash_command.lamp");

    let body = world.folder.path().join("body.json");
    std::fs::write(&body, "{\"mine\": true}").unwrap();
    let body = body.to_str().unwrap();
    let answers = world.json(&["trigger", "github", "push", "--data-file", body]).await;
    let seq = answers[0]["answer"]["seq"].as_u64().unwrap();
    let stored = world.nats.jetstream().await.get_stream("EVENTS").await.unwrap();
    let stored = stored.get_raw_message(seq).await.unwrap().payload;
    assert!(String::from_utf8_lossy(&stored).contains("{\"mine\": true}"));
    world.stop(running).await;
}

#[tokio::test]
async fn what_is_not_known_is_answered_with_what_is() {
    let world = World::start("").await;
    for (arguments, code, expected) in [
        (&["trigger", "gitlab", "push"][..], 64, "configured are github, slack"),
        (&["trigger", "github", "pushed"], 64, "known are ping, push, pull_request.opened"),
        (&["trigger", "github", "push"], 1, "does serve-inbound run there?"),
        (&["trigger", "github", "push", "--header", "x"], 64, "NAME:VALUE"),
        (&["trigger", "github", "push", "--repeat", "0"], 64, "--repeat"),
        (&["trigger", "github", "push", "--to", "localhost:8080"], 64, "http://"),
        (&["trigger", "github", "push", "--to", "ftp://localhost/"], 64, "https://"),
    ] {
        let output = world.run(arguments).await;
        assert_eq!(output.code(), Some(code), "{arguments:?}\n{}", output.stderr);
        assert!(output.stderr.contains(expected), "{arguments:?}\n{}", output.stderr);
    }
}
