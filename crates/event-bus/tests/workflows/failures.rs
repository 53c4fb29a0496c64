//! What a failure to publish does.

use crate::bus::Bus;
use crate::runner::{Call, Form};

const TYPE: (&str, &str) = ("type", "com.example.made");

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_fails_the_job_or_only_warns() {
    let bus = Bus::start().await;
    for (call, expected) in [
        (bus.to_nats(Form::Workflow, &[("type", "")]), "the type is empty"),
        (
            Call::new(Form::Workflow, &[TYPE, ("url", "")]),
            "the URL of NATS or of POST /events is empty",
        ),
        (bus.to_nats(Form::Workflow, &[TYPE, ("source", "no uri")]), "is not a URI-reference"),
        (
            bus.to_nats(Form::Workflow, &[TYPE, ("subject", "other.x")]),
            "the stream of events holds",
        ),
        (bus.to_nats(Form::Workflow, &[TYPE, ("subject", "fleet.*")]), "without wildcards"),
        (
            bus.to_nats(Form::Action, &[TYPE, ("data-file", "gone")]),
            "there is no file with the data",
        ),
        (bus.to_nats(Form::Action, &[TYPE, ("data", "1")]).payload(b"2"), "there is data twice"),
        (
            bus.to_nats(Form::Workflow, &[TYPE, ("data-artifact", "x")]),
            "there is no file with the data",
        ),
        (
            bus.to_inbound(Form::Workflow, &[TYPE, ("subject", "fleet.x")]),
            "the inbound chooses the subject",
        ),
        (
            bus.to_inbound(Form::Workflow, &[TYPE]).secret("token", "no"),
            "refuses the event with 401",
        ),
        (bus.to_inbound(Form::Workflow, &[TYPE, ("plaintext", "false")]), "the URL is not https"),
        (
            bus.to_nats(Form::Workflow, &[TYPE, ("url", "ftp://x")]),
            "an address starts with nats://",
        ),
    ] {
        let failed = call.end();
        assert_eq!(failed.code, Some(1), "{expected}\n{}", failed.log);
        let annotation = failed.log.lines().last().unwrap();
        assert!(
            annotation.starts_with("::error title=CloudEvent::not published: "),
            "{annotation}"
        );
        assert!(annotation.contains(expected), "{expected}\n{}", failed.log);
        assert_eq!(failed.outputs["published"], "false");
        assert!(!failed.outputs.contains_key("sequence"));

        let warned = call.input("on-failure", "warn").end();
        assert_eq!(warned.code, Some(0), "{}", warned.log);
        let annotation = warned.log.lines().last().unwrap();
        assert!(
            annotation.starts_with("::warning title=CloudEvent::not published: "),
            "{annotation}"
        );
        assert_eq!(warned.outputs, failed.outputs);
        assert!(warned.left.is_empty(), "{:?}", warned.left);
    }
    assert_eq!(bus.stream().await.cached_info().state.messages, 0);
}

/// The runner obeys lines that begin with `::`, unless they stand between two marks.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_stranger_wrote_is_no_command_to_the_runner() {
    let bus = Bus::start().await;
    let hostile = "fleet.%0A\n::add-mask::e\n  ::error::x\n##[error]y";
    let ended = bus.to_nats(Form::Workflow, &[TYPE, ("subject", hostile)]).end();
    assert_eq!(ended.code, Some(1));
    let lines: Vec<_> = ended.log.lines().collect();
    let mark = lines[0].strip_prefix("::stop-commands::").expect("the log begins with a mark");
    assert_eq!(mark.len(), 32);
    let end = lines.iter().position(|line| *line == format!("::{mark}::")).unwrap();
    for line in &lines[end + 1..] {
        assert!(line.starts_with("::error title=CloudEvent::not published: "), "{line}");
    }
    assert!(lines.last().unwrap().contains("`fleet.%250A%0A::add-mask::e%0A"), "{}", ended.log);
    let other = bus.to_nats(Form::Workflow, &[TYPE, ("subject", hostile)]).end();
    assert!(!other.log.contains(mark), "the mark can be known beforehand");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_comes_back_is_waited_for() {
    let bus = Bus::start().await;
    let call = bus.to_nats(Form::Workflow, &[TYPE]);
    bus.nats.kill();
    let running = std::thread::spawn(move || call.end());
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    bus.nats.restart().await;
    let ended = tokio::task::spawn_blocking(|| running.join().unwrap()).await.unwrap();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    assert_eq!(ended.outputs["published"], "true");
}
