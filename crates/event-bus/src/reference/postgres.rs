//! PostgreSQL: its secret, the routes that write into the tables of the reference, and who reads them.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::{SecretRef, SecretResolver, SecretsConfig};
use toml::{Table, Value};

use super::conf_dir::TopicFile;
use super::translate::{Translation, batch};
use super::values::{table, text};
use super::{said_when_slow, wrong};
use crate::failure::Failure;

/// The example whose routes write the reference's topics into its tables.
const TABLES: &str = include_str!("../../../../examples/topics/event-bus.toml");

/// Fields of the secret that say how to reach PostgreSQL; its password stays where it is.
const CONNECTION: [&str; 4] = ["host", "port", "database", "user"];

/// Time for AWS Secrets Manager to give them.
const SECRET_WITHIN: Duration = Duration::from_secs(10);

impl Translation<'_> {
    /// How to reach PostgreSQL: from a secret, of which only the password stays one.
    pub(super) async fn postgres(&self, aws: &Table) -> Result<Option<Table>, Failure> {
        let Some(name) = self.postgres_secret() else { return Ok(None) };
        let settings: SecretsConfig =
            toml::Value::Table(table([("aws", Value::Table(aws.clone()))]))
                .try_into()
                .map_err(wrong)?;
        let resolver = SecretResolver::new(self.env.clone(), &settings);
        let mut references = Vec::new();
        for field in CONNECTION {
            let reference = table([("aws_secrets_manager", text(&format!("{name}#{field}")))]);
            let reference: SecretRef = Value::Table(reference).try_into().map_err(wrong)?;
            references.push(reference);
        }
        let place = secrets_manager(aws);
        let fetching = resolver.fetch_within(&references, SECRET_WITHIN);
        let waited = format!(
            "waiting for {place}, at most {} s: POSTGRES_SECRET_NAME is {name}",
            SECRET_WITHIN.as_secs()
        );
        // What cannot be had is said below, field by field.
        said_when_slow(waited, fetching).await.ok();
        let mut connection = Table::new();
        for (field, reference) in CONNECTION.into_iter().zip(&references) {
            let value = resolver.resolve(reference).map_err(|error| {
                let why = Chain(&error);
                wrong(format!(
                    "PostgreSQL connection field '{field}' not configured: {why}; POSTGRES_SECRET_NAME is {name}, and {place} was asked"
                ))
            })?;
            let value = String::from_utf8_lossy(value.expose()).into_owned();
            let value =
                match field {
                    "port" => Value::Integer(value.parse().map_err(|_| {
                        wrong(format!("the port of the secret {name} is no number"))
                    })?),
                    _ => Value::String(value),
                };
            connection.insert(field.to_owned(), value);
        }
        let password = table([("aws_secrets_manager", text(&format!("{name}#password")))]);
        connection.insert("password".to_owned(), Value::Table(password));
        // As the driver of the reference does.
        connection.insert("tls".to_owned(), text("prefer"));
        Ok(Some(connection))
    }

    /// The routes of the example, for the topics that are here, with this connection.
    pub(super) fn tables(&self, connection: &Table) -> Result<Vec<Value>, Failure> {
        let example: Table = toml::from_str(TABLES).map_err(wrong)?;
        let routes = example["outbound"]["routes"].as_array().cloned().unwrap_or_default();
        let mut made = Vec::new();
        for mut route in routes {
            let subject = route["subjects"][0].as_str().unwrap_or_default().to_owned();
            let here = |topic: &TopicFile| subject == topic_gateway::subject(&topic.name);
            if !self.conf_dir.topics.iter().any(here) {
                continue;
            }
            let name = format!("postgres-{}", route["name"].as_str().unwrap_or_default());
            if let Some(route) = route.as_table_mut() {
                route.insert("name".to_owned(), text(&name));
                route.insert("receipts".to_owned(), true.into());
                route.insert("batch".to_owned(), batch(100));
            }
            if let Some(sink) = route["sink"]["postgres"].as_table_mut() {
                sink.extend(connection.clone());
            }
            made.push(route);
        }
        Ok(made)
    }

    /// Name of the secret; without it, or without its region, there is no PostgreSQL.
    pub(super) fn postgres_secret(&self) -> Option<&str> {
        self.given("POSTGRES_SECRET_REGION").and_then(|_| self.given("POSTGRES_SECRET_NAME"))
    }
}

/// Everybody may read them, as they may those of the reference (section 11).
pub(super) fn stats(mut connection: Table) -> Table {
    connection.insert("authenticate".to_owned(), false.into());
    connection
}

/// AWS Secrets Manager, as these settings reach it.
fn secrets_manager(aws: &Table) -> String {
    let setting = |name| aws.get(name).and_then(Value::as_str);
    match (setting("endpoint_url"), setting("region").unwrap_or_default()) {
        (Some(url), region) => format!("AWS Secrets Manager at {url} ({region})"),
        (None, region) => format!("AWS Secrets Manager in {region}"),
    }
}
