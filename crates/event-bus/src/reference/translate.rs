//! From the files of a folder to a configuration of our own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use event_bus_runtime::EnvMap;
use serde_json::Value as Json;
use toml::{Table, Value};
use topic_gateway::Profile;

use super::conf_dir::{ConfDir, TopicFile};
use super::postgres::stats;
use super::values::{path, seconds, table, text};
use super::{warn, wrong};
use crate::failure::Failure;

/// What those tables can take, by topic.
const COLUMNS: &str = include_str!("columns.toml");

/// The events of all topics.
const ALL: &str = "fleet.topic.>";

/// The crates of the bridge that log.
const OWN_CRATES: [&str; 5] =
    ["event_bus", "event_bus_core", "event_bus_runtime", "relay_outbound", "topic_gateway"];

/// Seconds for Kafka to confirm, unless the environment says otherwise.
const FLUSH_TIMEOUT: f64 = 7.0;

/// Seconds that the gateway waits beyond that.
const MARGIN: f64 = 3.0;

/// What becomes a configuration.
pub(super) struct Translation<'a> {
    pub(super) conf_dir: ConfDir,
    pub(super) env: &'a EnvMap,
    pub(super) listen: SocketAddr,
    pub(super) profile: Profile,
    pub(super) data: &'a Path,
}

impl Translation<'_> {
    /// The configuration as TOML.
    pub(super) async fn text(&self) -> Result<String, Failure> {
        self.warnings().iter().for_each(|warning| warn(warning));
        let mut root = Table::new();
        let aws = self.aws();
        let connection = self.postgres(&aws).await?;
        let routes = self.routes(connection.as_ref())?;
        let mut topics = self.topics(&routes)?;
        // The older version had no statistics.
        if let Some(connection) = connection.filter(|_| self.profile == Profile::Head) {
            topics.insert("stats".to_owned(), Value::Table(stats(connection)));
        }
        root.insert("topics".to_owned(), Value::Table(topics));
        let outbound = table([("routes", Value::Array(routes))]);
        root.insert("outbound".to_owned(), Value::Table(outbound));
        if !aws.is_empty() {
            root.insert("secrets".to_owned(), Value::Table(table([("aws", Value::Table(aws))])));
        }
        let level = self.env.get("LOG_LEVEL").map(str::to_lowercase);
        let telemetry = table([("log_filter", text(&log_filter(level.as_deref())))]);
        root.insert("telemetry".to_owned(), Value::Table(telemetry));
        let text = toml::to_string(&root).map_err(wrong)?;
        Ok(format!(
            "# Made from a configuration folder of EventGate; it is written anew at each start.\n{text}"
        ))
    }

    /// Producers wait for `routes`.
    fn topics(&self, routes: &[Value]) -> Result<Table, Failure> {
        let config = &self.conf_dir.config;
        let stored = self.postgres_secret().is_some();
        let mut tokens = table([("keys_url", text(config.keys_url()?))]);
        match &config.ssl_ca_bundle {
            None | Some(Json::Bool(true)) => {}
            Some(Json::Bool(false)) => drop(tokens.insert("insecure".to_owned(), true.into())),
            Some(Json::String(path)) => drop(tokens.insert("ca".to_owned(), text(path))),
            Some(other) => {
                return Err(wrong(format!(
                    "config.json: ssl_ca_bundle is {other}; write true, false or a path"
                )));
            }
        }
        let mut topics = table([
            ("listen", text(&self.listen.to_string())),
            ("compat", text(if self.profile == Profile::Seed { "seed" } else { "head" })),
            ("access", text(&self.conf_dir.access.to_string())),
            ("delivered_within", text(&seconds(self.flush_timeout() + MARGIN))),
            ("tokens", Value::Table(tokens)),
            (
                "topic",
                Value::Array(
                    self.conf_dir
                        .topics
                        .iter()
                        .map(|each| topic(each, stored, routes).into())
                        .collect(),
                ),
            ),
        ]);
        topics.insert("payload_log".to_owned(), Value::Table(self.payload_log()));
        if !config.token_provider_url.is_empty() {
            topics.insert("token_provider".to_owned(), text(&config.token_provider_url));
        }
        if let Some(url) = endpoint(self.env, "S3") {
            topics.insert("aws".to_owned(), Value::Table(table([("endpoint_url", text(&url))])));
        }
        if let Some(api) = &self.conf_dir.api {
            topics.insert("api".to_owned(), path(api));
        }
        Ok(topics)
    }

    /// What of a message the log shows at level TRACE.
    fn payload_log(&self) -> Table {
        let mut log = Table::new();
        if let Some(keys) = self.env.get("TRACE_REDACT_KEYS") {
            let keys = keys.split(',').map(str::trim).filter(|key| !key.is_empty()).map(text);
            log.insert("redact_keys".to_owned(), Value::Array(keys.collect()));
        }
        let most: Option<u32> =
            self.env.get("TRACE_MAX_BYTES").and_then(|bytes| bytes.trim().parse().ok());
        if let Some(most) = most {
            log.insert("max_bytes".to_owned(), Value::Integer(most.into()));
        }
        log
    }

    /// `connection` says how to reach PostgreSQL.
    fn routes(&self, connection: Option<&Table>) -> Result<Vec<Value>, Failure> {
        let config = &self.conf_dir.config;
        let mut routes = Vec::new();
        if !config.kafka_bootstrap_server.is_empty() {
            routes.push(route("kafka", ALL, ("kafka", self.kafka()?)));
        }
        if !config.event_bus_arn.is_empty() {
            let mut sink = table([
                ("bus", text(&config.event_bus_arn)),
                ("source", text("{type}")),
                ("detail_type", text("JSON")),
                ("detail", text("data")),
            ]);
            if let Some(url) = endpoint(self.env, "EVENTBRIDGE") {
                sink.insert("endpoint_url".to_owned(), text(&url));
            }
            routes.push(route("eventbridge", ALL, ("eventbridge", sink)));
        }
        if let Some(connection) = connection {
            routes.extend(self.tables(connection)?);
        }
        Ok(routes)
    }

    fn kafka(&self) -> Result<Table, Failure> {
        let config = &self.conf_dir.config;
        let brokers = config.kafka_bootstrap_server.split(',').map(|broker| text(broker.trim()));
        let mut sink = table([
            ("brokers", Value::Array(brokers.collect())),
            ("topic", text("{type}")),
            ("format", text("data")),
            ("missing_key", text("empty")),
            ("librdkafka", Value::Table(table([("linger.ms", text("0"))]))),
            ("timeout", text(&seconds(self.flush_timeout()))),
        ]);
        // Both together switch it on (section 5); then the others must be there.
        let (Some(principal), Some(key)) =
            (&config.kafka_sasl_kerberos_principal, &config.kafka_ssl_key_path)
        else {
            return Ok(sink);
        };
        let needed = |value: &Option<String>, name: &str| {
            value.clone().ok_or_else(|| {
                wrong(format!("config.json: {name} is missing, which Kerberos needs"))
            })
        };
        let keytab =
            needed(&config.kafka_sasl_kerberos_keytab_path, "kafka_sasl_kerberos_keytab_path")?;
        let ca = needed(&config.kafka_ssl_ca_path, "kafka_ssl_ca_path")?;
        let certificate = needed(&config.kafka_ssl_cert_path, "kafka_ssl_cert_path")?;
        let password = needed(&config.kafka_ssl_key_password, "kafka_ssl_key_password")?;
        let file = self.data.join("kafka_ssl_key_password");
        write_private(&file, &password)?;
        let sasl = table([
            ("mechanism", text("GSSAPI")),
            ("service", text("kafka")),
            ("principal", text(principal)),
            ("keytab", text(&keytab)),
        ]);
        let tls = table([
            ("ca", text(&ca)),
            ("certificate", text(&certificate)),
            ("key", Value::Table(table([("file", text(key))]))),
        ]);
        let secret = table([("ssl.key.password", Value::Table(table([("file", path(&file))])))]);
        sink.insert("sasl".to_owned(), Value::Table(sasl));
        sink.insert("tls".to_owned(), Value::Table(tls));
        sink.insert("librdkafka_secrets".to_owned(), Value::Table(secret));
        Ok(sink)
    }

    pub(super) fn given(&self, variable: &str) -> Option<&str> {
        self.env.get(variable).filter(|value| !value.is_empty())
    }

    /// What the reference takes without a word, and is hardly meant.
    fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        let [name, region] = ["POSTGRES_SECRET_NAME", "POSTGRES_SECRET_REGION"];
        let halves = [(name, region), (region, name)];
        for (here, missing) in halves {
            if self.given(here).is_some() && self.given(missing).is_none() {
                warnings.push(format!(
                    "{here} is set and {missing} is not: nothing is written to PostgreSQL"
                ));
            }
        }
        let bus = &self.conf_dir.config.event_bus_arn;
        if !bus.is_empty() && !is_event_bus(bus) {
            warnings.push(format!(
                "config.json: event_bus_arn is {bus}, which is no ARN of an event bus: arn:aws:events:<region>:<account>:event-bus/<name>"
            ));
        }
        warnings
    }

    fn aws(&self) -> Table {
        let mut aws = Table::new();
        if let Some(region) = self.given("POSTGRES_SECRET_REGION") {
            aws.insert("region".to_owned(), text(region));
        }
        if let Some(url) = endpoint(self.env, "SECRETS_MANAGER") {
            aws.insert("endpoint_url".to_owned(), text(&url));
        }
        aws
    }

    fn flush_timeout(&self) -> f64 {
        let given = self.env.get("KAFKA_FLUSH_TIMEOUT").and_then(|text| text.parse().ok());
        given.filter(|seconds: &f64| *seconds > 0.0).unwrap_or(FLUSH_TIMEOUT)
    }
}

/// `arn:<partition>:events:<region>:<account>:event-bus/<name>`.
fn is_event_bus(text: &str) -> bool {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    matches!(
        parts.as_slice(),
        ["arn", partition, "events", region, account, bus]
            if !partition.is_empty()
                && !region.is_empty()
                && !account.is_empty()
                && bus.strip_prefix("event-bus/").is_some_and(|name| !name.is_empty())
    )
}

/// Where a service of AWS is instead of its own address.
pub(super) fn endpoint(env: &EnvMap, service: &str) -> Option<String> {
    let own = env.get(&format!("AWS_ENDPOINT_URL_{service}"));
    own.or_else(|| env.get("AWS_ENDPOINT_URL")).map(ToString::to_string)
}

/// Libraries stay at `info`: below it some show headers, and with them tokens. AWS's SDK prints its own structures where
/// whoever called it says what has failed.
fn log_filter(level: Option<&str>) -> String {
    let filter = match level {
        Some(level @ ("trace" | "debug")) => {
            let own = OWN_CRATES.map(|name| format!(",{name}={level}"));
            format!("info{}", own.concat())
        }
        Some("warning" | "warn") => "warn".to_owned(),
        Some("error" | "critical") => "error".to_owned(),
        // The reference says at this level of each message that it was accepted.
        Some(_) | None => "info,topic_gateway::accepted=debug".to_owned(),
    };
    format!("{filter},aws_=error")
}

/// `stored` says that there are tables of PostgreSQL for the topics that have some.
fn topic(topic: &TopicFile, stored: bool, routes: &[Value]) -> Table {
    let subject = topic_gateway::subject(&topic.name);
    let carries = |route: &Value| {
        let subjects = route.get("subjects").and_then(Value::as_array);
        let mut subjects = subjects.into_iter().flatten().filter_map(Value::as_str);
        subjects.any(|taken| taken == ALL || taken == subject)
    };
    let acknowledge = if routes.iter().any(carries) { "delivered" } else { "durable" };
    let mut made = table([
        ("name", text(&topic.name)),
        ("schema", path(&topic.schema)),
        ("id", text("event_id")),
        ("acknowledge", text(acknowledge)),
    ]);
    if let Some(key) = &topic.key {
        made.insert("key".to_owned(), text(key));
    }
    if stored && let Some(columns) = storage(&topic.name) {
        made.insert("storage".to_owned(), Value::Table(columns));
    }
    made
}

/// The columns of a topic's tables (section 9).
fn storage(topic: &str) -> Option<Table> {
    let columns: Table = toml::from_str(COLUMNS).unwrap_or_default();
    columns.get(topic)?.as_table().cloned()
}

fn route(name: &str, subject: &str, (kind, sink): (&str, Table)) -> Value {
    Value::Table(table([
        ("name", text(name)),
        ("subjects", Value::Array(vec![text(subject)])),
        ("receipts", true.into()),
        ("batch", batch(if kind == "eventbridge" { 10 } else { 100 })),
        ("sink", Value::Table(table([(kind, Value::Table(sink))]))),
    ]))
}

/// Somebody waits for each event, so that no event waits long for others.
pub(super) fn batch(max_events: i64) -> Value {
    Value::Table(table([("max_events", max_events.into()), ("max_wait", text("1ms"))]))
}

/// Writes what nobody else may read.
fn write_private(file: &Path, content: &str) -> io::Result<()> {
    // The rights of a file that is there already would stay.
    fs::remove_file(file).or_else(|error| match error.kind() {
        io::ErrorKind::NotFound => Ok(()),
        _ => Err(error),
    })?;
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(0o600).open(file)?.write_all(content.as_bytes())
}
