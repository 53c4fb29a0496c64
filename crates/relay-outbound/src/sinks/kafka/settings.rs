//! From the sink's settings to those of librdkafka.

use std::time::Duration;

use event_bus_runtime::SecretResolver;
use rdkafka::ClientConfig;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::KafkaError;

use super::config::{Config, Mechanism, Sasl};
use crate::sinks::BuildError;
use crate::sinks::connect::{self, PemFile};

/// Names that the sink decides about, each with what to write instead.
const OWNED: [(&str, &str); 21] = [
    ("bootstrap.servers", "use `brokers`"),
    ("metadata.broker.list", "use `brokers`"),
    ("security.protocol", "use `tls` and `sasl`"),
    ("sasl.mechanism", "use `sasl`"),
    ("sasl.mechanisms", "use `sasl`"),
    ("sasl.username", "use `sasl.user`"),
    ("sasl.password", "use `sasl.password`"),
    ("ssl.ca.location", "use `tls.ca`"),
    ("ssl.certificate.location", "use `tls.certificate`"),
    ("ssl.key.pem", "use `tls.key`"),
    ("enable.idempotence", "it is always on"),
    ("acks", "it is always `all`"),
    ("request.required.acks", "it is always `all`"),
    ("retries", "it is decided by `timeout`"),
    ("message.send.max.retries", "it is decided by `timeout`"),
    ("max.in.flight", "idempotence decides it"),
    ("max.in.flight.requests.per.connection", "idempotence decides it"),
    ("transactional.id", "there are no transactions"),
    ("message.timeout.ms", "use `timeout`"),
    ("delivery.timeout.ms", "use `timeout`"),
    ("plugin.library.paths", "no code is loaded"),
];

/// Part of the sink's time after which a record that nobody confirmed is given back; the rest is for finding out why.
const CONFIRM_PART: u32 = 70;

/// What librdkafka allows for an answer of a broker.
const SOCKET: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(300));

/// What is wrong with `sasl`, `tls` and the further settings, each with its key.
pub(super) fn problems(config: &Config) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let further = config.librdkafka.keys().map(|name| ("librdkafka", name));
    let further =
        further.chain(config.librdkafka_secrets.keys().map(|name| ("librdkafka_secrets", name)));
    for (table, name) in further {
        if let Some((_, instead)) = OWNED.iter().find(|(owned, _)| owned == name) {
            let message = format!("`{name}` cannot be set here: {instead}");
            problems.push((table.to_owned(), message));
        }
    }
    if let Some(tls) = &config.tls
        && tls.certificate.is_some() != tls.key.is_some()
    {
        let message = "`certificate` and `key` belong together; name both or none";
        problems.push(("tls".to_owned(), message.to_owned()));
    }
    if let Some(sasl) = &config.sasl {
        sasl_problems(sasl, config.tls.is_some(), &mut problems);
    }
    problems
}

fn sasl_problems(sasl: &Sasl, encrypted: bool, problems: &mut Vec<(String, String)>) {
    let name = sasl.mechanism.name();
    let mut report = |message: String| problems.push(("sasl".to_owned(), message));
    let needs_password = match sasl.mechanism {
        Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512 => true,
        Mechanism::Gssapi | Mechanism::OauthBearer => false,
    };
    if needs_password && (sasl.user.is_none() || sasl.password.is_none()) {
        report(format!("{name} needs `user` and `password`"));
    }
    let shows = match sasl.mechanism {
        Mechanism::Plain => Some("password"),
        Mechanism::OauthBearer => Some("token"),
        Mechanism::ScramSha256 | Mechanism::ScramSha512 | Mechanism::Gssapi => None,
    };
    if let Some(shown) = shows
        && !encrypted
    {
        report(format!("{name} shows the {shown} to the network; it needs `tls`"));
    }
    if (sasl.mechanism == Mechanism::OauthBearer) != sasl.oauth2.is_some() {
        report("`oauth2` belongs to OAUTHBEARER, and OAUTHBEARER needs it".to_owned());
    }
    let kerberos = sasl.principal.is_some() || sasl.keytab.is_some() || sasl.service.is_some();
    if kerberos && sasl.mechanism != Mechanism::Gssapi {
        report("`service`, `principal` and `keytab` belong to GSSAPI".to_owned());
    }
    if sasl.mechanism == Mechanism::Gssapi {
        if !cfg!(feature = "gssapi") {
            report("this build has no Kerberos; build with the feature `gssapi`".to_owned());
        }
        if sasl.principal.is_none() || sasl.keytab.is_none() {
            report("GSSAPI needs `principal` and `keytab`".to_owned());
        }
    }
    for (key, message) in sasl.oauth2.iter().flat_map(crate::sinks::oauth2::Config::validate) {
        problems.push((format!("sasl.oauth2.{key}"), message));
    }
}

/// The settings of the producer. They are checked by librdkafka, which names what it does not know; its own message would
/// repeat the value, which may be a secret.
pub(super) fn client_config(
    config: &Config,
    secrets: &SecretResolver,
) -> Result<ClientConfig, BuildError> {
    let mut client = ClientConfig::new();
    let confirm_within = config.timeout * CONFIRM_PART / 100;
    client
        .set("bootstrap.servers", config.brokers.join(","))
        .set("client.id", "event-bus-bridge")
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", "5")
        // The same partition for the same key as Java's clients choose.
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", milliseconds(confirm_within))
        .set("socket.timeout.ms", milliseconds(confirm_within.clamp(SOCKET.0, SOCKET.1)))
        .set("reconnect.backoff.max.ms", "1000")
        .set("queue.buffering.max.kbytes", "65536")
        .set("security.protocol", protocol(config))
        .set_log_level(RDKafkaLogLevel::Warning);
    if let Some(tls) = &config.tls {
        if let Some(ca) = &tls.ca {
            PemFile::read(ca, "tls.ca")?;
            client.set("ssl.ca.location", ca.to_string_lossy());
        }
        if let (Some(certificate), Some(key)) = (&tls.certificate, &tls.key) {
            PemFile::read(certificate, "tls.certificate")?;
            let key = text(key, secrets)?;
            connect::check_key(key.as_bytes())?;
            client.set("ssl.certificate.location", certificate.to_string_lossy());
            client.set("ssl.key.pem", key);
        }
    }
    if let Some(sasl) = &config.sasl {
        client.set("sasl.mechanism", sasl.mechanism.name());
        if let (Some(user), Some(password)) = (&sasl.user, &sasl.password) {
            client.set("sasl.username", user).set("sasl.password", text(password, secrets)?);
        }
        if let (Some(principal), Some(keytab)) = (&sasl.principal, &sasl.keytab) {
            client.set("sasl.kerberos.service.name", sasl.service.as_deref().unwrap_or("kafka"));
            client.set("sasl.kerberos.principal", principal);
            client.set("sasl.kerberos.keytab", keytab.to_string_lossy());
        }
    }
    for (name, value) in &config.librdkafka {
        client.set(name, value);
    }
    for (name, secret) in &config.librdkafka_secrets {
        client.set(name, text(secret, secrets)?);
    }
    client.create_native_config().map_err(|error| {
        let problem = match error {
            KafkaError::ClientConfig(_, problem, name, _) => format!("{name}: {problem}"),
            other => other.to_string(),
        };
        BuildError::Setting("a setting of librdkafka", problem.into())
    })?;
    Ok(client)
}

fn protocol(config: &Config) -> &'static str {
    match (config.tls.is_some(), config.sasl.is_some()) {
        (false, false) => "PLAINTEXT",
        (true, false) => "SSL",
        (false, true) => "SASL_PLAINTEXT",
        (true, true) => "SASL_SSL",
    }
}

fn text(
    secret: &event_bus_runtime::SecretRef,
    secrets: &SecretResolver,
) -> Result<String, BuildError> {
    let secret = secrets.resolve(secret).map_err(BuildError::Secret)?;
    Ok(secret.expose_str().map_err(BuildError::Secret)?.to_owned())
}

fn milliseconds(time: Duration) -> String {
    time.as_millis().to_string()
}
