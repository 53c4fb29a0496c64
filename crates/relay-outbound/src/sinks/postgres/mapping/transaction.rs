//! Several statements that are written together or not at all.
//!
//! If a delivery ends in between, its connection is closed, and the server takes everything back.

use sqlx::PgConnection;

use crate::sinks::postgres::errors::Answer;

/// Each statement sees what others committed before it: what a lock has waited for is seen by the next one.
const BEGIN: &str = "BEGIN ISOLATION LEVEL READ COMMITTED";

pub(super) async fn begin(connection: &mut PgConnection) -> Result<(), Answer> {
    say(connection, BEGIN).await
}

/// Commits what was done, or takes it back after an error.
pub(super) async fn end(
    connection: &mut PgConnection,
    done: Result<(), Answer>,
) -> Result<(), Answer> {
    match done {
        Ok(()) => say(connection, "COMMIT").await,
        Err(answer) => {
            // A connection that is not used again needs no word.
            if !answer.ends_connections() {
                say(connection, "ROLLBACK").await?;
            }
            Err(answer)
        }
    }
}

async fn say(connection: &mut PgConnection, words: &'static str) -> Result<(), Answer> {
    sqlx::raw_sql(words).execute(connection).await?;
    Ok(())
}
