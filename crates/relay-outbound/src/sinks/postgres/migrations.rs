//! The shipped table. It is made only when somebody asks for it.

use event_bus_runtime::SecretResolver;
use sqlx::Connection as _;

use super::Config;
use super::connect::connect_options;
use super::statement::quoted_table;
use crate::sinks::MigrateError;

/// Every migration, in its order. Each statement may run again, so all of them run each time.
const MIGRATIONS: [&str; 1] = [include_str!("../../../migrations/postgres/0001_events.sql")];

/// One session migrates at a time; any number that nobody else uses.
const LOCK: &str = "SELECT pg_advisory_xact_lock(7236280117)";

/// What is run, for people who run it themselves.
pub(super) fn migration_sql(config: &Config) -> String {
    MIGRATIONS.concat().replace("{table}", &quoted_table(&config.table))
}

/// Makes the table, or brings it up to date; all of it or nothing.
pub(super) async fn migrate(config: &Config, secrets: &SecretResolver) -> Result<(), MigrateError> {
    if !config.columns.is_empty() {
        return Err(MigrateError::Nothing);
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
        Ok(done) => done.map_err(|error| MigrateError::Refused(error.into())),
        Err(elapsed) => Err(MigrateError::Refused(elapsed.into())),
    }
}
