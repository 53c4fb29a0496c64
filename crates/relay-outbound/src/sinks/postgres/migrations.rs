//! The shipped table. It is made only when somebody asks for it.

use event_bus_core::delivery::BoxError;
use event_bus_runtime::SecretResolver;
use sqlx::Connection as _;

use super::Config;
use super::connect::connect_options;
use super::statement::quoted_table;
use crate::sinks::BuildError;

/// Every migration, in its order. Each statement may run again, so all of them run each time.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/postgres/0001_events.sql")];

/// One session migrates at a time; any number that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7236280117)";

/// The table could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MigrateError {
    /// The settings name columns of their own, so the table is the user's own.
    #[error("`columns` is set, so the table is your own; nothing is shipped for it")]
    OwnTable,
    /// The settings cannot be used.
    #[error("the settings cannot be used")]
    Build(#[source] BuildError),
    /// The database refused.
    #[error("the database did not make the table")]
    Database(#[source] BoxError),
}

/// What is run, for people who run it themselves.
pub fn migration_sql(config: &Config) -> String {
    MIGRATIONS.concat().replace("{table}", &quoted_table(&config.table))
}

/// Makes the table, or brings it up to date; all of it or nothing.
pub async fn migrate(config: &Config, secrets: &SecretResolver) -> Result<(), MigrateError> {
    if !config.columns.is_empty() {
        return Err(MigrateError::OwnTable);
    }
    let options = connect_options(config, secrets).map_err(MigrateError::Build)?;
    let run = async {
        let mut connection = sqlx::PgConnection::connect_with(&options).await?;
        let mut transaction = connection.begin().await?;
        sqlx::query(LOCK).execute(&mut *transaction).await?;
        let sql = sqlx::AssertSqlSafe(migration_sql(config));
        sqlx::raw_sql(sql).execute(&mut *transaction).await?;
        transaction.commit().await?;
        connection.close().await
    };
    match tokio::time::timeout(config.timeout, run).await {
        Ok(done) => done.map_err(|error| MigrateError::Database(error.into())),
        Err(elapsed) => Err(MigrateError::Database(elapsed.into())),
    }
}
