//! The checks of the bus itself and of the services' readiness.

mod capacity;
mod clock_skew;
mod event;
mod readiness;
mod round_trip;
mod server;
mod streams;

use std::net::SocketAddr;

use event_bus_runtime::bus::BusConfig;
use event_bus_runtime::check::SecretsCheck;
use event_bus_runtime::{Check, SecretRef};

use crate::config::DoctorConfig;

/// Component of these checks.
const BUS: &str = "bus";

/// The admin listener of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Admin {
    /// Name of the service, such as `serve-inbound`.
    pub service: &'static str,
    /// Where it listens; every address of the machine is asked on this one.
    pub address: SocketAddr,
}

/// The checks of the bus: readiness first, then the round trip, then how the bus is set up.
///
/// `services` are those with an admin listener; without any, only the bus and its streams are asked for readiness.
pub fn bus_checks(
    bus: &BusConfig,
    doctor: &DoctorConfig,
    services: Vec<Admin>,
) -> Vec<Box<dyn Check>> {
    vec![
        Box::new(readiness::Readiness::new(bus.url.to_string(), services)),
        Box::new(round_trip::RoundTrip),
        Box::new(streams::StreamSettings),
        Box::new(capacity::Capacity),
        Box::new(clock_skew::ClockSkew),
        Box::new(server::ServerVersion),
        Box::new(SecretsCheck::new(BUS, "EB0012", "EB0013", secrets(bus, doctor))),
    ]
}

/// Every secret of the two sections, with its path in the configuration.
pub fn secrets(bus: &BusConfig, doctor: &DoctorConfig) -> Vec<(String, SecretRef)> {
    let named = [
        ("bus.credentials", &bus.credentials),
        ("bus.nkey", &bus.nkey),
        ("bus.password", &bus.password),
        ("bus.token", &bus.token),
        ("doctor.secret", &doctor.secret),
    ];
    named
        .into_iter()
        .filter_map(|(path, reference)| Some((path.to_owned(), reference.clone()?)))
        .collect()
}
