//! The binary with Kerberos, against MIT's key distribution centre and a real broker of Kafka.
#![expect(clippy::unwrap_used, reason = "a failed step of a test ends it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use testkit::kerberos::Kdc;
use testkit::{Bin, KafkaServer, NatsServer, poll_until};

const LONG: Duration = Duration::from_secs(60);

/// A configuration with one route; `folder` also holds the tickets.
fn configuration(
    folder: &Path,
    nats: &NatsServer,
    kafka: &KafkaServer,
    keys: (&str, &Path),
) -> PathBuf {
    let (principal, keytab) = keys;
    let text = format!(
        "bus.url = {:?}\n[[outbound.routes]]\nname = 'kerberos'\nsubjects = ['fleet.>']\n\
         sink.kafka = {{ brokers = [{:?}], topic = 'kerberos', tls = {{ ca = {:?} }}, \
         sasl = {{ mechanism = 'GSSAPI', principal = {principal:?}, keytab = {keytab:?} }} }}\n",
        nats.url(),
        kafka.address(),
        kafka.ca(),
    );
    let file = folder.join("event-bus.toml");
    fs::write(&file, text).unwrap();
    file
}

fn event_bus(mode: &str, folder: &Path, centre: &Kdc) -> Bin {
    Bin::at(env!("CARGO_BIN_EXE_event-bus"))
        .args([mode, "--config"])
        .arg(folder.join("event-bus.toml"))
        .env("KRB5_CONFIG", centre.config())
        .env("KRB5CCNAME", format!("FILE:{}", folder.join("tickets").display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_with_its_keys_delivers_and_one_that_is_unknown_is_told() {
    let centre = Kdc::start().await;
    let kafka = KafkaServer::builder().kerberos(&centre).start().await;
    let nats = NatsServer::start().await;
    let keytab = centre.keytab("relay");

    let folder = tempfile::tempdir().unwrap();
    configuration(folder.path(), &nats, &kafka, (&centre.principal("nobody"), &keytab));
    let doctor = event_bus("doctor", folder.path(), &centre).output(LONG).await;
    assert_ne!(doctor.code(), Some(0), "{}", doctor.stdout);
    assert!(doctor.stdout.contains("EB0215"), "{}", doctor.stdout);

    let folder = tempfile::tempdir().unwrap();
    configuration(folder.path(), &nats, &kafka, (&centre.principal("relay"), &keytab));
    let relay = event_bus("relay-outbound", folder.path(), &centre).spawn();
    relay.wait_for_text("relay", LONG).await;
    let publish = event_bus("publish", folder.path(), &centre).args([
        "--type",
        "com.example.made",
        "--source",
        "/test",
        "--data",
        "{\"a\":1}",
    ]);
    let published = publish.output(LONG).await;
    assert_eq!(published.code(), Some(0), "{}", published.stderr);
    poll_until(LONG, "the record of the event", async || {
        assert!(relay.exited().is_none(), "it ended:\n{}", relay.stderr());
        (kafka.records("kerberos").len() == 1).then_some(())
    })
    .await;
    let doctor = event_bus("doctor", folder.path(), &centre).output(LONG).await;
    assert!(!doctor.stdout.contains("EB0215"), "{}", doctor.stdout);
}
