//! Compares serve-inbound and relay-outbound with the least programs that could do their job, in one run.
//!
//! Ours and the floor run in turns, five times, on the same broker and under the same load. What counts is the median of
//! the five ratios; the figures of one run alone say more about the machine than about the program.

mod floor;
mod inbound;
mod load;
mod outbound;
mod report;
mod settled;
mod sinks;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::sinks::Destination;

#[derive(Parser)]
#[command(about = "Compares the services with the least programs that could do their job.")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the comparison and prints it.
    Compare {
        /// The released binary.
        #[arg(long)]
        event_bus: PathBuf,
        /// Pairs of runs.
        #[arg(long, default_value_t = 5)]
        pairs: usize,
        /// Requests in each run of serve-inbound and topic-gateway.
        #[arg(long, default_value_t = 40_000)]
        webhooks: usize,
        /// Events in each run of relay-outbound.
        #[arg(long, default_value_t = 40_000)]
        events: usize,
    },
    /// The floor of serve-inbound: read, HMAC, publish, PubAck, 202.
    FloorInbound {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        listen: std::net::SocketAddr,
    },
    /// Compares sinks with loops around their clients, and a route beside a dead or slow one with a route alone.
    CompareSinks {
        /// The released binary.
        #[arg(long)]
        event_bus: PathBuf,
        /// Pairs of runs.
        #[arg(long, default_value_t = 5)]
        pairs: usize,
        /// Events in each run.
        #[arg(long, default_value_t = 20_000)]
        events: usize,
    },
    /// Watches the memory of relay-outbound over many events.
    Memory {
        /// The released binary.
        #[arg(long)]
        event_bus: PathBuf,
        /// Events for each kind of sink.
        #[arg(long, default_value_t = 1_000_000)]
        events: usize,
    },
    /// The floor of relay-outbound: push consumer, raw POST, ack.
    FloorOutbound {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        sink: String,
    },
    /// The floor of the Kafka sink: push consumer, idempotent producer, ack.
    FloorKafka {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        brokers: String,
    },
    /// The floor of the EventBridge sink: push consumer, `PutEvents`, ack.
    FloorEventbridge {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        url: String,
    },
    /// The floor of the Kafka REST sink: push consumer, POST of many records, ack.
    FloorKafkaRest {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        url: String,
    },
    /// The floor of the Postgres sink: push consumer, INSERT of many rows, ack.
    FloorPostgres {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        url: String,
    },
}

/// What is wrong with the figures, if anything is.
const MISSED: &str = "a ratio is below its limit, or a service takes more memory than it may";

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    match Arguments::parse().command {
        Command::FloorInbound { nats, listen } => floor::inbound(&nats, listen).await,
        Command::FloorOutbound { nats, sink } => floor::outbound(&nats, &sink).await,
        Command::FloorKafka { nats, brokers } => floor::kafka::run(&nats, &brokers).await,
        Command::FloorEventbridge { nats, url } => floor::eventbridge::run(&nats, &url).await,
        Command::FloorKafkaRest { nats, url } => floor::kafka_rest::run(&nats, &url).await,
        Command::FloorPostgres { nats, url } => floor::postgres::run(&nats, &url).await,
        Command::Compare { event_bus, pairs, webhooks, events } => {
            let inbound = inbound::compare(&event_bus, pairs, webhooks).await?;
            report::print("serve-inbound", "webhooks", 0.7, &inbound);
            let topics = inbound::compare_topics(&event_bus, pairs, webhooks).await?;
            report::print("topic-gateway against serve-inbound", "events", 0.7, &topics);
            let outbound = outbound::compare(&event_bus, pairs, events).await?;
            report::print("relay-outbound", "events", 0.6, &outbound);
            let met = report::meets(&inbound, 0.7)
                && report::ratio(&topics) >= 0.7
                && report::meets(&outbound, 0.6);
            anyhow::ensure!(met, MISSED);
            Ok(())
        }
        Command::CompareSinks { event_bus, pairs, events } => {
            let mut met = true;
            for (name, destination, least) in [
                ("kafka", Destination::kafka().await, 0.7),
                ("postgres", Destination::postgres().await?, 0.7),
                ("eventbridge (a stub)", Destination::eventbridge().await?, 0.0),
                ("kafka_rest (a stub)", Destination::kafka_rest().await?, 0.0),
            ] {
                let measured = sinks::compare(&event_bus, &destination, pairs, events).await?;
                report::print(&format!("relay-outbound to {name}"), "events", least, &measured);
                met &= report::ratio(&measured) >= least;
            }
            let slow = sinks::slow().await?;
            for (name, neighbour) in [("dead", sinks::dead()), ("slow", slow.address)] {
                let beside = sinks::beside(&event_bus, neighbour, pairs, events).await?;
                let title = format!("a route beside a {name} one, and alone");
                report::print(&title, "events", 0.9, &beside);
                met &= report::ratio(&beside) >= 0.9;
            }
            anyhow::ensure!(met, MISSED);
            Ok(())
        }
        Command::Memory { event_bus, events } => {
            let mut met = true;
            for (name, destination, most) in [
                ("webhook", Destination::webhook().await?, events),
                ("kafka", Destination::kafka().await, events),
                ("postgres", Destination::postgres().await?, events),
                ("eventbridge", Destination::eventbridge().await?, 50_000),
                ("kafka_rest", Destination::kafka_rest().await?, 50_000),
            ] {
                let count = events.min(most);
                let resident = sinks::resident(&event_bus, &destination, count).await?;
                met &= report::print_memory(name, &resident);
            }
            anyhow::ensure!(met, MISSED);
            Ok(())
        }
    }
}
