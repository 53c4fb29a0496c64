//! Binding of listeners, before anything runs.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::failure::Failure;

/// Binds, or says whose address is the trouble and what to do.
pub(crate) async fn bind(address: SocketAddr, whose: &str) -> Result<TcpListener, Failure> {
    TcpListener::bind(address).await.map_err(|error| {
        let remedy = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "stop the program that listens there, or choose another port"
            }
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need a privilege; choose a higher one and put a proxy in front"
            }
            io::ErrorKind::AddrNotAvailable => "this machine has no such address; choose another",
            _ => "choose another address",
        };
        Failure::failed(format!("{whose} cannot listen on {address}: {error}; {remedy}"))
    })
}

/// The same for a listener that may be left out.
pub(super) async fn bind_admin(
    address: Option<SocketAddr>,
    whose: &str,
) -> Result<Option<TcpListener>, Failure> {
    match address {
        Some(address) => bind(address, whose).await.map(Some),
        None => Ok(None),
    }
}
