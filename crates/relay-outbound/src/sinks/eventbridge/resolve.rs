//! Names of AWS lead nowhere that `outbound.deny_private` forbids.

use event_bus_runtime::aws::{DnsFuture, ResolveDns, ResolveDnsError};

use crate::address::AddressGuard;

impl ResolveDns for AddressGuard {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            // The SDK adds the port.
            let found = self.resolve_host(name, 0).await.map_err(ResolveDnsError::new)?;
            Ok(found.into_iter().map(|address| address.ip()).collect())
        })
    }
}
