//! The files of a configuration folder.

use std::fs;
use std::path::{Path, PathBuf};

use event_bus_core::Chain;
use event_bus_runtime::aws::AwsConfig;
use serde::Deserialize;
use serde_json::{Map, Value};
use topic_gateway::{Location, Profile, Reader};

use super::wrong;
use crate::failure::Failure;

/// What begins the names of the reference's topics.
const PREFIX: &str = "public.cps.za.";

/// Its topics in their order; others follow.
const KNOWN: [&str; 4] = ["runs", "dlchange", "test", "status_change"];

/// What the folder says.
#[derive(Debug)]
pub(super) struct ConfDir {
    pub(super) config: Settings,
    pub(super) access: Location,
    pub(super) topics: Vec<TopicFile>,
    pub(super) api: Option<PathBuf>,
}

/// A topic, its schema, and the field that is its key.
#[derive(Debug)]
pub(super) struct TopicFile {
    pub(super) name: String,
    pub(super) schema: PathBuf,
    pub(super) key: Option<String>,
}

/// `config.json`. Keys that it does not know are of no consequence, as for the reference.
#[derive(Debug, Deserialize)]
pub(super) struct Settings {
    access_config: String,
    #[serde(default)]
    topic_keys_config: Option<String>,
    #[serde(default)]
    pub(super) token_provider_url: String,
    #[serde(default)]
    token_public_keys_url: Option<String>,
    #[serde(default)]
    token_public_key_url: Option<String>,
    #[serde(default)]
    pub(super) kafka_bootstrap_server: String,
    #[serde(default)]
    pub(super) event_bus_arn: String,
    #[serde(default)]
    pub(super) ssl_ca_bundle: Option<Value>,
    #[serde(default)]
    pub(super) kafka_sasl_kerberos_principal: Option<String>,
    #[serde(default)]
    pub(super) kafka_sasl_kerberos_keytab_path: Option<String>,
    #[serde(default)]
    pub(super) kafka_ssl_ca_path: Option<String>,
    #[serde(default)]
    pub(super) kafka_ssl_cert_path: Option<String>,
    #[serde(default)]
    pub(super) kafka_ssl_key_path: Option<String>,
    #[serde(default)]
    pub(super) kafka_ssl_key_password: Option<String>,
}

impl Settings {
    /// Where keys of tokens come from.
    pub(super) fn keys_url(&self) -> Result<&str, Failure> {
        let named = self.token_public_keys_url.as_deref().or(self.token_public_key_url.as_deref());
        named.ok_or_else(|| wrong("config.json: token_public_keys_url is missing"))
    }
}

impl ConfDir {
    /// Reads a folder, and what it names elsewhere.
    pub(super) async fn read(
        folder: &Path,
        profile: Profile,
        aws: AwsConfig,
    ) -> Result<Self, Failure> {
        let folder = folder
            .canonicalize()
            .map_err(|error| wrong(format!("{}: {error}", folder.display())))?;
        let config: Settings = json(&folder.join("config.json"))?;
        let access = place(&folder, &config.access_config, "access_config")?;
        let (keys_file, keys): (_, Map<String, Value>) = match &config.topic_keys_config {
            Some(path) => {
                let location = place(&folder, path, "topic_keys_config")?;
                let text = Reader::new(aws, None).read(&location).await;
                let problem = |error: &dyn std::fmt::Display| wrong(format!("{location}: {error}"));
                let text = text.map_err(|error| problem(&Chain(&error)))?;
                let keys = serde_json::from_slice(&text).map_err(|error| problem(&error))?;
                (location.to_string(), keys)
            }
            None => (String::new(), Map::new()),
        };
        let mut topics = Vec::new();
        for (stem, schema) in schemas(&folder)? {
            let name = if stem.contains('.') { stem } else { format!("{PREFIX}{stem}") };
            // The older version knew only the other three.
            if profile == Profile::Seed && name == format!("{PREFIX}status_change") {
                continue;
            }
            let key = keys.get(&name).map(|field| key_field(&name, field)).transpose();
            let key = key.map_err(|problem| wrong(format!("{keys_file}: {problem}")))?;
            topics.push(TopicFile { name, schema, key });
        }
        if topics.is_empty() {
            return Err(wrong(format!("{}: there is no schema of a topic", folder.display())));
        }
        topics.sort_by_key(|topic| (rank(&topic.name), topic.name.clone()));
        let beside = folder.parent().map(|parent| parent.join("api.yaml"));
        let api = [Some(folder.join("api.yaml")), beside].into_iter().flatten();
        Ok(Self { config, access, topics, api: api.into_iter().find(|path| path.is_file()) })
    }
}

fn rank(name: &str) -> usize {
    let stem = name.strip_prefix(PREFIX);
    KNOWN.iter().position(|known| stem == Some(known)).unwrap_or(KNOWN.len())
}

/// What is found instead has the name of its type in Python (section 5).
fn key_field(topic: &str, field: &Value) -> Result<String, String> {
    let found = match field {
        Value::String(field) => return Ok(field.clone()),
        Value::Null => "NoneType",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "int",
        Value::Array(_) => "list",
        Value::Object(_) => "dict",
    };
    Err(format!("Topic '{topic}': expected key field name as string, got {found}."))
}

/// `topic_schemas/<name>.json`, and the older `topic_<name>.json`.
fn schemas(folder: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let mut found = Vec::new();
    for (place, prefix) in [(folder.join("topic_schemas"), ""), (folder.to_owned(), "topic_")] {
        let Ok(files) = fs::read_dir(&place) else { continue };
        for file in files {
            let path = file?.path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let stem = name.strip_suffix(".json").and_then(|stem| stem.strip_prefix(prefix));
            if let Some(stem) = stem.filter(|_| name != "topic_keys.json")
                && !found.iter().any(|(known, _)| known == stem)
            {
                found.push((stem.to_lowercase(), path));
            }
        }
    }
    Ok(found)
}

/// A document that a setting names: in S3, or a file, from the folder on or as the reference reads it: from the working
/// directory on.
fn place(folder: &Path, path: &str, setting: &str) -> Result<Location, Failure> {
    if path.starts_with("s3://") {
        return path.parse().map_err(|error| wrong(format!("config.json: {setting}: {error}")));
    }
    let here = folder.join(path);
    let beside = folder.parent().map(|parent| parent.join(path));
    let mut candidates = [Some(here), beside, Some(PathBuf::from(path))].into_iter().flatten();
    let found = candidates.find(|candidate| candidate.is_file());
    found.and_then(|found| found.canonicalize().ok()).map(Location::File).ok_or_else(|| {
        wrong(format!("config.json: {setting} is {path}, and there is no such file"))
    })
}

fn json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, Failure> {
    let text = fs::read(path).map_err(|error| wrong(format!("{}: {error}", path.display())))?;
    serde_json::from_slice(&text).map_err(|error| wrong(format!("{}: {error}", path.display())))
}
