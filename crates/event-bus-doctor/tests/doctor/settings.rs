//! Settings of streams that lose events, and secrets that cannot be read.

use async_nats::jetstream::stream::{Config, DiscardPolicy};
use event_bus_doctor::{DoctorConfig, Options, bus_checks, run};
use event_bus_runtime::{SecretRef, Status};

use super::world::{World, check_document, entry, outbound};

type Change = fn(&mut Config);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_lose_events_are_named_with_their_remedy() {
    let world = World::start().await;
    world.relay("").await.stop().await;
    let cases: [(&str, Change, Status, &str, &str); 4] = [
        (
            "EVENTS",
            |settings| settings.discard = DiscardPolicy::Old,
            Status::Fail,
            "EB0007",
            "nats stream edit EVENTS --discard=new",
        ),
        (
            "EVENTS",
            |settings| settings.duplicate_window = std::time::Duration::from_secs(60),
            Status::Fail,
            "EB0006",
            "--dupe-window=2h",
        ),
        (
            "DEAD_LETTERS",
            |settings| settings.max_messages_per_subject = 5,
            Status::Fail,
            "EB0006",
            "DEAD_LETTERS",
        ),
        (
            "EVENTS",
            |settings| settings.max_consumers = 100,
            Status::Warn,
            "EB0009",
            "max_consumers",
        ),
    ];
    for (stream, change, status, code, expected) in cases {
        let sound = world.jetstream.get_stream(stream).await.unwrap().cached_info().config.clone();
        let mut settings = sound.clone();
        change(&mut settings);
        if world.jetstream.update_stream(&settings).await.is_err() {
            // Some settings can only be given to a new stream.
            world.jetstream.delete_stream(stream).await.unwrap();
            world.jetstream.create_stream(&settings).await.unwrap();
        }
        let report = world.examine(&outbound("")).await;
        let found = entry(&report, &format!("bus.stream-settings.{stream}"));
        assert_eq!((found.status, found.code()), (status, Some(code)), "{}", report.to_text(false));
        assert!(found.message.contains(expected), "{}", found.message);
        // The doctor changes nothing.
        let after = world.jetstream.get_stream(stream).await.unwrap().cached_info().config.clone();
        assert_eq!(after.discard, settings.discard);
        world.jetstream.delete_stream(stream).await.unwrap();
        world.jetstream.create_stream(&sound).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_cannot_be_read_is_named_by_its_place() {
    let world = World::start().await;
    world.relay("").await.stop().await;
    let secret = Some(SecretRef::Env("GONE".to_owned()));
    let checks = bus_checks(&world.bus_config, &DoctorConfig { secret }, Vec::new());
    let report = run(Options::default(), checks, world.context().await).await;
    check_document(&report);
    let found = entry(&report, "bus.secrets.doctor.secret");
    assert_eq!((found.status, found.code()), (Status::Fail, Some("EB0012")));
    assert!(found.message.contains("GONE"), "{}", found.message);
}
