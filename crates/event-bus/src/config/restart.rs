//! Which settings a running process cannot take over.

use event_bus_runtime::telemetry::TelemetryConfig;
use event_bus_runtime::{BusConfig, SecretsConfig};

use super::RootConfig;

impl RootConfig {
    /// Keys outside the sections of the services whose new value takes effect only after a restart.
    pub(crate) fn needs_restart(&self, new: &Self) -> Vec<&'static str> {
        let SecretsConfig { allow_env, refresh, azure, aws } = &self.secrets;
        let TelemetryConfig { log_format, log_filter } = &self.telemetry;
        let others = [
            ("secrets.allow_env", *allow_env != new.secrets.allow_env),
            ("secrets.refresh", *refresh != new.secrets.refresh),
            ("secrets.azure", *azure != new.secrets.azure),
            ("secrets.aws", *aws != new.secrets.aws),
            ("telemetry.log_format", *log_format != new.telemetry.log_format),
            ("telemetry.log_filter", *log_filter != new.telemetry.log_filter),
            ("doctor.secret", self.doctor_secret() != new.doctor_secret()),
        ];
        changed(bus(&self.bus, &new.bus).into_iter().chain(others))
    }
}

/// The same in `[outbound]`.
pub(crate) fn of_outbound(
    old: &relay_outbound::Config,
    new: &relay_outbound::Config,
) -> Vec<&'static str> {
    changed([
        ("outbound.admin_listen", old.admin_listen != new.admin_listen),
        ("outbound.grace", old.grace != new.grace),
    ])
}

/// Every key, so that a new one cannot be forgotten here.
fn bus(old: &BusConfig, new: &BusConfig) -> [(&'static str, bool); 13] {
    let BusConfig {
        url,
        credentials,
        nkey,
        user,
        password,
        token,
        tls,
        name,
        inbox_prefix,
        connect_timeout,
        streams,
    } = old;
    [
        ("bus.url", *url != new.url),
        ("bus.credentials", *credentials != new.credentials),
        ("bus.nkey", *nkey != new.nkey),
        ("bus.user", *user != new.user),
        ("bus.password", *password != new.password),
        ("bus.token", *token != new.token),
        ("bus.tls", *tls != new.tls),
        ("bus.name", *name != new.name),
        ("bus.inbox_prefix", *inbox_prefix != new.inbox_prefix),
        ("bus.connect_timeout", *connect_timeout != new.connect_timeout),
        ("bus.streams.events", streams.events != new.streams.events),
        ("bus.streams.retries", streams.retries != new.streams.retries),
        ("bus.streams.dead_letters", streams.dead_letters != new.streams.dead_letters),
    ]
}

fn changed(keys: impl IntoIterator<Item = (&'static str, bool)>) -> Vec<&'static str> {
    keys.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}
