//! A gateway with four topics, and what it answers.

use std::sync::Arc;

use bytes::Bytes;
use event_bus_runtime::{
    Bus, BusConfig, Clock, Document, EnvMap, Metrics, SecretResolver, SecretsConfig,
    install_crypto_provider,
};
use http::{HeaderValue, Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use testkit::{KeyServer, NatsServer, Signer};
use time::OffsetDateTime;
use topic_gateway::access::Access;
use topic_gateway::schema::{Options, Schema};
use topic_gateway::token::{self, KeySource, Keys, KeysOptions, Tokens};
use topic_gateway::{
    Acknowledge, Config, Gateway, GatewayMetrics, Governed, Outcomes, Parts, Profile, Rules,
    Settings, Stats, Storage, Topic,
};
use url::Url;

use crate::tables::Tables;

/// The time in these tests, in milliseconds of the epoch.
pub(crate) const NOW: i64 = 1_800_000_000_000;

pub(crate) const RUNS: &str = "/stats/public.cps.za.runs";

/// A gateway and its broker.
pub(crate) struct World {
    gateway: Gateway,
    _nats: NatsServer,
}

/// Status and body of an answer.
#[derive(Debug, PartialEq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

impl World {
    /// Anybody may read, as the role of the example that may only read.
    pub(crate) async fn open(tables: &Tables) -> Self {
        Self::with(tables.port(), "authenticate = false").await
    }

    /// With more lines in `[topics.stats]`.
    pub(crate) async fn with(port: u16, more: &str) -> Self {
        let stats = format!(
            "[topics.stats]\nhost = '127.0.0.1'\nport = {port}\ndatabase = 'eventgate_db'\n\
             user = 'eventgate_reader'\npassword = {{ env = 'READER' }}\ntls = 'disable'\n{more}\n"
        );
        Self::start(&stats, Profile::Head).await
    }

    /// `stats` is that section of the configuration, which may be absent.
    pub(crate) async fn start(stats: &str, profile: Profile) -> Self {
        install_crypto_provider();
        let config = config(stats);
        let nats = NatsServer::start().await;
        let events = async_nats::jetstream::stream::Config {
            name: "EVENTS".to_owned(),
            subjects: vec!["fleet.>".to_owned()],
            ..Default::default()
        };
        nats.jetstream().await.create_stream(events).await.unwrap();
        let secrets = SecretResolver::new(
            EnvMap::from_iter([("READER", "reader")]),
            &SecretsConfig::default(),
        );
        let url = BusConfig::for_url(&nats.url()).unwrap();
        let bus = Bus::connect(&url, &secrets, "stats-test").await.unwrap();
        let clock = Clock::fixed(OffsetDateTime::from_unix_timestamp(NOW / 1000).unwrap());
        let stats = config.stats.as_ref().map(|stats| Stats::new(stats, &secrets).unwrap());
        let gateway = Gateway::new(Parts {
            outcomes: Outcomes::new(bus.clone(), Vec::new()),
            bus,
            stream: "EVENTS".to_owned(),
            tokens: tokens(clock.clone()).await,
            clock,
            rules: rules(),
            probes: Vec::new(),
            stats,
            settings: Settings::of(&Config { compat: profile, ..config }, Bytes::new()).unwrap(),
            metrics: GatewayMetrics::register(&Metrics::new()),
        });
        Self { gateway, _nats: nats }
    }

    pub(crate) async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answered {
        self.send(Method::POST, path, None, body).await
    }

    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        token: Option<&str>,
        body: impl Into<Bytes>,
    ) -> Answered {
        let mut request =
            Request::builder().method(method).uri(path).body(Full::new(body.into())).unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("bearer", HeaderValue::from_str(token).unwrap());
        }
        let answer = self.gateway.answer(request).await;
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        Answered { status, text: String::from_utf8(body.to_vec()).unwrap() }
    }

    /// The page that a body asks for.
    pub(crate) async fn page(&self, body: &Value) -> Value {
        let answered = self.post(RUNS, body.to_string()).await;
        assert_eq!(answered.status, 200, "{body}: {}", answered.text);
        answered.body()
    }

    /// Every page from the first on, as `internal_id`s; `body` says all but the cursor. `each` hears of each page.
    pub(crate) async fn all(&self, body: &Value, mut each: impl AsyncFnMut(&[i64])) -> Vec<i64> {
        let mut all = Vec::new();
        let mut body = body.clone();
        loop {
            let page = self.page(&body).await;
            let ids = ids(&page);
            each(&ids).await;
            let pagination = &page["pagination"];
            assert_eq!(pagination["has_more"], !pagination["cursor"].is_null(), "{pagination}");
            all.extend(&ids);
            match &pagination["cursor"] {
                Value::Null => return all,
                cursor => assert_eq!(cursor, &json!(ids.last()), "the last row is the cursor"),
            }
            body["cursor"] = pagination["cursor"].clone();
        }
    }
}

impl Answered {
    pub(crate) fn body(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    /// Type and message of the one error.
    pub(crate) fn error(&self) -> (u16, String, String) {
        let body = self.body();
        assert_eq!(body["success"], false, "{body}");
        assert_eq!(body["statusCode"], self.status);
        let [error] = body["errors"].as_array().unwrap().as_slice() else { panic!("{body}") };
        let text = |key: &str| error[key].as_str().unwrap().to_owned();
        (self.status, text("type"), text("message"))
    }
}

/// The `internal_id` of each row of a page.
pub(crate) fn ids(page: &Value) -> Vec<i64> {
    let rows = page["data"].as_array().unwrap();
    rows.iter().map(|row| row["internal_id"].as_i64().unwrap()).collect()
}

fn config(stats: &str) -> Config {
    let text = format!(
        "[topics]\naccess = 'access.json'\ntokens = {{ keys_url = 'http://127.0.0.1:1/' }}\n{stats}\n\
         [[topics.topic]]\nname = 'public.cps.za.runs'\nschema = 'runs.json'\n"
    );
    let document = Document::parse("event-bus.toml", &text, &EnvMap::default()).unwrap();
    let config: Value = document.get().unwrap();
    let config: Config = serde_json::from_value(config["topics"].clone()).unwrap();
    assert_eq!(config.validate(), []);
    config
}

/// The four topics of the reference.
fn rules() -> Rules {
    let governed = ["runs", "dlchange", "test", "status_change"].map(|name| Governed {
        topic: Topic {
            name: format!("public.cps.za.{name}"),
            id_field: None,
            key_field: None,
            acknowledge: Acknowledge::Durable,
            destinations: Vec::new(),
        },
        schema: Arc::new(Schema::parse(b"{}", &Options::default()).unwrap()),
        storage: Storage::default(),
    });
    Rules::new(governed, Arc::new(Access::parse(b"{}").unwrap()))
}

/// Verified by the key A.
async fn tokens(clock: Clock) -> Tokens {
    let server = KeyServer::start(Signer::a().document()).await;
    let source = KeySource::Document(Url::parse(&server.url()).unwrap());
    let keys = Keys::fetch(KeysOptions::new(source)).await.unwrap();
    Tokens::new(keys, token::Rules::default(), clock).unwrap()
}
