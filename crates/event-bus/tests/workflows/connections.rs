//! TLS, every way to prove who one is, and the image instead of a command.

use serde_json::json;
use testkit::certificates::Authority;
use testkit::nats::Operator;
use testkit::{CaptureSink, NatsServer, Reply, Script};

use crate::bus::{Bus, TOKEN, write};
use crate::runner::{Call, Ended, Form};

const TYPE: (&str, &str) = ("type", "com.example.made");
const PASSWORD: &str = "secret $(id) ' \" of-the-bus";

fn tls(folder: &std::path::Path, authority: &Authority) -> String {
    let certificate = authority.issue("bus");
    let cert = write(folder, "cert.pem", &certificate.certificate);
    let key = write(folder, "key.pem", &certificate.key);
    format!("tls {{ cert_file: {cert:?}, key_file: {key:?}, timeout: 5 }}\n")
}

fn silent(ended: &Ended, secrets: &[&str]) {
    for secret in secrets {
        assert!(!ended.log.contains(secret) && !ended.docker.contains(secret), "a secret is shown");
    }
    assert!(ended.left.is_empty(), "{:?}", ended.left);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_tls_with_credentials_password_or_token() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::new();
    let ca = write(folder.path(), "ca.pem", &authority.pem());
    let lines = tls(folder.path(), &authority);
    let operator = Operator::new();
    let file = |name: &str, content: &str| {
        format!("{{ file = {:?} }}", write(folder.path(), name, content))
    };
    for (server, settings, user, secret) in [
        (
            operator.config.clone(),
            format!("credentials = {}", file("creds", &operator.credentials)),
            "",
            ("credentials", operator.credentials.as_str()),
        ),
        (
            format!("authorization {{ user: shop, password: {PASSWORD:?} }}"),
            format!("user = 'shop'\npassword = {}", file("password", PASSWORD)),
            "shop",
            ("password", PASSWORD),
        ),
        (
            format!("authorization {{ token: {PASSWORD:?} }}"),
            format!("token = {}", file("token", PASSWORD)),
            "",
            ("token", PASSWORD),
        ),
    ] {
        let nats = NatsServer::builder().config(&lines).config(&server).start().await;
        let bus = Bus::on(nats, &format!("{settings}\n[bus.tls]\nca = {ca:?}")).await;
        let open = Call::new(Form::Workflow, &[TYPE, ("user", user), ("url", &bus.nats.url())]);
        let call = open.clone().input("ca", &authority.pem()).secret(secret.0, secret.1);
        let ended = call.end();
        assert_eq!(ended.code, Some(0), "{}\n{}", secret.0, ended.log);
        assert_eq!(ended.outputs["sequence"], "1");
        silent(&ended, &[secret.1, "BEGIN USER NKEY SEED"]);

        let nobody = call.secret(secret.0, "").end();
        assert_eq!(nobody.code, Some(1), "{}", nobody.log);
        silent(&nobody, &[secret.1]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_of_another_authority_is_told_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let lines = tls(folder.path(), &Authority::new());
    let nats = NatsServer::builder().config(&lines).start().await;
    let call = Call::new(Form::Workflow, &[TYPE, ("url", &nats.url())]);
    let ended = call.input("ca", &Authority::new().pem()).secret("token", PASSWORD).end();
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert!(ended.log.contains("cannot be reached"), "{}", ended.log);
    silent(&ended, &[PASSWORD]);
}

/// What the guide says that the user must be allowed.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_that_may_only_publish_is_enough() {
    let users = format!(
        "authorization {{ users: [\n{{ user: bridge, password: {PASSWORD:?} }}\n\
         {{ user: shop, password: {PASSWORD:?}, permissions: {{\n\
         publish: [\"fleet.>\"], subscribe: [\"_INBOX.>\"] }} }}\n] }}"
    );
    let nats = NatsServer::builder().config(&users).start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "password", PASSWORD);
    let bus = Bus::on(nats, &format!("user = 'bridge'\npassword = {{ file = {file:?} }}")).await;
    let call = bus.to_nats(Form::Workflow, &[TYPE, ("user", "shop")]).secret("password", PASSWORD);
    let ended = call.end();
    assert_eq!(ended.code, Some(0), "{}", ended.log);
    let elsewhere = call.input("subject", "doctor.x").end();
    assert_eq!(elsewhere.code, Some(1), "{}", elsewhere.log);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_without_tls_is_told_nothing() {
    let nats = NatsServer::builder().user("shop", PASSWORD).start().await;
    let call = Call::new(Form::Workflow, &[TYPE, ("user", "shop"), ("url", &nats.url())]);
    let ended = call.secret("password", PASSWORD).end();
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert!(ended.log.contains("cannot be reached"), "{}", ended.log);
    silent(&ended, &[PASSWORD]);
    assert!(!nats.log().contains("of-the-bus"));
}

#[tokio::test(flavor = "multi_thread")]
async fn https_to_an_inbound_is_checked_against_the_authority() {
    let authority = Authority::new();
    let sink = CaptureSink::start_tls(&authority.issue("inbound"), None).await;
    let stored = json!({ "id": "x", "subject": "fleet.made", "stream": "EVENTS", "seq": 9, "duplicate": false });
    sink.set_script(Script::reply(Reply::status(202).body(stored.to_string())));
    let call = Call::new(Form::Workflow, &[TYPE, ("url", &sink.url())]).secret("token", TOKEN);
    let ended = call.clone().input("ca", &authority.pem()).end();
    assert_eq!((ended.code, ended.outputs["sequence"].as_str()), (Some(0), "9"), "{}", ended.log);
    silent(&ended, &[TOKEN]);
    let request = &sink.requests()[0];
    assert_eq!(request.headers["authorization"], format!("Bearer {TOKEN}"));
    let unknown = call.input("ca", &Authority::new().pem()).end();
    assert_eq!(unknown.code, Some(1), "{}", unknown.log);
    assert_eq!(sink.count(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_command_the_image_publishes() {
    let nats = NatsServer::builder().user("shop", PASSWORD).start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = write(folder.path(), "password", PASSWORD);
    let bus = Bus::on(nats, &format!("user = 'shop'\npassword = {{ file = {file:?} }}")).await;
    let inputs = [TYPE, ("user", "shop"), ("image", "IMAGE"), ("data", "$(id) \"'\n")];
    let mut sent = Vec::new();
    for call in [
        bus.to_nats(Form::Workflow, &inputs).secret("password", PASSWORD),
        bus.to_inbound(Form::Action, &[TYPE, ("image", "IMAGE"), ("data", "$(id) \"'\n")]),
    ] {
        let ended = call.by_docker().end();
        assert_eq!(ended.code, Some(0), "{}", ended.log);
        silent(&ended, &[PASSWORD, TOKEN]);
        let arguments: Vec<_> = ended.docker.lines().collect();
        assert_eq!(arguments[..5], ["run", "--rm", "--read-only", "--network", "host"]);
        let image = arguments.iter().position(|argument| *argument == "IMAGE").unwrap();
        assert_eq!(arguments[image + 1], "publish");
        let source = "https://github.com/example/shop";
        let expected = json!({ "type": TYPE.1, "source": source, "data": "$(id) \"'\n" });
        sent.push((ended, expected));
    }
    bus.check(&sent).await;
}
