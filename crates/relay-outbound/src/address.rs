//! Which addresses a sink may connect to.
//!
//! A name is resolved once, its addresses are checked, and the connection goes to a checked one: a name that changes
//! its address between check and connection gains nothing. Redirects are never followed, so a destination cannot send the
//! relay elsewhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use event_bus_core::delivery::BoxError;
use ipnet::IpNet;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

/// Decides about addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AddressGuard {
    deny_private: bool,
    allowed: Vec<IpNet>,
}

/// An address is in a network that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{host} is in a private, link-local or otherwise special network; list it in outbound.allow_cidrs if it is meant"
)]
pub struct Denied {
    host: String,
}

impl AddressGuard {
    /// Denies special networks, except the allowed ones; or nothing at all.
    pub fn new(deny_private: bool, allowed: Vec<IpNet>) -> Self {
        Self { deny_private, allowed }
    }

    /// Checks a URL whose host is an address, for which no name is ever resolved.
    pub fn check_literal(&self, url: &Url) -> Result<(), Denied> {
        match url.host() {
            Some(Host::Ipv4(address)) => self.check(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => self.check(IpAddr::V6(address)),
            Some(Host::Domain(_)) | None => Ok(()),
        }
    }

    /// Resolves a name and keeps the addresses that may be connected to; none is an error.
    pub(crate) async fn resolve_host(
        &self,
        host: &str,
        port: u16,
    ) -> Result<Vec<SocketAddr>, BoxError> {
        let found: Vec<SocketAddr> = tokio::net::lookup_host((host, port)).await?.collect();
        let is_allowed = |found: &SocketAddr| self.check(found.ip()).is_ok();
        let checked: Vec<_> = found.into_iter().filter(is_allowed).collect();
        if checked.is_empty() {
            return Err(Denied { host: host.to_owned() }.into());
        }
        Ok(checked)
    }

    /// Resolves a name for a client that resolves it again; one address that may not be connected to is an error.
    pub async fn check_all(&self, host: &str, port: u16) -> Result<(), BoxError> {
        for found in tokio::net::lookup_host((host, port)).await? {
            self.check(found.ip())?;
        }
        Ok(())
    }

    /// Checks an address.
    pub(crate) fn check(&self, address: IpAddr) -> Result<(), Denied> {
        let address = address.to_canonical();
        let allowed = self.allowed.iter().any(|network| network.contains(&address));
        if self.deny_private && is_special(address) && !allowed {
            return Err(Denied { host: address.to_string() });
        }
        Ok(())
    }
}

impl Resolve for AddressGuard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            // The port is replaced by the one of the URL.
            let addresses = guard.resolve_host(name.as_str(), 0).await?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether a URL names this machine, so that what is sent to it never leaves it.
pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Networks that are not the public internet (IANA special-purpose registries).
fn is_special(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_special_v4(address),
        IpAddr::V6(address) => is_special_v6(address),
    }
}

fn is_special_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_broadcast()
        || address.is_documentation()
        || address.is_multicast()
        || a == 0
        || a >= 240
        || a == 100 && (64..128).contains(&b)
        || a == 192 && b == 0 && c == 0
        || a == 198 && (b == 18 || b == 19)
}

fn is_special_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    // NAT64 and 6to4 carry an IPv4 address, which decides.
    let embedded = match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            Some(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        _ => None,
    };
    address.is_loopback()
        || address.is_unspecified()
        || address.is_multicast()
        || address.is_unique_local()
        || address.is_unicast_link_local()
        || segments[0] == 0x2001 && segments[1] == 0xdb8
        // Local NAT64 prefixes (RFC 8215), and site-local addresses, which nobody should have any more (RFC 3879).
        || segments[..3] == [0x64, 0xff9b, 1]
        || segments[0] & 0xffc0 == 0xfec0
        || segments[..6] == [0; 6]
        || embedded.is_some_and(is_special_v4)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(guard: &AddressGuard, host: &str) -> bool {
        guard.check_literal(&Url::parse(&format!("http://{host}/")).unwrap()).is_ok()
    }

    #[test]
    fn special_networks_are_denied_in_every_spelling() {
        let guard = AddressGuard::new(true, Vec::new());
        for host in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "2130706433",
            "0x7f.1",
            "[::1]",
            "[::]",
            "[fe80::1]",
            "[fd00::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::]",
            "[64:ff9b:1::a9fe:a9fe]",
            "[fec0::1]",
            "255.255.255.255",
            "224.0.0.1",
        ] {
            assert!(!verdict(&guard, host), "{host} was allowed");
        }
        for host in ["1.1.1.1", "172.32.0.1", "[2606:4700::1111]", "100.128.0.1"] {
            assert!(verdict(&guard, host), "{host} was denied");
        }
    }

    #[test]
    fn an_allowed_network_is_an_exception_and_the_guard_can_be_off() {
        let guard = AddressGuard::new(true, vec!["10.1.0.0/16".parse().unwrap()]);
        assert!(verdict(&guard, "10.1.2.3"));
        assert!(!verdict(&guard, "10.2.2.3"));
        assert!(verdict(&AddressGuard::default(), "127.0.0.1"));
    }

    #[tokio::test]
    async fn a_name_that_resolves_to_a_denied_address_is_refused() {
        let guard = AddressGuard::new(true, Vec::new());
        let resolved = guard.resolve("localhost".parse().unwrap()).await;
        assert!(resolved.err().unwrap().to_string().contains("localhost"));
        assert!(AddressGuard::default().resolve("localhost".parse().unwrap()).await.is_ok());
    }
}
