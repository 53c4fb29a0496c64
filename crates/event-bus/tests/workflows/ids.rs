//! Which events are one event.

use std::collections::BTreeSet;

use futures_util::StreamExt as _;

use crate::bus::Bus;
use crate::runner::{Call, Ended, Form};

fn end(call: &Call) -> Ended {
    let ended = call.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_differ_and_agree_as_they_should() {
    let bus = Bus::start().await;
    let mut watching = bus.nats.connect().await.subscribe("fleet.>").await.unwrap();
    let base = [("type", "com.example.made"), ("data", "{\"a\":1}")];
    let call = |inputs: &[(&str, &str)]| bus.to_nats(Form::Workflow, &[&base, inputs].concat());
    let first = end(&call(&[]));
    let id = first.outputs["id"].clone();
    let (run, hash) = id.rsplit_once('-').unwrap();
    assert_eq!((run, hash.len()), ("4711-1", 16), "{id}");
    assert!(hash.bytes().all(|byte| byte.is_ascii_hexdigit()));

    // A retry of the step, and equal content anywhere in the attempt, is the same event.
    for again in [
        call(&[]),
        call(&[("source", "https://github.com/example/shop")]),
        call(&[("subject", "fleet.made")]),
        bus.to_nats(Form::Action, &base),
    ] {
        let again = end(&again);
        assert_eq!(again.outputs["id"], id);
        assert_eq!(again.outputs["sequence"], first.outputs["sequence"]);
        assert_eq!(again.outputs["duplicate"], "true");
    }
    // Anything else is another one, and so is another attempt or another run.
    let mut ids = BTreeSet::from([id]);
    for other in [
        call(&[("type", "com.example.made2")]),
        call(&[("source", "/other")]),
        call(&[("subject", "fleet.other")]),
        call(&[("data", "{\"a\": 1}")]),
        call(&[("data", "{\"a\":1}\n")]),
        call(&[("data", "")]),
        call(&[("key", "1")]),
        call(&[("key", "2")]),
        call(&[("data", "{\"a\":1},1:x")]),
        call(&[]).run(4711, 2),
        call(&[]).run(4712, 1),
        // The parts do not run together.
        call(&[("data", "1"), ("key", "23")]),
        call(&[("data", "12"), ("key", "3")]),
        call(&[("type", "com.example.m"), ("source", "ade"), ("subject", "fleet.x")]),
        call(&[("type", "com.example.ma"), ("source", "de"), ("subject", "fleet.x")]),
    ] {
        let other = end(&other);
        assert_eq!(other.outputs["duplicate"], "false");
        assert!(ids.insert(other.outputs["id"].clone()), "{:?} twice", other.outputs);
    }
    let state = bus.stream().await.cached_info().state.clone();
    assert_eq!(state.messages as usize, ids.len());
    // Whoever merely subscribes sees each of them.
    let mut seen = BTreeSet::new();
    while seen.len() < ids.len() {
        let message = watching.next().await.unwrap();
        seen.insert(message.headers.unwrap().get("ce-id").unwrap().to_string());
    }
    assert_eq!(seen, ids);
}
