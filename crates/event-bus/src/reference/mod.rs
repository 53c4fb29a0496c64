//! `event-bus topic-gateway --conf-dir`: the configuration of the reference (EventGate, section 5), run as it is.
//!
//! It is translated into a configuration of our own, which is written into the data folder for whoever wants to see it,
//! and then run: the gateway, the relay with the routes that follow from it, and a broker unless one is named.

mod conf_dir;
mod postgres;
mod translate;
mod values;

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::time::Duration;

use clap::Args;
use event_bus_runtime::EnvMap;
use event_bus_runtime::aws::AwsConfig;
use tokio::time::timeout;
use topic_gateway::Profile;

use self::conf_dir::ConfDir;
use self::translate::Translation;
use crate::cli::Context;
use crate::failure::{Failure, Outcome};
use crate::output::note;
use crate::service::{self, Mode};
use crate::up;

/// How long somebody waits without a word.
const SLOW: Duration = Duration::from_secs(1);

/// Names a broker that is there already.
const BROKER_VARIABLE: &str = "EVENT_BUS__BUS__URL";

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Folder with config.json, access.json and topic_schemas of EventGate, which is run as it is, with a broker of its own
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    conf_dir: Option<PathBuf>,
    /// Address of the gateway
    #[arg(long, value_name = "ADDRESS", requires = "conf_dir", default_value = "127.0.0.1:8090")]
    listen: SocketAddr,
    /// Wording of answers, head or seed
    #[arg(long, value_name = "VERSION", requires = "conf_dir", default_value = "head", value_parser = parse_profile)]
    compat: Profile,
    /// Folder for the data of the broker and the configuration that is made
    #[arg(long, value_name = "DIR", requires = "conf_dir", default_value = ".run/topic-gateway")]
    data: PathBuf,
    /// The nats-server to run; NATS_SERVER names it too
    #[arg(long, value_name = "PATH", requires = "conf_dir")]
    nats_server: Option<PathBuf>,
}

pub(crate) async fn run(arguments: Arguments, context: Context) -> Outcome {
    let Some(folder) = &arguments.conf_dir else {
        return service::run(context.source, Mode::Topics).await;
    };
    let unusable = |error| Failure::failed(format!("{}: {error}", arguments.data.display()));
    fs::create_dir_all(&arguments.data).map_err(unusable)?;
    let origin = Origin {
        folder: folder.clone(),
        listen: arguments.listen,
        profile: arguments.compat,
        data: arguments.data.clone(),
    };
    let source = context.source.with_file(arguments.data.join("event-bus.toml")).made_of(origin);
    source.remake().await?;
    let has_broker = source.env().get(BROKER_VARIABLE).is_some();
    if has_broker {
        return service::run(source, Mode::All).await;
    }
    let arguments = up::Arguments::for_file(arguments.data, arguments.nats_server);
    Box::pin(up::run(arguments, Context { source, output: context.output })).await
}

/// The folder that a configuration is made of.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    folder: PathBuf,
    listen: SocketAddr,
    profile: Profile,
    data: PathBuf,
}

impl Origin {
    /// Translates the folder as it is now. Nothing is written if it cannot be used.
    pub(crate) async fn write(&self, env: &EnvMap, file: &Path) -> Outcome {
        let endpoint_url = translate::endpoint(env, "S3");
        let aws = AwsConfig { endpoint_url, ..AwsConfig::default() };
        let conf_dir = ConfDir::read(&self.folder, self.profile, aws).await?;
        let (listen, profile) = (self.listen, self.profile);
        let text = Translation { conf_dir, env, listen, profile, data: &self.data }.text().await?;
        let unusable = |error| Failure::failed(format!("{}: {error}", self.data.display()));
        fs::write(file, text).map_err(unusable)
    }
}

/// Reads the name of a version of the contract.
pub(crate) fn parse_profile(text: &str) -> Result<Profile, String> {
    match text {
        "head" => Ok(Profile::Head),
        "seed" => Ok(Profile::Seed),
        _ => Err("write head or seed".to_owned()),
    }
}

/// Something in the folder cannot be used.
fn wrong(what: impl std::fmt::Display) -> Failure {
    Failure::usage(what.to_string())
}

/// Something in it is hardly meant. At the start there is no log yet.
fn warn(what: &str) {
    if tracing::dispatcher::has_been_set() {
        tracing::warn!(
            warning = what,
            "the configuration folder says something that is hardly meant"
        );
    } else {
        note(format!("event-bus: warning: {what}"));
    }
}

/// Says what is being waited for once that takes long.
async fn said_when_slow<T>(waited: String, waiting: impl Future<Output = T>) -> T {
    let mut waiting = pin!(waiting);
    if let Ok(done) = timeout(SLOW, &mut waiting).await {
        return done;
    }
    if tracing::dispatcher::has_been_set() {
        tracing::info!("{waited}");
    } else {
        note(format!("event-bus: {waited}"));
    }
    waiting.await
}
