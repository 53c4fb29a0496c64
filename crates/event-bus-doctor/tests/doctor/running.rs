//! How checks are run, whatever they do.

use std::time::Duration;

use async_trait::async_trait;
use event_bus_doctor::{Options, run};
use event_bus_runtime::{Check, CheckContext, Finding, SecretRef, Severity, Status};

use super::world::{SECRETS, World, check_document, entry};

#[derive(Clone, Copy)]
enum Manner {
    Hangs,
    SaysNothing,
    Leaks,
    RepeatsItself,
}

struct Odd(&'static str, Manner);

#[async_trait]
impl Check for Odd {
    fn id(&self) -> &'static str {
        self.0
    }

    fn component(&self) -> &'static str {
        "odd"
    }

    fn severity(&self) -> Severity {
        Severity::Informational
    }

    fn secrets(&self) -> Vec<SecretRef> {
        vec![SecretRef::Env("GITHUB".to_owned())]
    }

    async fn run(&self, _: &CheckContext) -> Vec<Finding> {
        let secret = SECRETS[1].1;
        match self.1 {
            Manner::Hangs => std::future::pending().await,
            Manner::SaysNothing => Vec::new(),
            Manner::Leaks => {
                let message = format!("{secret} was refused");
                vec![Finding::warn("EB0001", message).with("sent", vec![secret])]
            }
            Manner::RepeatsItself => vec![Finding::pass("a"), Finding::pass("b").about("x")],
        }
    }
}

fn odd_checks() -> Vec<Box<dyn Check>> {
    vec![
        Box::new(Odd("hangs", Manner::Hangs)),
        Box::new(Odd("nothing", Manner::SaysNothing)),
        Box::new(Odd("leaks", Manner::Leaks)),
        Box::new(Odd("twice", Manner::RepeatsItself)),
        Box::new(Odd("twice", Manner::RepeatsItself)),
    ]
}

#[tokio::test]
async fn every_check_ends_is_unique_and_shows_no_secret() {
    let world = World::start().await;
    let mut context = world.context().await;
    context.deadline = Duration::from_millis(100);
    let report = run(Options::default(), odd_checks(), context).await;
    check_document(&report);
    let hung = entry(&report, "odd.hangs");
    assert_eq!(hung.status, Status::Error);
    assert!(hung.message.contains("did not end within 0.1 s"), "{}", hung.message);
    assert_eq!(entry(&report, "odd.nothing").status, Status::Skip);
    let leak = entry(&report, "odd.leaks");
    assert_eq!(leak.message, "*** was refused");
    assert_eq!(leak.evidence["sent"], serde_json::json!(["***"]));
    assert_eq!(leak.redactions, ["message", "evidence.sent"]);
    for id in ["odd.twice", "odd.twice.x", "odd.twice.2", "odd.twice.x.2"] {
        assert_eq!(entry(&report, id).status, Status::Pass);
    }
    assert_eq!((report.status(), report.exit_code()), (Status::Error, 1));
}

#[tokio::test]
async fn what_was_not_asked_in_time_is_an_error_and_not_silently_green() {
    let world = World::start().await;
    let options = Options { deadline: Duration::ZERO, ..Options::default() };
    let checks: Vec<Box<dyn Check>> = vec![Box::new(Odd("twice", Manner::RepeatsItself))];
    let report = run(options, checks, world.context().await).await;
    check_document(&report);
    assert_eq!(entry(&report, "odd.twice").status, Status::Error, "{}", report.to_text(false));
    assert_eq!(report.exit_code(), 1);
}

#[tokio::test]
async fn the_text_has_a_line_for_each_finding_and_says_how_to_learn_more() {
    let world = World::start().await;
    let mut context = world.context().await;
    context.deadline = Duration::from_millis(100);
    let report = run(Options::default(), odd_checks(), context).await;
    let text = report.to_text(false);
    for line in [
        "[ERROR] odd.hangs",
        "[SKIP]  odd.nothing",
        "[WARN]  odd.leaks",
        "event-bus doctor explain EB0001",
        "[PASS]  odd.twice.x.2  b",
        "4 passed, 1 to be mended, 0 failed, 1 skipped, 1 broken",
    ] {
        assert!(text.contains(line), "{line} is not in\n{text}");
    }
    assert!(!text.contains('\x1b') && report.to_text(true).contains("\x1b[33m[WARN]"));
}
