//! A sound system is green, on every supported server, and with what the doctor cannot ask.

use event_bus_doctor::{Options, run};
use event_bus_runtime::Status;
use testkit::{CaptureSink, NatsServer, nats_versions};

use super::world::{
    RETRIES, ROUND_TRIP, SIGNATURES, World, check_document, entry, ids, red, route,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_sound_system_is_green_on_every_server() {
    for version in nats_versions() {
        let world = World::on(NatsServer::builder().version(version).start().await).await;
        let sink = CaptureSink::start().await;
        let relay = world.relay(&route("orders", &sink.url())).await;
        let inbound = world.inbound(true).await;
        let report = world.examine_all(&inbound.config, &relay.config).await;
        let text = report.to_text(false);
        assert_eq!(red(&report), Vec::<String>::new(), "{version}\n{text}");
        // The tests' secrets stand in the environment, and GitHub lets a person repeat an event after days.
        for id in ids(&report, &[Status::Warn]) {
            let known = id.ends_with("secrets.environment") || id.contains("duplicate-window");
            assert!(known, "{version}\n{text}");
        }
        let signatures = ["github", "event-bus-doctor"].map(|name| format!("{SIGNATURES}.{name}"));
        for id in ["bus.readiness.connection", "bus.readiness.relay-outbound", ROUND_TRIP, RETRIES]
            .into_iter()
            .chain(signatures.iter().map(String::as_str))
        {
            assert_eq!(entry(&report, id).status, Status::Pass, "{version}\n{text}");
        }
        let attempts = &entry(&report, RETRIES).evidence["attempts"]["retried"];
        let answered: Vec<_> =
            attempts.as_array().unwrap().iter().map(|one| &one["answered"]).collect();
        assert_eq!(answered, [503, 503, 200], "{version}");
        assert_eq!(sink.requests().len(), 0, "{version}: a user's sink got an event of the doctor");
        inbound.stop().await;
        relay.stop().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_secret_the_proofs_that_need_it_are_skipped_with_the_reason() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let report =
        run(Options::default(), world.checks(&relay.config, false), world.context().await).await;
    check_document(&report);
    assert_eq!(report.exit_code(), 0, "{}", report.to_text(false));
    let skipped = entry(&report, RETRIES);
    assert_eq!(skipped.status, Status::Skip);
    assert!(skipped.message.contains("[doctor]"), "{}", skipped.message);
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn strict_turns_a_warning_into_a_failure() {
    let world = World::start().await;
    let relay = world.relay("").await;
    for (strict, expected) in [(false, 0), (true, 1)] {
        let options = Options { strict, ..Options::default() };
        let report = run(options, world.checks(&relay.config, true), world.context().await).await;
        check_document(&report);
        assert_eq!(report.exit_code(), expected, "{}", report.to_text(false));
        let secrets = entry(&report, "bus.secrets.environment");
        assert_eq!(secrets.status == Status::Fail, strict);
        assert_eq!(secrets.code(), Some("EB0013"));
    }
    relay.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_doctors_at_once_do_not_disturb_each_other() {
    let world = World::start().await;
    let relay = world.relay("").await;
    let (one, two) = tokio::join!(world.examine(&relay.config), world.examine(&relay.config));
    for report in [&one, &two] {
        assert_eq!(red(report), Vec::<String>::new(), "{}", report.to_text(false));
    }
    assert_ne!(one.to_json()["run_id"], two.to_json()["run_id"]);
    relay.stop().await;
}
