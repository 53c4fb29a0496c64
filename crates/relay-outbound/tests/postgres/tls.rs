//! Encrypted connections.

use event_bus_core::delivery::Disposition;
use testkit::PostgresServer;
use testkit::certificates::Authority;

use crate::setup::{build, config, event, migrate};

/// Whether the sinks' connections are, all of them.
const ENCRYPTED: &str = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                         WHERE application_name = 'event-bus'";

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_its_certificate_alone() {
    let server = PostgresServer::with_tls().await;
    migrate(&config(server.port(), "")).await;
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("stranger.pem");
    std::fs::write(&stranger, Authority::new().pem()).unwrap();
    let (ca, stranger) = (server.ca().display().to_string(), stranger.display().to_string());
    for (number, (mode, ca, is_trusted)) in [
        (Some("verify-full"), Some(&ca), true),
        (None, Some(&ca), true),
        (Some("verify-ca"), Some(&ca), true),
        (Some("require"), None, true),
        (Some("prefer"), None, true),
        (Some("verify-full"), Some(&stranger), false),
        (Some("verify-ca"), Some(&stranger), false),
        (None, None, false),
    ]
    .into_iter()
    .enumerate()
    {
        let mut more = format!("tls = \"{}\"\n", mode.unwrap_or("verify-full"));
        if let Some(ca) = ca {
            more.push_str(&format!("ca = {ca:?}\n"));
        }
        let mut settings = config(server.port(), &more);
        if mode.is_none() {
            settings.tls = None;
        }
        let (sink, _nats) = build(&settings).await;
        let result = sink.deliver(&[event(&number.to_string())]).await.remove(0);
        match result {
            Ok(()) => {
                assert!(is_trusted, "{mode:?} with {ca:?}");
                assert_eq!(server.psql(ENCRYPTED), "t", "{mode:?}");
            }
            Err(error) => {
                assert!(!is_trusted, "{mode:?} with {ca:?}: {error:?}");
                assert_eq!(error.disposition(), Disposition::Hold);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_tls_is_not_spoken_to_in_the_clear() {
    let server = crate::setup::server().await;
    for mode in ["require", "verify-ca", "verify-full"] {
        let (sink, _nats) = build(&config(server.port(), &format!("tls = \"{mode}\""))).await;
        let error = sink.deliver(&[event("1")]).await.remove(0).unwrap_err();
        assert_eq!(error.disposition(), Disposition::Hold);
        let said = event_bus_core::Chain(&error).to_string();
        assert!(said.contains("does not support TLS"), "{said}");
    }
}
