//! What an error of the database means for the events (SQLSTATE, appendix A of PostgreSQL's manual).

use event_bus_core::delivery::{DeliveryError, Refusal};

/// Whose fault an error is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The connection, or the server as a whole: nothing can be delivered.
    Connection,
    /// The server is busy, or somebody is in the way.
    Busy,
    /// The credentials.
    Credentials,
    /// The table or its rights are not what the settings say.
    Table,
    /// A row: some event that the database will never take.
    Row,
}

/// Tells by the SQLSTATE. An unknown one blames the database, not the event: nothing is given up for it.
pub(super) fn fault_of_state(state: &str) -> Fault {
    match state {
        // No write is possible: shutdown, start, a standby.
        "57P01" | "57P02" | "57P03" | "57P05" | "25006" => Fault::Connection,
        _ if state.starts_with("08") => Fault::Connection,
        _ if state.starts_with("28") => Fault::Credentials,
        "42501" | "42P01" | "42703" | "42P10" | "42704" | "3F000" | "3D000" | "42804" => {
            Fault::Table
        }
        // 54000: a row is too large. P0001: a trigger raised an exception.
        "54000" | "54001" | "54023" | "P0001" | "44000" => Fault::Row,
        _ if state.starts_with("22") || state.starts_with("23") => Fault::Row,
        _ => Fault::Busy,
    }
}

/// Whose fault an error of the client is.
pub(super) fn fault(error: &sqlx::Error) -> Fault {
    match error {
        sqlx::Error::Database(error) => {
            error.code().map_or(Fault::Busy, |state| fault_of_state(&state))
        }
        sqlx::Error::Encode(_) | sqlx::Error::InvalidArgument(_) => Fault::Row,
        sqlx::Error::PoolTimedOut | sqlx::Error::Io(_) | sqlx::Error::Tls(_) => Fault::Connection,
        _ => Fault::Connection,
    }
}

/// The verdict on an event, once it is known whose fault the error is.
pub(super) fn verdict(fault: Fault, error: sqlx::Error) -> DeliveryError {
    let busy =
        |error| DeliveryError::Unavailable { status: None, retry_after: None, cause: Some(error) };
    match fault {
        Fault::Connection => DeliveryError::Unreachable(error.into()),
        Fault::Busy => busy(error.into()),
        Fault::Credentials => {
            DeliveryError::Unauthorized { status: None, cause: Some(error.into()) }
        }
        Fault::Table => busy(WrongTable(error).into()),
        Fault::Row => DeliveryError::Refused(Refusal::Constraint(error.into())),
    }
}

/// The table is not there, or not as it should be.
#[derive(Debug, thiserror::Error)]
#[error(
    "the table does not fit the settings; `event-bus routes migrate <route>` makes the shipped one"
)]
pub(super) struct WrongTable(#[source] pub(super) sqlx::Error);
