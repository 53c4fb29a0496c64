//! What an error of PostgreSQL says about the events, by its SQLSTATE.
//!
//! The table of codes is appendix A of PostgreSQL's manual. Values that a message quotes are cut off: they come from
//! the body of an event.

use event_bus_core::delivery::{DeliveryError, Refusal};

/// What makes the default table.
const HOW_TO_MIGRATE: &str = "`event-bus routes migrate` makes the table of a route";

/// `invalid_argument_for_width_bucket_function`, by which a statement says that it is out of date.
const CHANGED_TABLE: &str = "2201G";

/// Why rows were not inserted. It is copied to each event that it concerns.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Answer {
    fate: Fate,
    /// Whether it can be the fault of one event among many.
    concerns_one: bool,
    /// Whether the table may not be as it was when the statement was made.
    doubts_table: bool,
    code: String,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// There is no session, or none that can write.
    Unreachable,
    Unavailable,
    Unauthorized,
    Refused,
}

impl Answer {
    /// The destination did not answer in time.
    pub(super) fn timeout() -> Self {
        Self::without_code(Fate::Unreachable, "no answer in time".to_owned())
    }

    /// An address that may not be connected to, or has no name.
    pub(super) fn unreachable(text: String) -> Self {
        Self::without_code(Fate::Unreachable, text)
    }

    /// Somebody else wrote rows of a merge at the same time, without its lock.
    pub(super) fn overtaken() -> Self {
        let text = "somebody else made a row of the same key at the same time";
        Self::without_code(Fate::Unavailable, text.to_owned())
    }

    /// The table or a column is not there. No event is to blame.
    pub(super) fn missing(what: String) -> Self {
        Self::without_code(Fate::Unavailable, format!("{what}; {HOW_TO_MIGRATE}"))
    }

    /// The error of an attempt to connect: without a session it is never the fault of an event.
    pub(super) fn to_connect(error: sqlx::Error) -> Self {
        let answer = Self::from(error);
        let fate = match answer.fate {
            Fate::Refused => Fate::Unreachable,
            fate @ (Fate::Unreachable | Fate::Unavailable | Fate::Unauthorized) => fate,
        };
        Self { fate, concerns_one: false, ..answer }
    }

    /// Whether inserting fewer rows can tell which of them is to blame.
    pub(super) fn may_concern_one_event(&self) -> bool {
        self.concerns_one
    }

    /// Whether the connection cannot be used again, and others may be no better.
    pub(super) fn ends_connections(&self) -> bool {
        self.fate == Fate::Unreachable
    }

    /// Whether the columns have other types than the statement knew; nothing was inserted.
    pub(super) fn is_changed_table(&self) -> bool {
        self.code == CHANGED_TABLE
    }

    /// Whether the server gave the statement up, such as for its time.
    pub(super) fn was_canceled(&self) -> bool {
        self.code == "57014"
    }

    /// Whether the statement should be made anew.
    pub(super) fn doubts_table(&self) -> bool {
        self.doubts_table
    }

    /// The same for one event.
    pub(super) fn error(&self) -> DeliveryError {
        let cause = Box::new(self.clone());
        match self.fate {
            Fate::Unreachable => DeliveryError::Unreachable(cause),
            Fate::Unavailable => {
                DeliveryError::Unavailable { status: None, retry_after: None, cause: Some(cause) }
            }
            Fate::Unauthorized => DeliveryError::Unauthorized { status: None, cause: Some(cause) },
            Fate::Refused => DeliveryError::Refused(Refusal::Constraint(cause)),
        }
    }

    fn without_code(fate: Fate, text: String) -> Self {
        Self { fate, concerns_one: false, doubts_table: false, code: String::new(), text }
    }

    fn of_server(code: &str, message: &str) -> Self {
        let message = without_values(code, message);
        let hint = match code {
            "42P01" | "42703" | "42P10" => format!("; {HOW_TO_MIGRATE}"),
            _ => String::new(),
        };
        let class = class(code);
        Self {
            fate: fate(code),
            // A missing table, a full disk or a server that ends is the same for every row.
            concerns_one: code == "42501"
                || code != CHANGED_TABLE
                    && !matches!(
                        class,
                        "08" | "0A"
                            | "25"
                            | "26"
                            | "28"
                            | "3D"
                            | "40"
                            | "42"
                            | "53"
                            | "55"
                            | "57"
                            | "58"
                    ),
            doubts_table: code == CHANGED_TABLE || matches!(class, "0A" | "26" | "42"),
            code: code.to_owned(),
            text: format!("{message} (SQLSTATE {code}){hint}"),
        }
    }
}

impl From<sqlx::Error> for Answer {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(error) => {
                Self::of_server(&error.code().unwrap_or_default(), error.message())
            }
            sqlx::Error::Io(error) => Self::unreachable(error.to_string()),
            sqlx::Error::Tls(error) => Self::unreachable(format!("TLS failed: {error}")),
            // Nothing else comes from a server that speaks the protocol.
            error => Self::unreachable(error.to_string()),
        }
    }
}

fn class(code: &str) -> &str {
    code.get(..2).unwrap_or_default()
}

fn fate(code: &str) -> Fate {
    match (class(code), code) {
        // Connection lost; no such database; timed out, shutting down or starting up; read-only after a failover.
        ("08" | "3D" | "57", _) | (_, "25006") => Fate::Unreachable,
        ("28", _) | (_, "42501") => Fate::Unauthorized,
        (_, CHANGED_TABLE) => Fate::Unavailable,
        // Values and constraints, exceptions of triggers, and rows too large for an index.
        ("09" | "21" | "22" | "23" | "27" | "2F" | "38" | "39" | "44" | "54" | "P0", _) => {
            Fate::Refused
        }
        _ => Fate::Unavailable,
    }
}

/// `invalid input syntax for type integer: "abc"` without what stands after the colon.
fn without_values<'a>(code: &str, message: &'a str) -> &'a str {
    match class(code) {
        "22" => message.split(": \"").next().unwrap_or(message),
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use event_bus_core::delivery::Disposition;

    use super::*;

    #[test]
    fn a_code_decides_what_follows() {
        use Disposition::{DeadLetter, Hold};
        let retry = Disposition::Retry { after: None };
        for (code, expected, concerns_one) in [
            ("08006", Hold, false),
            ("22001", DeadLetter, true),
            ("22P02", DeadLetter, true),
            (CHANGED_TABLE, retry, false),
            ("23505", DeadLetter, true),
            ("23514", DeadLetter, true),
            ("25006", Hold, false),
            ("28P01", retry, false),
            ("3D000", Hold, false),
            ("40001", retry, false),
            ("40P01", retry, false),
            ("42501", retry, true),
            ("42703", retry, false),
            ("42P01", retry, false),
            ("42P10", retry, false),
            ("44000", DeadLetter, true),
            ("53100", retry, false),
            ("53300", retry, false),
            ("54000", DeadLetter, true),
            ("55P03", retry, false),
            ("57014", Hold, false),
            ("57P01", Hold, false),
            ("57P03", Hold, false),
            ("58030", retry, false),
            ("P0001", DeadLetter, true),
            ("XX000", retry, true),
            ("", retry, true),
        ] {
            let answer = Answer::of_server(code, "message");
            assert_eq!(answer.error().disposition(), expected, "{code}");
            assert_eq!(answer.may_concern_one_event(), concerns_one, "{code}");
        }
    }

    #[test]
    fn values_of_an_event_are_in_no_message() {
        let answer = Answer::of_server("22P02", "invalid input syntax for type integer: \"pass\"");
        assert_eq!(answer.to_string(), "invalid input syntax for type integer (SQLSTATE 22P02)");
        let answer = Answer::of_server("42P01", "relation \"x\" does not exist");
        assert!(
            answer.to_string().ends_with("`event-bus routes migrate` makes the table of a route")
        );
    }
}
