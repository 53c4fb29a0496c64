//! Rates: of one source, and of one client address.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use event_bus_runtime::config::Rate;
use governor::clock::{Clock, DefaultClock};
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use moka::sync::Cache;

/// Most client addresses that are watched at once; the least recent ones are forgotten first.
const MAX_CLIENTS: u64 = 16 * 1024;

/// A client that was quiet this long starts anew. No rate has a longer unit.
const CLIENT_MEMORY: Duration = Duration::from_secs(3600);

/// Lets requests through at a rate.
#[derive(Debug)]
pub(crate) struct Limiter {
    state: RateLimiter<NotKeyed, InMemoryState, DefaultClock>,
    clock: DefaultClock,
}

/// One limiter for each client address.
#[derive(Debug)]
pub(crate) struct ClientLimiter {
    quota: Quota,
    clients: Cache<IpAddr, Arc<Limiter>>,
}

impl Limiter {
    pub(crate) fn new(rate: Rate) -> Self {
        Self::with_quota(rate.bursting())
    }

    /// How long to wait, if the rate is used up.
    pub(crate) fn check(&self) -> Result<(), Duration> {
        self.state.check().map_err(|not_until| not_until.wait_time_from(self.clock.now()))
    }

    fn with_quota(quota: Quota) -> Self {
        Self { state: RateLimiter::direct(quota), clock: DefaultClock::default() }
    }
}

impl ClientLimiter {
    pub(crate) fn new(rate: Rate) -> Self {
        let clients =
            Cache::builder().max_capacity(MAX_CLIENTS).time_to_idle(CLIENT_MEMORY).build();
        Self { quota: rate.bursting(), clients }
    }

    /// How long this client has to wait, if its rate is used up.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let quota = self.quota;
        self.clients.get_with(subscriber(client), || Arc::new(Limiter::with_quota(quota))).check()
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
        let wait = check("192.0.2.1").unwrap_err();
        assert!(wait > Duration::from_secs(1700) && wait <= Duration::from_secs(1800), "{wait:?}");
        assert!(check("192.0.2.2").is_ok());
        assert!(check("2001:db8::1").is_ok());
        assert!(check("2001:db8::2").is_ok());
        assert!(check("2001:db8::3").is_err());
        assert!(check("2001:db8:0:1::1").is_ok());
    }
}
