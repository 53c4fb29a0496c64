//! `event-bus trigger`: sends a realistic sample, signed as its provider would sign it, to a running inbound.
//!
//! It uses the source's own settings and its first secret, so a 2xx proves that the source is set up as its provider
//! expects.

mod request;
mod samples;
mod send;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;

use bytes::Bytes;
use clap::{Args, value_parser};
use event_bus_runtime::{Clock, Secret, SecretResolver};
use http::{HeaderName, HeaderValue};
use serde::Serialize;
use serde_json::Value;
use serve_inbound::SourceConfig;
use url::Url;

use self::request::{Signed, Unsigned};
use self::samples::Sample;
use super::client::{self, parse_target};
use super::publish::read_file;
use crate::cli::Context;
use crate::config::RootConfig;
use crate::failure::{Failure, Outcome};
use crate::output::printable;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Name of the source in the configuration
    source: String,
    /// Name of the sample; without it the samples of the source are listed
    event: Option<String>,
    /// Id of the delivery; a new one by default
    #[arg(long)]
    id: Option<String>,
    /// Change the request after it was signed
    #[arg(long)]
    tamper: bool,
    /// Send the same request so many times
    #[arg(long, value_name = "COUNT", default_value_t = 1, value_parser = value_parser!(u32).range(1..))]
    repeat: u32,
    /// File with another body; `-` reads standard input
    #[arg(long, value_name = "FILE")]
    data_file: Option<PathBuf>,
    /// Further header; may be repeated
    #[arg(long, value_name = "NAME:VALUE", value_parser = parse_header)]
    header: Vec<(HeaderName, HeaderValue)>,
    /// URL of the inbound; by default that of inbound.listen
    #[arg(long, value_name = "URL", value_parser = parse_target)]
    to: Option<Url>,
}

/// One answer.
#[derive(Debug, Serialize)]
struct Answered<'a> {
    source: &'a str,
    event: &'a str,
    id: &'a str,
    status: u16,
    answer: Value,
}

pub(crate) async fn run(arguments: Arguments, context: &Context) -> Outcome {
    let config = context.source.read()?;
    let source = find_source(&config, &arguments.source)?;
    let scheme = source.scheme().ok().flatten();
    let scheme = scheme.ok_or_else(|| Failure::usage("the source has no usable scheme"))?;
    let Some(event) = &arguments.event else { return list(scheme.name(), context) };
    let sample = find_sample(scheme.name(), event)?;

    let now = Clock::system().now();
    let id = arguments.id.clone().unwrap_or_else(|| samples::new_id(scheme.name()));
    let body = match &arguments.data_file {
        Some(path) => read_file(path)?,
        None => Bytes::from(sample.body(&id, now)),
    };
    let secret = first_secret(source, &config, context).await?;
    let path = format!("/hooks/{}", source.name);
    let inbound = config.inbound.as_ref();
    let public = inbound.and_then(|inbound| inbound.public_url.as_ref());
    let unsigned = Unsigned {
        scheme: &scheme,
        secret: secret.as_ref(),
        event,
        id: &id,
        now,
        headers: request::headers(sample.content_type, &arguments.header)?,
        body,
        url: public.map(|url| format!("{}{path}", url.as_str().trim_end_matches('/'))),
    };
    let signed = unsigned.sign(arguments.tamper)?;
    let url = target(&arguments, &config, &path, &signed)?;
    let client = client::new()?;
    let mut all_well = true;
    for _ in 0..arguments.repeat {
        let (status, answer) = send::send(&client, &url, &signed).await?;
        all_well &= (200..300).contains(&status);
        let answered = Answered { source: &source.name, event, id: &id, status, answer };
        context.output.either(&answered, || text(&answered))?;
    }
    if all_well { Ok(()) } else { Err(Failure::Reported) }
}

fn find_source<'a>(config: &'a RootConfig, name: &str) -> Result<&'a SourceConfig, Failure> {
    let sources = config.inbound.as_ref().map(|inbound| inbound.sources.as_slice());
    let sources = sources.unwrap_or_default();
    sources.iter().find(|source| source.name == name).ok_or_else(|| {
        let names: Vec<_> = sources.iter().map(|source| source.name.as_str()).collect();
        let known = match names.is_empty() {
            true => "the configuration has none; name it with --config".to_owned(),
            false => format!("configured are {}", names.join(", ")),
        };
        Failure::usage(format!("there is no source `{name}`: {known}"))
    })
}

fn find_sample(provider: &str, name: &str) -> Result<&'static Sample, Failure> {
    Sample::of(provider).find(|sample| sample.name == name).ok_or_else(|| {
        let names: Vec<_> = Sample::of(provider).map(|sample| sample.name).collect();
        let known = names.join(", ");
        Failure::usage(format!("there is no sample `{name}` of {provider}: known are {known}"))
    })
}

fn list(provider: &str, context: &Context) -> Outcome {
    let names: Vec<_> = Sample::of(provider).map(|sample| sample.name).collect();
    context.output.either(&names, || names.join("\n"))
}

async fn first_secret(
    source: &SourceConfig,
    config: &RootConfig,
    context: &Context,
) -> Result<Option<Secret>, Failure> {
    let resolver = SecretResolver::new(context.source.env().clone(), &config.secrets);
    let Some(reference) = source.secrets.first() else { return Ok(None) };
    resolver.fetch([reference]).await?;
    resolver.resolve(reference).map(Some).map_err(Failure::misuse)
}

fn target(
    arguments: &Arguments,
    config: &RootConfig,
    path: &str,
    signed: &Signed,
) -> Result<Url, Failure> {
    let mut url = match (&arguments.to, &config.inbound) {
        (Some(url), _) => url.clone(),
        (None, Some(inbound)) => Url::parse(&format!("http://{}", reachable(inbound.listen)))?,
        (None, None) => return Err(Failure::usage("name the inbound with --to")),
    };
    let base = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("{base}{path}"));
    if let Some((name, value)) = &signed.query {
        url.query_pairs_mut().append_pair(name, value);
    }
    Ok(url)
}

/// An address that stands for all of them is reached at this machine's own.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn text(answered: &Answered<'_>) -> String {
    let answer = match &answered.answer {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    printable(format!("{} {answer}", answered.status).trim_end())
}

fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let (name, value) = text.split_once(':').ok_or("write NAME:VALUE")?;
    let name = name.trim().parse().map_err(|_| "that is no name of a header")?;
    let value = HeaderValue::from_str(value.trim()).map_err(|_| "a header cannot hold that")?;
    Ok((name, value))
}
