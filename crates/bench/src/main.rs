//! Compares serve-inbound and relay-outbound with the least programs that could do their job, in one run.
//!
//! Ours and the floor run in turns, five times, on the same broker and under the same load. What counts is the median of
//! the five ratios; the figures of one run alone say more about the machine than about the program.

mod floor;
mod inbound;
mod load;
mod outbound;
mod report;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

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
        /// Webhooks in each run of serve-inbound.
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
    /// The floor of relay-outbound: push consumer, raw POST, ack.
    FloorOutbound {
        #[arg(long)]
        nats: String,
        #[arg(long)]
        sink: String,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    match Arguments::parse().command {
        Command::FloorInbound { nats, listen } => floor::inbound(&nats, listen).await,
        Command::FloorOutbound { nats, sink } => floor::outbound(&nats, &sink).await,
        Command::Compare { event_bus, pairs, webhooks, events } => {
            let inbound = inbound::compare(&event_bus, pairs, webhooks).await?;
            report::print("serve-inbound", "webhooks", 0.7, &inbound);
            let outbound = outbound::compare(&event_bus, pairs, events).await?;
            report::print("relay-outbound", "events", 0.6, &outbound);
            let met = report::meets(&inbound, 0.7) && report::meets(&outbound, 0.6);
            anyhow::ensure!(met, "a ratio is below its limit, or a service takes 60 MB or more");
            Ok(())
        }
    }
}
