//! The rate of one client address.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use event_bus_runtime::config::Rate;
use event_bus_runtime::limiter::Limiters;

/// One limiter for each client address.
#[derive(Debug)]
pub(crate) struct ClientLimiter(Limiters<IpAddr>);

impl ClientLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self(Limiters::new(rate))
    }

    /// How long this client has to wait, if its rate is used up.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Duration> {
        self.0.of(subscriber(client)).check()
    }
}

/// Whoever has an IPv6 address has the 2^64 addresses of its network too.
fn subscriber(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_rate_and_an_ipv6_network_counts_as_one() {
        let limiter = ClientLimiter::new(Rate::parse("2/h").unwrap());
        let check = |address: &str| limiter.check(address.parse().unwrap());
        assert!(check("192.0.2.1").is_ok());
        assert!(check("::ffff:192.0.2.1").is_ok());
        assert!(check("192.0.2.1").is_err());
        assert!(check("192.0.2.2").is_ok());
        assert!(check("2001:db8::1").is_ok());
        assert!(check("2001:db8::2").is_ok());
        assert!(check("2001:db8::3").is_err());
        assert!(check("2001:db8:0:1::1").is_ok());
    }
}
