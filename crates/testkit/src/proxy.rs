//! A TCP proxy that breaks connections on demand.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::{free_port, poll};

/// How the proxy treats its connections; each change reaches the open ones too.
#[derive(Debug, Clone, Copy)]
struct Weather {
    blackhole: bool,
    latency: Duration,
    /// Connections of an older generation are reset.
    generation: u64,
}

/// Listens on a free loopback port and forwards to a target. Dropping it closes everything.
#[derive(Debug)]
pub struct TcpProxy {
    address: SocketAddr,
    target: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
    listening: Mutex<Option<JoinSet<()>>>,
}

impl TcpProxy {
    /// A proxy in front of a port of 127.0.0.1.
    pub async fn start(target_port: u16) -> Self {
        let weather = Weather { blackhole: false, latency: Duration::ZERO, generation: 0 };
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, target_port));
        loop {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()));
            if let Ok(listener) = TcpListener::bind(address).await {
                let weather = Arc::new(watch::Sender::new(weather));
                let listening = Mutex::new(Some(listen(listener, target, Arc::clone(&weather))));
                return Self { address, target, weather, listening };
            }
        }
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Resets every open connection; new ones are forwarded.
    pub fn cut(&self) {
        self.weather.send_modify(|weather| weather.generation += 1);
    }

    /// Resets every open connection and refuses new ones.
    pub async fn refuse(&self) {
        self.cut();
        let listening = self.listening().take();
        if let Some(mut tasks) = listening {
            tasks.shutdown().await;
        }
    }

    /// Keeps connections, old and new, and lets nothing through.
    pub fn blackhole(&self) {
        self.weather.send_modify(|weather| weather.blackhole = true);
    }

    /// Delays each chunk in each direction; for large transfers this limits the throughput too.
    pub fn latency(&self, latency: Duration) {
        self.weather.send_modify(|weather| weather.latency = latency);
    }

    /// Back to plain forwarding; what a blackhole kept back goes on.
    pub async fn heal(&self) {
        self.weather.send_modify(|weather| {
            weather.blackhole = false;
            weather.latency = Duration::ZERO;
        });
        if self.listening().is_some() {
            return;
        }
        let listener = poll::poll_until(Duration::from_secs(30), "the proxy's port", async || {
            TcpListener::bind(self.address).await.ok()
        })
        .await;
        *self.listening() = Some(listen(listener, self.target, Arc::clone(&self.weather)));
    }

    fn listening(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.listening.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn listen(
    listener: TcpListener,
    target: SocketAddr,
    weather: Arc<watch::Sender<Weather>>,
) -> JoinSet<()> {
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        // The connections belong to this task, so that ending it closes them.
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    if let Ok((client, _)) = accepted {
                        connections.spawn(forward(client, target, weather.subscribe()));
                    }
                }
                Some(_) = connections.join_next() => {}
            }
        }
    });
    tasks
}

async fn forward(mut client: TcpStream, target: SocketAddr, mut weather: watch::Receiver<Weather>) {
    let born = weather.borrow().generation;
    // Under a blackhole even the connection to the target waits.
    if weather.wait_for(|weather| !weather.blackhole || weather.generation != born).await.is_err() {
        return;
    }
    let Ok(mut server) = TcpStream::connect(target).await else {
        reset(&client);
        return;
    };
    let cut = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let up = pump(client_read, server_write, weather.clone());
        let down = pump(server_read, client_write, weather.clone());
        tokio::select! {
            // Each direction ends by itself: a client may close its half and still read the answer. But what was reset
            // on one side is reset on the other.
            ended = async { tokio::try_join!(up, down) } => ended.is_err(),
            _ = weather.wait_for(|weather| weather.generation != born) => true,
        }
    };
    if cut {
        reset(&client);
        reset(&server);
    }
}

async fn pump(
    mut from: impl AsyncReadExt + Unpin,
    mut to: impl AsyncWriteExt + Unpin,
    mut weather: watch::Receiver<Weather>,
) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut buffer).await?;
        let clear = weather.wait_for(|weather| !weather.blackhole).await;
        let latency = clear.map_err(io::Error::other)?.latency;
        tokio::time::sleep(latency).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&buffer[..length]).await?;
    }
}

/// Makes the coming close of the socket an RST.
fn reset(stream: &TcpStream) {
    drop(socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::CaptureSink;
    use crate::http::try_send;

    async fn get(proxy: &TcpProxy, within: Duration) -> Result<u16, &'static str> {
        let url = format!("http://{}/", proxy.address());
        match tokio::time::timeout(within, try_send("GET", &url, &[], b"")).await {
            Err(_) => Err("silence"),
            Ok(Err(_)) => Err("broken"),
            Ok(Ok(response)) => Ok(response.status),
        }
    }

    #[tokio::test]
    async fn each_kind_of_failure_shows_and_heals() {
        let sink = CaptureSink::start().await;
        let proxy = TcpProxy::start(sink.address().port()).await;
        let (short, long) = (Duration::from_millis(200), Duration::from_secs(10));
        assert_eq!(get(&proxy, long).await, Ok(200));

        proxy.blackhole();
        assert_eq!(get(&proxy, short).await, Err("silence"));
        proxy.heal().await;
        assert_eq!(get(&proxy, long).await, Ok(200));

        proxy.refuse().await;
        assert_eq!(get(&proxy, long).await, Err("broken"));
        proxy.heal().await;
        assert_eq!(get(&proxy, long).await, Ok(200));

        proxy.latency(Duration::from_millis(300));
        assert_eq!(get(&proxy, short).await, Err("silence"));
        assert_eq!(get(&proxy, long).await, Ok(200));
    }

    #[tokio::test]
    async fn a_client_that_is_killed_is_gone_for_the_server_too() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = TcpProxy::start(server.local_addr().unwrap().port()).await;
        let mut client = TcpStream::connect(proxy.address()).await.unwrap();
        client.write_all(b"x").await.unwrap();
        let (mut served, _) = server.accept().await.unwrap();
        served.read_exact(&mut [0]).await.unwrap();
        // As the kernel does for a process that has not read everything.
        reset(&client);
        drop(client);
        let error = served.read(&mut [0]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[tokio::test]
    async fn a_cut_resets_open_connections_and_new_ones_work() {
        let sink = CaptureSink::start().await;
        let proxy = TcpProxy::start(sink.address().port()).await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        proxy.cut();
        let mut rest = Vec::new();
        let error = stream.read_to_end(&mut rest).await.unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
        assert_eq!(get(&proxy, Duration::from_secs(10)).await, Ok(200));
    }
}
