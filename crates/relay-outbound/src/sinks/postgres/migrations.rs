//! The default table and that of stamps: made and changed by migrations that ship with this program and run only when asked for.
//!
//! Each table remembers beside itself, in `<table>_migrations`, which of them it has seen.

use std::borrow::Cow;
use std::time::Duration;

use event_bus_runtime::SecretResolver;
use sqlx::AssertSqlSafe;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};

use super::Config;
use super::server::Server;
use super::table::TableName;
use crate::address::AddressGuard;
use crate::sinks::CheckError;

/// Migrations in their order, each with its name. One that was released is never changed: a table remembers its checksum.
type Migrations = &'static [(&'static str, &'static str)];

const EVENTS: Migrations =
    &[("events", include_str!("../../../migrations/postgres/0001_events.sql"))];

const STAMPS: Migrations =
    &[("stamps", include_str!("../../../migrations/postgres/stamps/0001_stamps.sql"))];

/// What a migration may take: another process may be at it, and a later one may rewrite a large table.
const WITHIN: Duration = Duration::from_secs(3600);

/// What the migrations do, to be read or run by hand; nothing if no table is this program's.
pub(super) fn sql(config: &Config) -> Option<String> {
    let (migrations, table) = wanted(config)?;
    let quoted = quoted(table);
    let texts: Vec<_> = migrations.iter().map(|(_, text)| fill(text, &quoted)).collect();
    Some(texts.join("\n"))
}

/// The table that this program makes for these settings.
fn wanted(config: &Config) -> Option<(Migrations, &str)> {
    match &config.merge {
        Some(merge) => Some((STAMPS, &merge.stamps)),
        None => config.has_default_columns().then_some((EVENTS, &*config.table)),
    }
}

/// Brings the table up to date; it may be absent. Returns what was done.
pub(super) async fn run(
    config: &Config,
    secrets: &SecretResolver,
    guard: &AddressGuard,
) -> Result<String, CheckError> {
    let Some((migrations, table)) = wanted(config) else {
        return Err(CheckError::bare(
            "the table has columns of its own, which only its owner knows",
        ));
    };
    let server = Server::new(config, secrets, guard)
        .map_err(|error| CheckError::new("the settings cannot be used", error))?;
    let work = async {
        let mut connection = server
            .connect()
            .await
            .map_err(|error| CheckError::new("the server cannot be reached", error))?;
        let migrator = migrator(migrations, table);
        migrator
            .run_direct(None, &mut connection, false)
            .await
            .map_err(|error| CheckError::new("the table cannot be brought up to date", error))
    };
    match tokio::time::timeout(WITHIN, work).await {
        Ok(done) => done.map(|()| format!("the table {} is up to date", quoted(table))),
        Err(_) => Err(CheckError::bare("the server did not finish in time")),
    }
}

fn migrator(migrations: Migrations, table: &str) -> Migrator {
    let quoted = quoted(table);
    let migrations = migrations.iter().zip(1..).map(|((name, text), version)| {
        Migration::new(
            version,
            Cow::Borrowed(name),
            MigrationType::Simple,
            AssertSqlSafe(fill(text, &quoted)).into_sql_str(),
            false,
        )
    });
    let mut migrator = Migrator::with_migrations(migrations.collect());
    migrator.dangerous_set_table_name(records(table));
    migrator
}

fn fill(text: &str, quoted: &str) -> String {
    text.replace("{table}", quoted)
}

/// The settings were validated, so the name can be read.
fn quoted(table: &str) -> String {
    TableName::parse(table).map(|table| table.quoted()).unwrap_or_default()
}

fn records(table: &str) -> String {
    let table = TableName::parse(table).map(|table| table.with_suffix("_migrations"));
    table.map(|table| table.quoted()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::super::columns::DEFAULT_COLUMNS;
    use super::*;

    #[test]
    fn the_migrations_make_the_columns_that_are_filled() {
        let sql = fill(EVENTS[0].1, &quoted("audit.events"));
        assert!(sql.contains(r#"CREATE TABLE "audit"."events" ("#), "{sql}");
        assert!(!sql.contains('{'), "{sql}");
        for (column, _) in DEFAULT_COLUMNS {
            assert!(sql.contains(&format!("\n    {column} ")), "{column}");
        }
        assert_eq!(records("audit.events"), r#""audit"."events_migrations""#);
    }
}
