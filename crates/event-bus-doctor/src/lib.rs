//! event-bus-doctor: asks a running system whether it does its job, and says what to do when not.
//!
//! Each service exports its checks; [`bus_checks`] are those of the bus itself. [`run`] asks them one after the
//! other and answers with a [`Report`], a doctor.v1 document. A run
//!
//! - sends its own events only, below `doctor.<run id>.`, which no user's route sees;
//! - removes them afterwards, also when a proof failed or the run was interrupted;
//! - shows no secret: values of the secrets that the configuration names are struck from the report.
//!
//! It changes no setting of the system. What a killed doctor leaves behind ages out of the streams.

mod checks;
mod cleanup;
mod config;
mod explain;
mod redact;
mod report;
mod run;
mod text;

pub use checks::{Admin, bus_checks, secrets};
pub use config::DoctorConfig;
pub use explain::{codes, explain};
pub use report::{Artifact, Entry, Report, Summary};
pub use run::{Options, run};
