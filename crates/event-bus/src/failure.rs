//! How a command ends when it does not end well, and what the process says about it.

use std::fmt;
use std::process::ExitCode;

use crate::output::note;

/// Bad configuration or usage, `EX_USAGE` of sysexits.
pub(crate) const EXIT_MISUSE: u8 = 64;

/// How a command ended.
pub(crate) type Outcome = Result<(), Failure>;

/// Why a command did not end well.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller must change the command or the configuration.
    Misuse(anyhow::Error),
    /// It was tried and did not work.
    Failed(anyhow::Error),
    /// The output says already what is wrong.
    Reported,
    /// There is nobody left to read the output, or the user asked to stop: no failure at all.
    Quiet,
}

impl Failure {
    /// Bad configuration or usage, caused by `error`.
    pub(crate) fn misuse(error: impl Into<anyhow::Error>) -> Self {
        Self::Misuse(error.into())
    }

    /// Bad configuration or usage, in words.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::Misuse(anyhow::Error::msg(message.to_string()))
    }

    /// Something that did not work, in words.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(anyhow::Error::msg(message.to_string()))
    }
}

impl<E: std::error::Error + Send + Sync + 'static> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misuse(error) | Self::Failed(error) => write!(formatter, "{error:#}"),
            Self::Reported | Self::Quiet => Ok(()),
        }
    }
}

/// Says on stderr what went wrong, and gives the exit code.
pub(crate) fn report(outcome: Outcome) -> ExitCode {
    let Err(failure) = outcome else { return ExitCode::SUCCESS };
    let text = failure.to_string();
    if !text.is_empty() {
        // Where nobody can be told, the exit code still speaks.
        note(format!("event-bus: {text}"));
    }
    match failure {
        Failure::Misuse(_) => ExitCode::from(EXIT_MISUSE),
        Failure::Failed(_) | Failure::Reported => ExitCode::FAILURE,
        Failure::Quiet => ExitCode::SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_its_exit_code() {
        for (failure, code) in [
            (Failure::usage("x"), ExitCode::from(64)),
            (Failure::failed("x"), ExitCode::from(1)),
            (Failure::Reported, ExitCode::from(1)),
            (Failure::Quiet, ExitCode::from(0)),
        ] {
            assert_eq!(report(Err(failure)), code);
        }
    }
}
