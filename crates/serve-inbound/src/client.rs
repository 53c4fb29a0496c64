//! Who is asking: the address of the client, behind the proxies that are trusted.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use ipnet::IpNet;

/// The nearest address that no trusted proxy has. `X-Forwarded-For` is read from its end, since each proxy appends
/// what it saw: whatever stands before the first untrusted address was written by the client.
pub(crate) fn address(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut nearest = peer.to_canonical();
    if trusted.is_empty() {
        return nearest;
    }
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    let mut claims = lines.flat_map(|line| line.to_str().unwrap_or_default().rsplit(','));
    while trusted.iter().any(|network| network.contains(&nearest)) {
        match claims.next().and_then(claimed) {
            Some(claimed) => nearest = claimed.to_canonical(),
            None => break,
        }
    }
    nearest
}

/// Some proxies write the port as well.
fn claimed(claim: &str) -> Option<IpAddr> {
    let claim = claim.trim();
    let with_port = || claim.parse().ok().map(|address: SocketAddr| address.ip());
    claim.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_cannot_choose_its_own_address() {
        for (peer, forwarded, expected) in [
            ("198.51.100.7", &["203.0.113.1"][..], "198.51.100.7"),
            ("10.0.0.1", &[], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["1.1.1.1, 203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.1,10.0.0.2"], "203.0.113.1"),
            ("::ffff:10.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["203.0.113.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.1:4711"], "203.0.113.1"),
            ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1"),
            ("10.0.0.1", &["10.0.0.9"], "10.0.0.9"),
        ] {
            let mut headers = HeaderMap::new();
            for line in forwarded {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let trusted = ["10.0.0.0/8".parse().unwrap()];
            let address = address(peer.parse().unwrap(), &headers, &trusted);
            assert_eq!(address.to_string(), expected, "{peer} {forwarded:?}");
        }
    }
}
