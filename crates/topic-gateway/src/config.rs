//! `[topics]`: the settings of the gateway, as they stand in the file.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use event_bus_runtime::SecretRef;
use event_bus_runtime::aws::AwsConfig;
use event_bus_runtime::config::{ByteSize, Problem, Rate, duration};
use schemars::JsonSchema;
use serde::Deserialize;
use url::Url;

use crate::documents::Location;
use crate::profile::Profile;
#[cfg(feature = "postgres")]
use crate::stats::StatsConfig;
use crate::storage::ColumnType;
use crate::token::{KeySource, KeysOptions, Trust};
use crate::topic::{self, Acknowledge};

/// `[topics]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Address that takes messages. Put a proxy that speaks TLS in front of it.
    #[serde(default = "default_listen")]
    pub listen: SocketAddr,
    /// Address of the admin listener (`/livez`, `/readyz`, `/metrics`, `POST /reload`, `POST /terminate`); none by default.
    /// It asks for no credentials: keep it private.
    #[serde(default)]
    pub admin_listen: Option<SocketAddr>,
    /// Time that requests under way get to finish after a shutdown signal.
    #[serde(default = "default_grace", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub grace: Duration,
    /// Wording of answers; `head` by default.
    #[serde(default)]
    pub compat: Profile,
    /// File that `/api` serves; by default a description of this gateway.
    #[serde(default)]
    pub api: Option<PathBuf>,
    /// Where `/token` leads.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub token_provider: Option<Url>,
    /// Who may publish what.
    pub access: Location,
    /// Where further topics are found by their schemas.
    #[serde(default)]
    pub registry: Option<RegistryConfig>,
    /// Hosts from which documents may be fetched that schemas refer to, such as `schemas.example.com` (over HTTPS) or
    /// `http://localhost:8000`. None by default: nothing is fetched. Each is asked once for each version of a schema.
    #[serde(default)]
    pub reference_hosts: Vec<String>,
    /// How AWS is reached for documents in S3.
    #[serde(default)]
    pub aws: AwsConfig,
    /// How tokens are checked.
    pub tokens: TokensConfig,
    /// What one client may cost.
    #[serde(default)]
    pub limits: LimitsConfig,
    /// What `POST /terminate` of the admin listener does; `reload` by default, as `/reload` does.
    #[serde(default)]
    pub terminate: Terminate,
    /// What of a message the log shows where its level is `trace`; at any other level it shows nothing of it.
    #[serde(default)]
    pub payload_log: PayloadLogConfig,
    /// Time for the stream to confirm an event.
    #[serde(default = "default_publish_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub publish_within: Duration,
    /// Time for the destinations of a topic to answer, where producers wait for them.
    #[serde(default = "default_delivered_within", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub delivered_within: Duration,
    /// Where statistics are read; without it they fail.
    #[cfg(feature = "postgres")]
    #[serde(default)]
    pub stats: Option<StatsConfig>,
    /// The topics, in the order in which `/topics` lists them.
    #[serde(default)]
    pub topic: Vec<TopicConfig>,
}

/// One `[[topics.topic]]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TopicConfig {
    /// Name, in lower case, such as `orders.placed`: its events stand at `fleet.topic.<name>`.
    pub name: String,
    /// The JSON Schema of its messages.
    pub schema: Location,
    /// Field whose value is the id of an event. Without it, equal messages are one event.
    #[serde(default)]
    pub id: Option<String>,
    /// Field whose value is the key of Kafka's records.
    #[serde(default)]
    pub key: Option<String>,
    /// Columns that its fields are stored in later, such as `job_id = "uuid not null"`: a message that they cannot take is
    /// refused with 400 before anything is accepted. `a.b` is a field in a field, `a[].b` one of each element.
    #[serde(default)]
    pub storage: BTreeMap<String, ColumnType>,
    /// When a producer is answered: `durable` (by default), or `delivered`, for which every route of the topic needs
    /// `receipts = true`.
    #[serde(default)]
    pub acknowledge: Acknowledge,
}

/// `[topics.registry]`: every schema in one place is a topic, also one that is added later. Topics of `[[topics.topic]]` keep
/// their own settings.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RegistryConfig {
    /// A folder, or the beginning of keys such as `s3://contracts/topics/` or `kv://TOPICS/schema.`. What follows, without
    /// `.json` and in lower case, is the name of a topic.
    pub location: Location,
    /// What stands before that name.
    #[serde(default)]
    pub prefix: String,
    /// Field whose value is the id of an event. Without it, equal messages are one event.
    #[serde(default)]
    pub id: Option<String>,
    /// Field whose value is the key of Kafka's records.
    #[serde(default)]
    pub key: Option<String>,
    /// When a producer is answered: `durable` (by default), or `delivered`, as for a topic; one that no such route carries
    /// takes no messages then.
    #[serde(default)]
    pub acknowledge: Acknowledge,
}

/// `[topics.tokens]`: how tokens are checked; `keys_url` or `issuer` says where keys come from.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TokensConfig {
    /// Document with keys: a JSON Web Key Set (RFC 7517), or `{"keys": [{"key": "<base64 DER>"}]}`, or `{"key": …}`.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    pub keys_url: Option<Url>,
    /// Issuer whose `/.well-known/openid-configuration` names the key set; `iss` must be equal to it.
    #[serde(default)]
    pub issuer: Option<String>,
    /// Audiences, of which a token must name one; none by default, and then a token that names any is refused.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Age of the keys after which they are fetched again.
    #[serde(default = "default_refresh", with = "duration")]
    #[schemars(with = "duration::Text")]
    pub refresh: Duration,
    /// How far the clocks of issuers may be off.
    #[serde(default, with = "duration")]
    #[schemars(with = "duration::Text")]
    pub leeway: Duration,
    /// File with the authorities (PEM) to trust instead of those of the system when keys are fetched.
    #[serde(default)]
    pub ca: Option<PathBuf>,
    /// `true` fetches keys from whoever answers. Whoever can answer in place of the key server can sign tokens.
    #[serde(default)]
    pub insecure: bool,
}

/// `[topics.limits]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Largest message; what does not fit into one message of the bus is refused in any case.
    pub max_body_bytes: ByteSize,
    /// Deepest nesting of a message.
    pub max_depth: NonZeroUsize,
    /// Most messages of one request, an array or one in each line.
    pub max_batch: NonZeroUsize,
    /// Most headers of a request.
    pub max_headers: NonZeroUsize,
    /// Time from the first byte of a request, or from the last request, to the end of the headers.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub header_read_timeout: Duration,
    /// Time from the end of the headers to the end of the body.
    #[serde(with = "duration")]
    #[schemars(with = "duration::Text")]
    pub body_read_timeout: Duration,
    /// Requests that are handled at once, without those that wait for destinations; further ones are answered 503.
    pub max_concurrent_requests: NonZeroUsize,
    /// Requests of one topic that wait for destinations at once, never more than its share of `max_connections`. A further
    /// one waits for nothing: its event is on the bus, and it is answered 500 with what is known.
    pub max_waiting_per_topic: NonZeroUsize,
    /// Most messages of one subject of tokens, such as `"100/s"`; further ones are answered 429. Without limit by default.
    pub subject_rate: Option<Rate>,
    /// Bytes of bodies that are held at once; a request that would exceed it is answered 503.
    pub max_bytes_in_flight: ByteSize,
    /// Connections that are open at once; further ones wait to be accepted.
    pub max_connections: NonZeroUsize,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        let count = |number| NonZeroUsize::new(number).unwrap_or(NonZeroUsize::MIN);
        Self {
            max_body_bytes: ByteSize(1024 * 1024),
            max_depth: count(64),
            max_batch: count(100),
            max_headers: count(100),
            header_read_timeout: Duration::from_secs(10),
            body_read_timeout: Duration::from_secs(10),
            max_concurrent_requests: count(1024),
            max_waiting_per_topic: count(1024),
            subject_rate: None,
            max_bytes_in_flight: ByteSize(64 * 1024 * 1024),
            max_connections: count(4096),
        }
    }
}

impl RegistryConfig {
    /// The topic whose schema is the document of this name, without `.json`.
    pub fn topic(&self, stem: &str) -> String {
        format!("{}{}", self.prefix, stem.to_lowercase())
    }
}

impl TopicConfig {
    /// The subject of its events.
    pub fn subject(&self) -> String {
        topic::subject(&self.name)
    }
}

/// What `POST /terminate` of the admin listener does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Terminate {
    /// Reads the configuration, the documents and the keys again.
    #[default]
    Reload,
    /// Ends the process, for a supervisor that starts it again.
    Exit,
}

/// `[topics.payload_log]`.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PayloadLogConfig {
    /// Names of members whose value is not written, whatever their case and depth.
    pub redact_keys: Vec<String>,
    /// Where the text is cut.
    pub max_bytes: ByteSize,
}

impl Default for PayloadLogConfig {
    fn default() -> Self {
        let keys = ["password", "secret", "token", "key", "apikey", "api_key"];
        Self { redact_keys: keys.map(str::to_owned).to_vec(), max_bytes: ByteSize(10_000) }
    }
}

impl TokensConfig {
    /// How keys are fetched; `None` if it is not said where.
    pub fn keys(&self) -> Option<KeysOptions> {
        let source = match (&self.keys_url, &self.issuer) {
            (Some(url), _) => KeySource::Document(url.clone()),
            (None, Some(issuer)) => KeySource::Issuer(issuer.clone()),
            (None, None) => return None,
        };
        let trust = match (&self.ca, self.insecure) {
            (Some(path), _) => Trust::File(path.clone()),
            (None, true) => Trust::Anybody,
            (None, false) => Trust::System,
        };
        Some(KeysOptions { trust, refresh: self.refresh, ..KeysOptions::new(source) })
    }
}

impl Config {
    /// Whether any document is kept in a bucket of JetStream.
    pub fn reads_bus(&self) -> bool {
        let schemas = self.topic.iter().map(|topic| &topic.schema);
        let registry = self.registry.iter().map(|registry| &registry.location);
        let mut all = schemas.chain(registry).chain([&self.access]);
        all.any(|location| matches!(location, Location::Kv { .. }))
    }

    /// Keys whose new value takes effect only after a restart, for a reload that changes them. Topics, their
    /// schemas and the access document are taken over.
    pub fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let Self {
            listen,
            admin_listen,
            grace,
            compat,
            api,
            token_provider,
            #[cfg(feature = "postgres")]
            stats,
            access: _,
            registry: _,
            reference_hosts: _,
            aws,
            tokens,
            limits,
            terminate,
            payload_log,
            publish_within,
            delivered_within,
            topic: _,
        } = self;
        let changed = [
            ("topics.listen", *listen != new.listen),
            ("topics.admin_listen", *admin_listen != new.admin_listen),
            ("topics.grace", *grace != new.grace),
            ("topics.compat", *compat != new.compat),
            ("topics.api", *api != new.api),
            ("topics.token_provider", *token_provider != new.token_provider),
            ("topics.aws", *aws != new.aws),
            ("topics.tokens", *tokens != new.tokens),
            ("topics.limits", *limits != new.limits),
            ("topics.terminate", *terminate != new.terminate),
            ("topics.payload_log", *payload_log != new.payload_log),
            ("topics.publish_within", *publish_within != new.publish_within),
            #[cfg(feature = "postgres")]
            ("topics.stats", *stats != new.stats),
            ("topics.delivered_within", *delivered_within != new.delivered_within),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }

    /// What is wrong: the key, and why.
    pub fn validate(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut problem = |key: &str, why: &str| {
            problems.push(Problem::new(format!("topics.{key}"), why));
        };
        let tokens = &self.tokens;
        if tokens.keys_url.is_some() == tokens.issuer.is_some() {
            problem("tokens", "name one of keys_url and issuer");
        }
        if tokens.insecure && tokens.ca.is_some() {
            problem("tokens.insecure", "goes not together with ca");
        }
        if self.topic.is_empty() && self.registry.is_none() {
            problem("topic", "name at least one [[topics.topic]], or a [topics.registry]");
        }
        for (key, why) in self.aws.validate() {
            problem(&format!("aws.{key}"), &why);
        }
        for (index, host) in self.reference_hosts.iter().enumerate() {
            let url = if host.contains("://") { host.clone() } else { format!("https://{host}") };
            let origin = Url::parse(&url).map(|url| url.origin().ascii_serialization());
            if origin.as_ref() != Ok(&url) {
                let key = format!("reference_hosts[{index}]");
                problem(&key, "write a host such as schemas.example.com, or http://<host>:<port>");
            }
        }
        for (index, topic) in self.topic.iter().enumerate() {
            let key = format!("topic[{index}].name");
            if topic.name.is_empty() || topic.name != topic.name.to_lowercase() {
                problem(&key, "write the name in lower case, such as orders.placed");
            }
            if topic.name.contains(['/', '?', '#', '%']) {
                problem(&key, "a name is one part of a path: without / ? # %");
            }
            if self.topic[..index].iter().any(|other| other.name == topic.name) {
                problem(&key, "another topic has this name");
            } else if self.topic[..index].iter().any(|other| other.subject() == topic.subject()) {
                let subject = topic.subject();
                problem(&key, &format!("another topic has the same subject, {subject}"));
            }
            if !topic.name.contains(|each: char| each != '.') {
                problem(&key, "write more than dots");
            }
        }
        #[cfg(feature = "postgres")]
        problems.extend(self.stats.iter().flat_map(StatsConfig::validate));
        problems
    }

    /// The secrets that it names, each with its path.
    pub fn secrets(&self) -> Vec<(String, SecretRef)> {
        #[cfg(feature = "postgres")]
        return self.stats.iter().flat_map(StatsConfig::secrets).collect();
        #[cfg(not(feature = "postgres"))]
        Vec::new()
    }
}

fn default_listen() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 8090))
}

fn default_grace() -> Duration {
    Duration::from_secs(25)
}

fn default_publish_within() -> Duration {
    Duration::from_secs(8)
}

fn default_delivered_within() -> Duration {
    Duration::from_secs(10)
}

fn default_refresh() -> Duration {
    Duration::from_secs(28 * 60)
}
