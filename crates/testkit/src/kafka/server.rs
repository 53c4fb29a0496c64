//! A broker that can be killed and started again.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::certificates::Authority;
use crate::kerberos::Kdc;
use crate::process::{Daemon, listens};
use crate::{free_port, tools};

/// The user of a broker with SASL.
pub const USER: &str = "event-bus";

/// The password of [`USER`].
pub const PASSWORD: &str = "kafka-secret";

/// The broker as Kerberos knows it.
const SERVICE: &str = "kafka/127.0.0.1";

/// Id of the cluster; any 16 bytes in base64url.
const CLUSTER: &str = "ZXZlbnQtYnVzLXRlc3QtMQ";

/// Quick to start, and small: a test broker holds little and lives for seconds.
const JVM: [&str; 3] = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"];

/// Settings of a [`KafkaServer`].
#[derive(Clone, Debug, Default)]
pub struct KafkaServerBuilder {
    settings: Vec<(String, String)>,
    advertised: Option<u16>,
    secured: bool,
    client_certificates: bool,
    /// What Java's Kerberos reads, and the keys of the broker.
    kerberos: Option<(PathBuf, PathBuf)>,
}

/// A running broker. Dropping it kills the process and removes its data.
#[derive(Debug)]
pub struct KafkaServer {
    port: u16,
    folder: TempDir,
    daemon: Daemon,
    secured: bool,
}

impl KafkaServerBuilder {
    /// A setting of `server.properties`, such as `message.max.bytes`.
    #[must_use]
    pub fn set(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Clients are told to connect to this port, such as that of a proxy.
    #[must_use]
    pub fn advertise(mut self, port: u16) -> Self {
        self.advertised = Some(port);
        self
    }

    /// The listener is SASL_SSL with SCRAM-SHA-512 and PLAIN for [`USER`], and OAUTHBEARER for any unsigned token.
    #[must_use]
    pub fn sasl_ssl(mut self) -> Self {
        self.secured = true;
        self
    }

    /// The listener is SASL_SSL and takes, beside the above, the principals of this realm.
    #[must_use]
    pub fn kerberos(mut self, centre: &Kdc) -> Self {
        self.kerberos = Some((centre.config(), centre.keytab(SERVICE)));
        self.sasl_ssl()
    }

    /// The listener also asks for a client's certificate.
    #[must_use]
    pub fn client_certificates(mut self) -> Self {
        self.client_certificates = true;
        self
    }

    /// Starts it on a free port.
    pub async fn start(self) -> KafkaServer {
        self.start_on(free_port()).await
    }

    /// Starts it on this port.
    pub async fn start_on(self, port: u16) -> KafkaServer {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let properties = folder.path().join("server.properties");
        fs::write(&properties, self.properties(port, folder.path())).expect("a file");
        let log_settings = folder.path().join("log4j2.properties");
        fs::write(&log_settings, LOGGING).expect("a file");
        format(&properties, self.secured);
        let kerberos = self.kerberos.map(|(config, _)| config);
        let daemon = Daemon::new("Kafka", folder.path().join("log"), move || {
            let mut command = java();
            command.arg(format!("-Dlog4j2.configurationFile={}", log_settings.display()));
            if let Some(config) = &kerberos {
                command.arg(format!("-Djava.security.krb5.conf={}", config.display()));
            }
            command.arg("kafka.Kafka").arg(&properties);
            command
        });
        let server = KafkaServer { port, folder, daemon, secured: self.secured };
        server.run().await;
        server
    }

    fn properties(&self, port: u16, folder: &Path) -> String {
        let controller = free_port();
        let advertised = self.advertised.unwrap_or(port);
        let protocol = if self.secured { "SASL_SSL" } else { "PLAINTEXT" };
        let mut text = format!(
            "process.roles=broker,controller\nnode.id=1\nlog.dirs={}\n\
             listeners=CLIENT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=CLIENT://127.0.0.1:{advertised}\n\
             inter.broker.listener.name=CLIENT\ncontroller.listener.names=CONTROLLER\n\
             controller.quorum.voters=1@127.0.0.1:{controller}\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,CLIENT:{protocol}\n\
             offsets.topic.replication.factor=1\noffsets.topic.num.partitions=1\n\
             transaction.state.log.replication.factor=1\ntransaction.state.log.min.isr=1\n\
             transaction.state.log.num.partitions=1\ngroup.initial.rebalance.delay.ms=0\n\
             num.network.threads=2\nnum.io.threads=2\nlog.cleaner.enable=false\n",
            folder.join("data").display()
        );
        if self.secured {
            make_certificates(folder);
            self.secure(&mut text, folder);
        }
        for (name, value) in &self.settings {
            writeln!(text, "{name}={value}").expect("writing to a string");
        }
        text
    }

    fn secure(&self, text: &mut String, folder: &Path) {
        let secret = format!("username=\"{USER}\" password=\"{PASSWORD}\"");
        let mut logins = vec![
            ("SCRAM-SHA-512", format!("scram.ScramLoginModule required {secret}")),
            (
                "PLAIN",
                format!("plain.PlainLoginModule required {secret} user_{USER}=\"{PASSWORD}\""),
            ),
            ("OAUTHBEARER", "oauthbearer.OAuthBearerLoginModule required".to_owned()),
        ];
        for (_, login) in &mut logins {
            login.insert_str(0, "org.apache.kafka.common.security.");
        }
        if let Some((_, keytab)) = &self.kerberos {
            let login = format!(
                "com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true \
                 keyTab=\"{}\" principal=\"{SERVICE}\"",
                keytab.display()
            );
            logins.push(("GSSAPI", login));
        }
        let mechanisms: Vec<_> = logins.iter().map(|(mechanism, _)| *mechanism).collect();
        let auth = if self.client_certificates { "required" } else { "none" };
        write!(
            text,
            "sasl.enabled.mechanisms={}\nsasl.mechanism.inter.broker.protocol=PLAIN\n\
             sasl.kerberos.service.name=kafka\nssl.keystore.type=PEM\nssl.keystore.location={}\n\
             ssl.truststore.type=PEM\nssl.truststore.location={}\n\
             listener.name.client.ssl.client.auth={auth}\nssl.endpoint.identification.algorithm=\n",
            mechanisms.join(","),
            folder.join("server.pem").display(),
            folder.join("ca.pem").display()
        )
        .expect("writing to a string");
        for (mechanism, login) in logins {
            let mechanism = mechanism.to_lowercase();
            writeln!(text, "listener.name.client.{mechanism}.sasl.jaas.config={login};")
                .expect("writing to a string");
        }
    }
}

impl KafkaServer {
    /// A broker without authentication that makes topics of one partition when they are first used.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    pub fn builder() -> KafkaServerBuilder {
        KafkaServerBuilder::default()
    }

    /// `127.0.0.1:<port>`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// SIGKILL. The data stay.
    pub fn kill(&self) {
        self.daemon.kill();
    }

    /// Starts it again on the same port with the same data.
    pub async fn restart(&self) {
        self.kill();
        self.run().await;
    }

    /// The broker itself, to pause it or to look at its log.
    pub fn daemon(&self) -> &Daemon {
        &self.daemon
    }

    /// The certificate authority of a broker with TLS, as a file.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A client's certificate and key that the broker accepts, as files.
    pub fn client_certificate(&self) -> (PathBuf, PathBuf) {
        (self.folder.path().join("client.pem"), self.folder.path().join("client.key"))
    }

    /// Makes a topic; further arguments are those of Kafka's own tool, such as `--config`, `max.message.bytes=1000`.
    pub fn create_topic(&self, name: &str, partitions: u32, arguments: &[&str]) {
        let output = java()
            .arg("org.apache.kafka.tools.TopicCommand")
            .args(["--bootstrap-server", &self.address(), "--create", "--topic", name])
            .args(["--partitions", &partitions.to_string(), "--replication-factor", "1"])
            .args(arguments)
            .output()
            .expect("java runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    /// Every record of a topic as a stock client reads it: `key`, `headers`, `value` (base64) and `partition`.
    pub fn records(&self, topic: &str) -> Vec<serde_json::Value> {
        let settings = if self.secured {
            serde_json::json!({
                "security.protocol": "SASL_SSL", "ssl.ca.location": self.ca(),
                "sasl.mechanism": "PLAIN", "sasl.username": USER, "sasl.password": PASSWORD,
            })
        } else {
            serde_json::json!({})
        };
        let arguments = [self.address(), topic.to_owned(), settings.to_string()];
        let text =
            tools::python(include_str!("records.py"), &arguments.each_ref().map(String::as_str));
        let parse = |line| serde_json::from_str(line).expect("a line of JSON");
        text.lines().map(parse).collect()
    }

    async fn run(&self) {
        let started = || self.daemon.log_text().matches("Kafka Server started").count();
        let before = started();
        self.daemon.start(async || started() > before && listens(self.port).await).await;
    }
}

/// Java with Kafka's own classes.
fn java() -> Command {
    let mut command = Command::new("java");
    let classes = tools::locate("kafka").join("*");
    command.args(JVM).arg("-cp").arg(classes);
    command
}

fn format(properties: &Path, secured: bool) {
    let mut command = java();
    command.args(["kafka.tools.StorageTool", "format", "-t", CLUSTER, "-c"]);
    command.arg(properties);
    if secured {
        command.arg("--add-scram");
        command.arg(format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]"));
    }
    let output = command.output().expect("java runs; ./scripts/setup installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Files that a broker with TLS and its clients need.
fn make_certificates(folder: &Path) {
    let authority = Authority::new();
    let (broker, client) = (authority.issue("broker"), authority.issue("client"));
    for (name, content) in [
        ("ca.pem", authority.pem()),
        ("server.pem", format!("{}{}", broker.key, broker.certificate)),
        ("client.pem", client.certificate),
        ("client.key", client.key),
    ] {
        fs::write(folder.join(name), content).expect("a file");
    }
}

const LOGGING: &str = "rootLogger.level=info\nappender.out.type=Console\nappender.out.name=out\n\
     appender.out.layout.type=PatternLayout\nappender.out.layout.pattern=%d %p %m (%c{1})%n%throwable\n\
     rootLogger.appenderRefs=out\nrootLogger.appenderRef.out.ref=out\n";
