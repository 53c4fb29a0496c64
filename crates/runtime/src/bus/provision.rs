//! Creates streams that are absent and never changes one that exists.
//!
//! Replicas that start together may all create the same stream: the server lets one do it and
//! answers the others as if they had. What an operator set is kept even where it differs from the
//! configuration; only what would lose events is refused, with the difference and the remedy.

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{CreateStreamErrorKind, GetStreamErrorKind};
use async_nats::jetstream::stream::Config;

use super::compare::{Comparison, Violation, compare};
use super::streams::{StreamRole, StreamsConfig};
use super::version::Version;
use super::{Bus, BusConfig};

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What provisioning found and did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provisioned {
    /// Names of the streams that were created now.
    pub created: Vec<String>,
    /// Names of the streams that were there and fit.
    pub found: Vec<String>,
    /// What an operator should look at.
    pub warnings: Vec<String>,
}

/// What [`inspect`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inspected {
    /// There is no such stream.
    Absent,
    /// The stream is there.
    Found {
        /// What keeps it from being used.
        violations: Vec<Violation>,
        /// What an operator should look at.
        warnings: Vec<String>,
    },
}

/// Why the streams cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ProvisionError {
    /// The broker is away or busy: try again.
    #[error("streams cannot be looked at now")]
    Unavailable(#[source] BoxError),
    /// Trying again cannot help; an operator must act. Each line says how.
    #[error("{}", lines(.0))]
    Incompatible(Vec<Violation>),
}

/// The broker is away.
#[derive(Debug, thiserror::Error)]
#[error("not connected to the bus")]
struct NotConnected;

/// Creates the streams that are absent and compares the others with what is required.
pub async fn provision(
    bus: &Bus,
    config: &BusConfig,
    which: &[StreamRole],
) -> Result<Provisioned, ProvisionError> {
    let disconnection = bus.disconnection();
    tokio::select! {
        biased;
        result = provision_all(bus, config, which) => result,
        () = disconnection => Err(ProvisionError::Unavailable(NotConnected.into())),
    }
}

async fn provision_all(
    bus: &Bus,
    config: &BusConfig,
    which: &[StreamRole],
) -> Result<Provisioned, ProvisionError> {
    let version = bus.server_version().filter(|_| bus.connected());
    let version = version.ok_or_else(|| ProvisionError::Unavailable(NotConnected.into()))?;
    let mut provisioned = Provisioned::default();
    let mut violations = Vec::new();
    for role in which {
        let wanted = config.streams.wanted(*role, version);
        let (created, have) = match ensure(bus, &wanted).await {
            Ok(ensured) => ensured,
            Err(Failure::Unavailable(source)) => return Err(ProvisionError::Unavailable(source)),
            Err(Failure::Refused(violation)) => {
                violations.push(violation);
                continue;
            }
        };
        let list = if created { &mut provisioned.created } else { &mut provisioned.found };
        list.push(wanted.name);
        let Comparison { violations: more, warnings } =
            compare(&config.streams, *role, &have, version, bus.max_payload());
        violations.extend(more);
        provisioned.warnings.extend(warnings);
    }
    if violations.is_empty() {
        Ok(provisioned)
    } else {
        Err(ProvisionError::Incompatible(violations))
    }
}

/// What the streams are, compared with what is required; creates and changes nothing.
///
/// A stream that is absent is [`Inspected::Absent`]. Only [`ProvisionError::Unavailable`] is an error.
pub async fn inspect(
    bus: &Bus,
    config: &StreamsConfig,
    role: StreamRole,
) -> Result<Inspected, ProvisionError> {
    let version = bus.server_version().filter(|_| bus.connected());
    let version = version.ok_or_else(|| ProvisionError::Unavailable(NotConnected.into()))?;
    match look_up(bus, config.name(role)).await {
        Ok(None) => Ok(Inspected::Absent),
        Ok(Some(have)) => {
            let Comparison { violations, warnings } =
                compare(config, role, &have, version, bus.max_payload());
            Ok(Inspected::Found { violations, warnings })
        }
        Err(Failure::Unavailable(source)) => Err(ProvisionError::Unavailable(source)),
        Err(Failure::Refused(violation)) => {
            Ok(Inspected::Found { violations: vec![violation], warnings: Vec::new() })
        }
    }
}

impl ProvisionError {
    /// Whether trying again can help.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Incompatible(_) => false,
        }
    }
}

enum Failure {
    Unavailable(BoxError),
    Refused(Violation),
}

/// The settings that the stream has on the server, and whether it was created now.
async fn ensure(bus: &Bus, wanted: &Config) -> Result<(bool, Config), Failure> {
    if let Some(have) = look_up(bus, &wanted.name).await? {
        return Ok((false, have));
    }
    let error = match bus.jetstream().create_stream(wanted).await {
        Ok(stream) => return Ok((true, stream.cached_info().config.clone())),
        Err(error) => error,
    };
    match error.kind() {
        CreateStreamErrorKind::JetStream(api)
            if api.error_code() == ErrorCode::STREAM_NAME_EXIST =>
        {
            // Somebody else was quicker, with other settings.
            let have = look_up(bus, &wanted.name).await?;
            have.map(|have| (false, have)).ok_or_else(|| Failure::Unavailable(error.into()))
        }
        CreateStreamErrorKind::JetStream(api) => Err(judge(&wanted.name, &api, error.into())),
        CreateStreamErrorKind::EmptyStreamName
        | CreateStreamErrorKind::InvalidStreamName
        | CreateStreamErrorKind::DomainAndExternalSet
        | CreateStreamErrorKind::JetStreamUnavailable
        | CreateStreamErrorKind::TimedOut
        | CreateStreamErrorKind::Response
        | CreateStreamErrorKind::NotFound
        | CreateStreamErrorKind::ResponseParse => Err(Failure::Unavailable(error.into())),
    }
}

async fn look_up(bus: &Bus, name: &str) -> Result<Option<Config>, Failure> {
    let error = match bus.jetstream().get_stream(name).await {
        Ok(stream) => return Ok(Some(stream.cached_info().config.clone())),
        Err(error) => error,
    };
    match error.kind() {
        GetStreamErrorKind::JetStream(api) if api.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            Ok(None)
        }
        GetStreamErrorKind::JetStream(api) => Err(judge(name, &api, error.into())),
        GetStreamErrorKind::EmptyName
        | GetStreamErrorKind::Request
        | GetStreamErrorKind::InvalidStreamName => Err(Failure::Unavailable(error.into())),
    }
}

/// A 5xx is the server's trouble and may pass, save for what it lacks by its own configuration.
fn judge(stream: &str, api: &async_nats::jetstream::Error, source: BoxError) -> Failure {
    let lasting = [ErrorCode::STORAGE_RESOURCES_EXCEEDED, ErrorCode::STREAM_REPLICAS_NOT_SUPPORTED];
    if api.code() >= 500 && !lasting.contains(&api.error_code()) {
        return Failure::Unavailable(source);
    }
    Failure::Refused(Violation::Refused {
        stream: stream.to_owned(),
        code: api.error_code().0,
        description: api.to_string(),
    })
}

fn lines(violations: &[Violation]) -> String {
    let lines: Vec<_> = violations.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// Logs once what an older server cannot do.
pub(super) fn log_limitations(version: Version) {
    for limitation in version.limitations() {
        tracing::warn!(server = %version, "the server is old: {limitation}");
    }
}
