//! Several servers that replicate their streams.

use std::time::Duration;

use async_nats::jetstream::{self, stream};

use super::server::Failure;
use super::{NatsServer, NatsServerBuilder};
use crate::{free_port, poll};

const READY_LIMIT: Duration = Duration::from_secs(90);
const PORT_TRIES: usize = 5;

/// A running cluster. Dropping it kills every server and removes the data.
#[derive(Debug)]
pub struct NatsCluster {
    servers: Vec<NatsServer>,
}

impl NatsCluster {
    /// Starts `size` servers of the newest version; returns once replicated streams can be made.
    pub async fn start(size: usize) -> Self {
        Self::start_with(size, NatsServer::builder()).await
    }

    /// Starts `size` servers with the version, the user and the extra lines of `settings`.
    pub async fn start_with(size: usize, settings: NatsServerBuilder) -> Self {
        for _ in 0..PORT_TRIES {
            match Self::try_start(size, &settings).await {
                Ok(cluster) => {
                    cluster.wait_for_replication().await;
                    return cluster;
                }
                Err(Failure::PortTaken) => {}
                Err(failure) => panic!("{failure}"),
            }
        }
        panic!("lost the race for a port {PORT_TRIES} times");
    }

    /// `nats://127.0.0.1:<port>` of each server.
    pub fn urls(&self) -> Vec<String> {
        self.servers.iter().map(NatsServer::url).collect()
    }

    pub fn servers(&self) -> &[NatsServer] {
        &self.servers
    }

    /// SIGKILL to one server; its data stay.
    pub fn kill(&self, index: usize) {
        self.servers[index].kill();
    }

    /// Starts one server again with its data, and waits until it has caught up.
    pub async fn restart(&self, index: usize) {
        self.servers[index].restart().await;
        poll::poll_until(READY_LIMIT, "the restarted server to catch up", async || {
            self.servers[index].is_healthy().await.then_some(())
        })
        .await;
    }

    /// Which server leads `stream` now; `None` during an election.
    pub async fn leader_of(&self, stream: &str) -> Option<usize> {
        let stream = self.jetstream().await.get_stream(stream).await.ok()?;
        let leader = stream.cached_info().cluster.as_ref()?.leader.as_ref()?;
        self.servers.iter().position(|server| server.name() == leader)
    }

    /// A client that knows every server and moves on quickly when its own one dies.
    pub async fn connect(&self) -> async_nats::Client {
        let addresses: Vec<async_nats::ServerAddr> =
            self.urls().iter().map(|url| url.parse().expect("an own URL is valid")).collect();
        let options = self.servers[0].client_options();
        options.connect(addresses).await.expect("connecting to the own cluster")
    }

    /// A JetStream context on a client of its own.
    pub async fn jetstream(&self) -> jetstream::Context {
        jetstream::new(self.connect().await)
    }

    async fn try_start(size: usize, settings: &NatsServerBuilder) -> Result<Self, Failure> {
        let routes: Vec<u16> = (0..size).map(|_| free_port()).collect();
        let urls: Vec<String> =
            routes.iter().map(|port| format!("nats://127.0.0.1:{port}")).collect();
        let starts = routes.iter().enumerate().map(|(index, port)| {
            let cluster = format!(
                "cluster {{ name: testkit, listen: \"127.0.0.1:{port}\", routes: [{}] }}",
                urls.join(", ")
            );
            let name = format!("node-{}-{port}", index + 1);
            NatsServer::try_launch(settings.clone().config(&cluster).member(&name))
        });
        let servers = futures_util::future::join_all(starts).await;
        Ok(Self { servers: servers.into_iter().collect::<Result<_, _>>()? })
    }

    /// A meta leader alone is not enough: its peers must have reported their resources.
    async fn wait_for_replication(&self) {
        let context = self.jetstream().await;
        let probe = stream::Config {
            name: "TESTKIT_PROBE".to_owned(),
            subjects: vec!["testkit.probe".to_owned()],
            num_replicas: self.servers.len(),
            storage: stream::StorageType::Memory,
            ..stream::Config::default()
        };
        poll::poll_until(READY_LIMIT, "a replicated stream", async || {
            context.create_stream(probe.clone()).await.ok().map(drop)
        })
        .await;
        poll::poll_until(READY_LIMIT, "the end of the probe stream", async || {
            context.delete_stream(&probe.name).await.ok().map(drop)
        })
        .await;
    }
}
