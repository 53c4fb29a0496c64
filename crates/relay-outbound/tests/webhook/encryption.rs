//! TLS: whom the sink trusts, and how it proves who it is.

use std::path::PathBuf;

use event_bus_core::Chain;
use event_bus_core::delivery::Disposition;
use relay_outbound::sinks::{BuildError, Sink};
use tempfile::TempDir;
use testkit::certificates::{Authority, Certificate};
use testkit::{CaptureSink, free_port};

use crate::deliver;
use crate::workshop::Workshop;
use crate::world::event;

/// PEM files.
struct Files(TempDir);

impl Files {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    }

    /// `tls` with this authority.
    fn trusting(&self, authority: &Authority) -> String {
        format!("ca = {:?}", self.write("ca.pem", &authority.pem()))
    }

    /// The rest of `tls` with this certificate.
    fn presenting(&self, client: &Certificate) -> String {
        let certificate = self.write("client.pem", &client.certificate);
        let key = self.write("client.key", &client.key);
        format!("certificate = {certificate:?}, key = {{ file = {key:?} }}")
    }
}

async fn build(url: &str, tls: &str) -> Result<Box<dyn Sink>, BuildError> {
    let workshop = Workshop::open([]).await;
    workshop.build(&format!(
        "sink.webhook = {{ url = \"{url}\", timeout = \"5s\", tls = {{ {tls} }} }}"
    ))
}

/// How a delivery fails, and what the check says.
async fn failure(sink: &dyn Sink) -> (Disposition, String) {
    let error = deliver(sink, &event("1")).await.unwrap_err();
    let check = sink.check().await.map_err(|error| Chain(&error).to_string());
    (error.disposition(), check.err().unwrap_or_default())
}

#[tokio::test]
async fn an_own_authority_is_trusted_and_http2_is_chosen() {
    let (authority, files) = (Authority::new(), Files::new());
    let destination = CaptureSink::start_tls(&authority.issue("server"), None).await;
    let sink = build(&destination.url(), &files.trusting(&authority)).await.unwrap();
    deliver(&*sink, &event("1")).await.unwrap();
    assert_eq!(destination.requests()[0].version, http::Version::HTTP_2);
    let seen = sink.check().await.unwrap();
    assert_eq!(seen, format!("{} accepts connections; nothing was sent", destination.address()));
    assert_eq!(destination.count(), 1);
}

#[tokio::test]
async fn a_stranger_s_certificate_holds_the_route_and_the_check_says_why() {
    let (authority, other, files) = (Authority::new(), Authority::new(), Files::new());
    let destination = CaptureSink::start_tls(&authority.issue("server"), None).await;
    for tls in [files.trusting(&other), String::new()] {
        let sink = build(&destination.url(), &tls).await.unwrap();
        let (disposition, check) = failure(&*sink).await;
        assert_eq!(disposition, Disposition::Hold);
        assert!(check.contains("its certificate is not trusted"), "{check}");
    }
    let expired = CaptureSink::start_tls(&authority.issue_expired("server"), None).await;
    let sink = build(&expired.url(), &files.trusting(&authority)).await.unwrap();
    let (disposition, check) = failure(&*sink).await;
    assert_eq!(disposition, Disposition::Hold);
    assert!(check.contains("its certificate has expired"), "{check}");
    assert_eq!(destination.count() + expired.count(), 0);
}

#[tokio::test]
async fn a_client_certificate_opens_what_is_closed_without_it() {
    let (authority, clients, files) = (Authority::new(), Authority::new(), Files::new());
    let server = authority.issue("server");
    let destination = CaptureSink::start_tls(&server, Some(&clients.pem())).await;
    let trust = files.trusting(&authority);
    let with = |client: &Certificate| format!("{trust}, {}", files.presenting(client));
    let sink = build(&destination.url(), &with(&clients.issue("relay"))).await.unwrap();
    deliver(&*sink, &event("1")).await.unwrap();
    let stranger = build(&destination.url(), &with(&authority.issue("relay"))).await.unwrap();
    for sink in [build(&destination.url(), &trust).await.unwrap(), stranger] {
        let error = deliver(&*sink, &event("2")).await.unwrap_err();
        assert_eq!(error.disposition(), Disposition::Hold, "{}", Chain(&error));
    }
    assert_eq!(destination.count(), 1);
}

#[tokio::test]
async fn a_file_that_cannot_be_used_is_named() {
    let (authority, files) = (Authority::new(), Files::new());
    let client = authority.issue("relay");
    let text = files.write("text.pem", "no certificate");
    let certificate = files.write("relay.pem", &client.certificate);
    let other_key = files.write("other.key", &authority.issue("other").key);
    for (tls, expected) in [
        ("ca = \"/gone.pem\"".to_owned(), "tls.ca cannot be used: file /gone.pem cannot be read"),
        (format!("ca = {text:?}"), "text.pem holds no certificate"),
        (
            format!("certificate = {text:?}, key = {{ file = {other_key:?} }}"),
            "tls.certificate cannot be used",
        ),
        (
            format!("certificate = {certificate:?}, key = {{ file = {text:?} }}"),
            "tls.key cannot be used: the secret holds no private key",
        ),
        (
            format!("certificate = {certificate:?}, key = {{ file = {other_key:?} }}"),
            "the HTTP client cannot be set up",
        ),
    ] {
        let error = build("https://127.0.0.1:1/", &tls).await.unwrap_err();
        let text = Chain(&error).to_string();
        assert!(text.contains(expected), "{text}");
    }
}

#[tokio::test]
async fn a_check_tells_what_is_wrong_with_the_way() {
    for (url, expected) in [
        (format!("http://127.0.0.1:{}/", free_port()), "the connection is refused"),
        (format!("http://{}.invalid/secret-path", "x".repeat(64)), "the name is not found"),
    ] {
        let workshop = Workshop::open([]).await;
        let sink = workshop.build(&format!("sink.webhook = {{ url = \"{url}\" }}")).unwrap();
        let error = sink.check().await.unwrap_err();
        let text = Chain(&error).to_string();
        assert!(text.contains(expected) && !text.contains("secret-path"), "{text}");
    }
    let plain = CaptureSink::start().await;
    let url = plain.url().replace("http:", "https:");
    let workshop = Workshop::open([]).await;
    let sink = workshop.build(&format!("sink.webhook = {{ url = \"{url}\" }}")).unwrap();
    let error = sink.check().await.unwrap_err();
    assert!(error.to_string().ends_with("TLS fails"), "{}", Chain(&error));
}
