//! Encryption: who is trusted, and who is not.

use std::time::Duration;

use event_bus_core::delivery::Disposition;
use relay_outbound::sinks::Settings as _;
use relay_outbound::sinks::postgres::{Config, Tls, TlsMode};
use testkit::certificates::Authority;
use testkit::{NatsServer, PostgresServer};

use super::suite::config;
use crate::harness::try_build;
use crate::world::event;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_trusted_by_its_authority_alone() {
    let nats = NatsServer::start().await;
    let client = nats.connect().await;
    let server = PostgresServer::with_tls().await;
    server.psql(&config().migration().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let stranger = folder.path().join("ca.pem");
    std::fs::write(&stranger, Authority::new().pem()).unwrap();
    let url = server.url();
    for (mode, ca, is_trusted) in [
        (TlsMode::VerifyFull, Some(server.ca()), true),
        (TlsMode::VerifyCa, Some(server.ca()), true),
        (TlsMode::Require, None, true),
        (TlsMode::VerifyFull, Some(stranger), false),
        (TlsMode::VerifyFull, None, false),
    ] {
        let tls = Tls { mode, ca, ..Tls::default() };
        let config = Config { tls: tls.clone(), timeout: Duration::from_secs(5), ..config() };
        let sink = try_build(&config, &client, [("PG", url.as_str())]).unwrap();
        let result = sink.deliver(&[event("tls")]).await.remove(0);
        match result {
            Ok(()) => assert!(is_trusted, "{tls:?}"),
            Err(error) => {
                assert!(!is_trusted, "{tls:?}: {error:?}");
                assert_eq!(error.disposition(), Disposition::Hold, "{error:?}");
            }
        }
        assert_eq!(sink.check().await.is_ok(), is_trusted, "{tls:?}");
        sink.close().await;
    }
    let encrypted = "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid <> pg_backend_pid()";
    assert!(server.psql(encrypted).parse::<u32>().is_ok());
}
