//! As whom AWS is called.

use event_bus_core::delivery::{DeliveryError, Disposition};
use event_bus_core::event::Event;
use relay_outbound::address::AddressGuard;
use testkit::{CaptureSink, MotoServer, NatsServer, Reply, Script};

use crate::harness::try_build_guarded;
use crate::stub::{Stub, build, config};

const ROLE: &str = "role_arn = \"arn:aws:iam::123456789012:role/bridge\"";

fn event() -> Event {
    Event::builder("1", "/test", "com.example.made").build().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_signed_with_the_access_key() {
    let stub = Stub::start().await;
    let (sink, _nats) = build(&config(&stub.sink.url(), "")).await;
    assert!(sink.deliver(&[event()]).await.remove(0).is_ok());
    let request = stub.sink.requests().remove(0);
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains("Credential=AKIATEST/"), "{authorization}");
    assert!(authorization.contains("/eu-central-1/events/aws4_request"), "{authorization}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_is_assumed_with_the_access_key() {
    let (stub, moto) = (Stub::start().await, MotoServer::start().await);
    let more = format!("{ROLE}\nsts_endpoint_url = \"{}\"", moto.url());
    let (sink, _nats) = build(&config(&stub.sink.url(), &more)).await;
    let result = sink.deliver(&[event()]).await.remove(0);
    assert!(result.is_ok(), "{result:?}");
    let request = stub.sink.requests().remove(0);
    let authorization = request.header("authorization").unwrap();
    assert!(authorization.contains("Credential=ASIA"), "{authorization}");
    assert!(request.header("x-amz-security-token").is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_is_refused_is_no_outage_and_an_sts_that_is_away_is_one() {
    let (stub, sts) = (Stub::start().await, CaptureSink::start().await);
    sts.set_script(Script::reply(Reply::status(403).header("Content-Type", "text/xml").body(
        "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code>\
         <Message>No</Message></Error></ErrorResponse>",
    )));
    let more = format!("{ROLE}\nsts_endpoint_url = \"{}\"", sts.url());
    let (sink, _nats) = build(&config(&stub.sink.url(), &more)).await;
    let result = sink.deliver(&[event()]).await.remove(0);
    assert!(matches!(result, Err(DeliveryError::Unauthorized { .. })), "{result:?}");
    sts.stop().await;
    let result = sink.deliver(&[event()]).await.remove(0);
    assert_eq!(result.as_ref().unwrap_err().disposition(), Disposition::Hold, "{result:?}");
    assert_eq!(stub.taken(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_leads_into_a_private_network_is_refused() {
    let (stub, nats) = (Stub::start().await, NatsServer::start().await);
    let config = config(&format!("http://localhost:{}", stub.sink.address().port()), "");
    let secrets = [("KEY", "secret")];
    for (guard, is_taken) in
        [(AddressGuard::new(true, Vec::new()), false), (AddressGuard::default(), true)]
    {
        let sink = try_build_guarded(&config, &nats.connect().await, secrets, &guard).unwrap();
        let result = sink.deliver(&[event()]).await.remove(0);
        assert_eq!(result.is_ok(), is_taken, "{result:?}");
        assert_eq!(stub.taken().len(), usize::from(is_taken));
    }
}
