//! The connection of a command that does one thing: it does not wait for a broker that is away.

use std::time::Duration;

use event_bus_core::Chain;
use event_bus_runtime::bus::BusError;
use event_bus_runtime::telemetry::{self, LogFormat, TelemetryConfig};
use event_bus_runtime::{Bus, SecretResolver};
use tokio::time::Instant;

use crate::cli::Context;
use crate::config::{RootConfig, secrets};
use crate::failure::{Failure, Outcome};

/// How long the broker may take to be there.
const CONNECT_WITHIN: Duration = Duration::from_secs(5);

/// A command says itself what failed; the log only adds what nobody else would say.
const LOG_FILTER: &str = "error,relay_outbound=warn,event_bus_runtime::bus::connect=off";

/// Connects, or says why that is not possible.
pub(crate) async fn connect(context: &Context, config: &RootConfig) -> Result<Bus, Failure> {
    connect_until(Instant::now() + CONNECT_WITHIN, context, config).await
}

/// Connects before a deadline, or says why that is not possible.
pub(crate) async fn connect_until(
    deadline: Instant,
    context: &Context,
    config: &RootConfig,
) -> Result<Bus, Failure> {
    start_log()?;
    let resolver = SecretResolver::new(context.source.env().clone(), &config.secrets);
    secrets::fetch(&resolver, &config.secrets_of(&["bus"])).await?;
    let bus = Bus::connect(&config.bus, &resolver, "event-bus").await.map_err(failure)?;
    if bus.wait_connected(deadline).await {
        return Ok(bus);
    }
    let problem = bus.last_problem().unwrap_or_else(|| "no answer in time".to_owned());
    let tls =
        if config.bus.tls.required { " (bus.tls.required is set: does it speak TLS?)" } else { "" };
    Err(Failure::failed(format!("the bus at {} cannot be reached{tls}: {problem}", config.bus.url)))
}

/// Logs of a command, for a person.
pub(crate) fn start_log() -> Outcome {
    let config = TelemetryConfig { log_format: LogFormat::Text, log_filter: LOG_FILTER.to_owned() };
    let _guard = telemetry::init(&config)?;
    Ok(())
}

/// What the configuration is to blame for is misuse; a refusal by the server is not.
pub(crate) fn failure(error: BusError) -> Failure {
    match error {
        BusError::Secret { ref source, .. } if source.in_vault().is_some() => {
            Failure::failed(Chain(&error))
        }
        BusError::Secret { .. } | BusError::Malformed { .. } | BusError::TlsFile { .. } => {
            Failure::misuse(error)
        }
        BusError::Refused(_) | BusError::Tls(_) | BusError::Client(_) => {
            Failure::failed(Chain(&error))
        }
    }
}
