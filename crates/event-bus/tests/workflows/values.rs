//! Whatever the values hold, they arrive as they are, and nothing of them is executed.

use std::io;

use event_bus_core::subject::{Template, Variables, type_suffix};
use serde_json::json;

use crate::bus::Bus;
use crate::runner::{Call, Ended, Form};

const FORMS: [Form; 2] = [Form::Workflow, Form::Action];
const TYPE: (&str, &str) = ("type", "com.example.deploy.promoted");

/// Every one makes a file if a shell, or the runner, takes it for more than text.
fn hostile(canary: &str) -> Vec<String> {
    let mut texts = vec![
        format!("$(touch {canary})"),
        format!("`touch {canary}`"),
        format!("'; touch {canary}; '"),
        format!("\"; touch {canary}; \""),
        format!("\\\"; touch {canary} #"),
        format!("\n touch {canary}\n"),
        format!("EOF\ntouch {canary}\nEOF\n"),
        format!("a[$(touch {canary})]"),
        format!("${{{{ secrets.token }}}} && touch {canary}"),
        "::set-output name=id::1\n::add-mask::e\n::error::x".to_owned(),
        "id=1\npublished<<EOF\ntrue\nEOF".to_owned(),
        "-n".to_owned(),
        "--help".to_owned(),
        "@/etc/passwd".to_owned(),
        "%s%n%d \\x41 \\n".to_owned(),
        "*".to_owned(),
        "~ $HOME ${IFS} !! \\".to_owned(),
        "zwei\r\nZeilen\t\u{1}\u{7f}".to_owned(),
        "é ☃ \u{1f600} \u{202e}".to_owned(),
        "{\"not\": json}".to_owned(),
        " {\"spaces\": \"around\"}\n\n".to_owned(),
        "{\"quotes\": \"\\\" ' ` $(touch /tmp/x) \\n \\u0041\", \"n\": 1.0}".to_owned(),
        "12345678901234567890".to_owned(),
        "\"text\"".to_owned(),
        "null".to_owned(),
        String::new(),
    ];
    // As JSON too, as `toJSON(…)` would write it.
    texts.extend(texts.clone().iter().map(|text| json!({ "title": text }).to_string()));
    texts
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_data_arrives_as_it_is_on_every_way() {
    let bus = Bus::start().await;
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let texts = hostile(canary.to_str().unwrap());
    let mut sent = Vec::new();
    for (number, text) in texts.iter().enumerate() {
        let key = format!("{number} {text}");
        let inputs = [TYPE, ("data", text), ("key", &key)];
        // Each way and each form for some; all values on one way at least.
        let form = FORMS[number % 2];
        let call = match number % 4 < 2 {
            true => bus.to_nats(form, &inputs),
            false => bus.to_inbound(form, &inputs),
        };
        let ended = published(&call);
        let expected =
            json!({ "type": TYPE.1, "source": "https://github.com/example/shop", "data": text });
        sent.push((ended, expected));
    }
    bus.check(&sent).await;
    assert!(!canary.exists(), "something was executed");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_attributes_arrive_as_they_are_or_are_refused() {
    let bus = Bus::start().await;
    let folder = tempfile::tempdir().unwrap();
    let canary = folder.path().join("canary");
    let mut sent = Vec::new();
    for text in hostile(canary.to_str().unwrap()) {
        for call in [
            bus.to_nats(Form::Workflow, &[("type", &text), ("data", "1"), ("on-failure", "warn")]),
            bus.to_inbound(Form::Action, &[TYPE, ("source", &text), ("on-failure", "warn")]),
            bus.to_nats(Form::Workflow, &[TYPE, ("subject", &text), ("on-failure", "warn")]),
            bus.to_nats(Form::Workflow, &[TYPE, ("user", &text), ("on-failure", "warn")]),
        ] {
            let ended = call.end();
            assert_eq!(ended.code, Some(0), "{text}\n{}", ended.log);
            let names: Vec<_> = ended.outputs.keys().map(String::as_str).collect();
            match ended.outputs["published"].as_str() {
                "true" => {
                    assert_eq!(names, ["duplicate", "id", "published", "sequence", "subject"])
                }
                _ => assert!(names.iter().all(|name| ["id", "published"].contains(name))),
            }
            sent.push(ended);
        }
    }
    assert!(sent.iter().any(|ended| ended.outputs["published"] == "true"));
    assert!(sent.iter().any(|ended| ended.outputs["published"] == "false"));
    assert!(!canary.exists(), "something was executed");
}

/// No variable of an environment is longer than 128 KiB on Linux; a file is.
#[tokio::test(flavor = "multi_thread")]
async fn large_data_comes_in_a_file() {
    let bus = Bus::start().await;
    let large = json!({ "list": vec!["$(id) \"'\n"; 20_000] }).to_string();
    assert!(large.len() > 200 * 1024, "{}", large.len());
    let mut sent = Vec::new();
    for call in [
        bus.to_nats(Form::Workflow, &[TYPE]).artifact(large.as_bytes()),
        bus.to_inbound(Form::Workflow, &[TYPE]).payload(large.as_bytes()),
        bus.to_nats(Form::Action, &[TYPE, ("key", "2")]).payload(large.as_bytes()),
        bus.to_nats(Form::Workflow, &[TYPE, ("key", "3")])
            .artifact("not JSON ".repeat(25_000).as_bytes()),
        bus.to_nats(Form::Workflow, &[TYPE, ("data", &"x".repeat(128 * 1024 - 20))]),
    ] {
        sent.push(published(&call));
    }
    let source = "https://github.com/example/shop";
    let data = [&large, &large, &large, &"not JSON ".repeat(25_000), &"x".repeat(128 * 1024 - 20)];
    let expected = data.map(|data| json!({ "type": TYPE.1, "source": source, "data": data }));
    bus.check(&sent.into_iter().zip(expected).collect::<Vec<_>>()).await;

    let too_large = bus.to_nats(Form::Workflow, &[TYPE, ("data", &large)]).try_end();
    assert_eq!(too_large.unwrap_err().kind(), io::ErrorKind::ArgumentListTooLong);
    let beyond_the_bus = bus.to_nats(Form::Workflow, &[TYPE]).artifact(&vec![b'x'; 2 << 20]).end();
    assert_eq!(beyond_the_bus.code, Some(1));
    assert!(beyond_the_bus.log.contains("the broker takes"), "{}", beyond_the_bus.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subject_is_that_of_the_inbound_for_every_type() {
    let bus = Bus::start().await;
    let template = Template::parse("fleet.{type}").unwrap();
    for kind in [
        "com.example.deploy.promoted",
        "com.example.deploy..promoted.",
        "com.example.",
        "com.example",
        "com..x",
        "org.example.made",
        "a b/c*d>e$f",
        "com.example.-.x_y",
        &format!("com.example.{}", "long.".repeat(60)),
    ] {
        let suffix = type_suffix(kind);
        let subject = template.render(&Variables { kind: Some(suffix), ..Variables::default() });
        let direct = published(&bus.to_nats(Form::Workflow, &[("type", kind)]));
        let through = published(&bus.to_inbound(Form::Workflow, &[("type", kind)]));
        assert_eq!(direct.outputs["subject"], subject, "{kind}");
        assert_eq!(through.outputs["subject"], subject, "{kind}");
        assert_eq!(direct.outputs["id"], through.outputs["id"], "{kind}");
    }
    let chosen = bus.to_nats(Form::Action, &[TYPE, ("subject", "fleet.contract.gap")]);
    assert_eq!(published(&chosen).outputs["subject"], "fleet.contract.gap");
}

fn published(call: &Call) -> Ended {
    let ended = call.end();
    assert_eq!(ended.code, Some(0), "{call:?}\n{}", ended.log);
    assert_eq!(ended.outputs["published"], "true", "{}", ended.log);
    assert!(ended.left.iter().all(|name| name == "event-data"), "{:?}", ended.left);
    ended
}
