//! How the configuration says where a secret lives. A literal in its place is refused and never repeated.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// What to write where a secret is wanted.
const FORM: &str = "a secret is never written here; write { env = \"NAME\" } or { file = \"/path\" }, \
                    or name a vault with azure_key_vault or aws_secrets_manager";

/// What to write for a secret of Azure.
const AZURE_FORM: &str = "azure_key_vault takes \"https://<vault>.vault.azure.net/secrets/<name>\", \
                          with \"/<version>\" behind it for one version";

/// What to write for a secret of AWS.
const AWS_FORM: &str = "aws_secrets_manager takes the name or the ARN of a secret, with \"#<field>\" behind it for \
                        one field of a JSON object";

/// Where a secret lives: `{ env = "NAME" }`, `{ file = "/run/secrets/name" }`, `{ azure_key_vault = "https://…" }` or
/// `{ aws_secrets_manager = "name" }`. Never the value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SecretRef {
    /// The environment variable of that name.
    Env(String),
    /// The content of that file, less one line break at its end.
    File(PathBuf),
    /// A secret of Azure Key Vault.
    AzureKeyVault(AzureSecret),
    /// A secret of AWS Secrets Manager.
    AwsSecretsManager(AwsSecret),
}

/// `https://<vault>/secrets/<name>`, or one version of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AzureSecret {
    pub(super) host: String,
    pub(super) name: String,
    pub(super) version: Option<String>,
}

/// A name or an ARN, and a field of the JSON object that is the secret's value.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AwsSecret {
    pub(super) id: String,
    pub(super) field: Option<String>,
}

impl SecretRef {
    /// Whether [`crate::SecretResolver::fetch`] must read it before it can be resolved.
    pub fn is_in_vault(&self) -> bool {
        match self {
            Self::AzureKeyVault(_) | Self::AwsSecretsManager(_) => true,
            Self::Env(_) | Self::File(_) => false,
        }
    }
}

impl AzureSecret {
    /// Reads `https://<vault>/secrets/<name>[/<version>]`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_word = |word: &str| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
            (1..=127).contains(&word.len()) && word.bytes().all(fits)
        };
        let mut parts = text.strip_prefix("https://")?.split('/');
        let (host, collection, name) = (parts.next()?, parts.next()?, parts.next()?);
        let (version, more) = (parts.next(), parts.next());
        let sound = host.contains('.')
            && host.split('.').all(is_word)
            && collection == "secrets"
            && is_word(name)
            && version.is_none_or(is_word)
            && more.is_none();
        sound.then(|| Self {
            host: host.to_owned(),
            name: name.to_owned(),
            version: version.map(str::to_owned),
        })
    }
}

impl AwsSecret {
    /// Reads `<name or ARN>[#<field>]`. No name and no ARN holds a `#`, so that the first one begins the field.
    pub fn parse(text: &str) -> Option<Self> {
        let (id, field) = match text.split_once('#') {
            Some((id, field)) => (id, Some(field)),
            None => (text, None),
        };
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"/_+=.@-:".contains(&byte);
        let sound = (1..=2048).contains(&id.len())
            && id.bytes().all(fits)
            && field.is_none_or(|field| !field.is_empty());
        sound.then(|| Self { id: id.to_owned(), field: field.map(str::to_owned) })
    }
}

impl fmt::Display for SecretRef {
    /// The place, which is no secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(variable) => write!(f, "environment variable {variable}"),
            Self::File(path) => write!(f, "file {}", path.display()),
            Self::AzureKeyVault(secret) => write!(f, "Azure Key Vault secret {secret}"),
            Self::AwsSecretsManager(secret) => write!(f, "AWS Secrets Manager secret {secret}"),
        }
    }
}

impl fmt::Display for AzureSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}/secrets/{}", self.host, self.name)?;
        self.version.iter().try_for_each(|version| write!(f, "/{version}"))
    }
}

impl fmt::Display for AwsSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        self.field.iter().try_for_each(|field| write!(f, "#{field}"))
    }
}

impl Serialize for AzureSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for AwsSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SecretRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for SecretRef {
    fn schema_name() -> Cow<'static, str> {
        "SecretRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let of = |key: &str| {
            serde_json::json!({
                "type": "object",
                "properties": { key: { "type": "string", "minLength": 1 } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "Where a secret lives: an environment variable, a file or a vault.",
            "oneOf": [of("env"), of("file"), of("azure_key_vault"), of("aws_secrets_manager")],
        })
    }
}

/// Reads a reference. Serde's own messages would repeat a literal, so each kind has its own here.
struct Visitor;

impl<'de> de::Visitor<'de> for Visitor {
    type Value = SecretRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("{ env = \"NAME\" } or { file = \"/path\" }")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut map: A) -> Result<SecretRef, A::Error> {
        let refused = || de::Error::custom(FORM);
        let key: String = map.next_key()?.ok_or_else(refused)?;
        let value: toml::Value = map.next_value()?;
        let more: Option<String> = map.next_key()?;
        match (key.as_str(), value, more) {
            ("env", toml::Value::String(name), None) if !name.is_empty() => {
                Ok(SecretRef::Env(name))
            }
            ("file", toml::Value::String(path), None) if !path.is_empty() => {
                Ok(SecretRef::File(path.into()))
            }
            ("azure_key_vault", toml::Value::String(url), None) => AzureSecret::parse(&url)
                .map(SecretRef::AzureKeyVault)
                .ok_or_else(|| de::Error::custom(AZURE_FORM)),
            ("aws_secrets_manager", toml::Value::String(id), None) => AwsSecret::parse(&id)
                .map(SecretRef::AwsSecretsManager)
                .ok_or_else(|| de::Error::custom(AWS_FORM)),
            _ => Err(refused()),
        }
    }

    fn visit_str<E: de::Error>(self, _: &str) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_i64<E: de::Error>(self, _: i64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_f64<E: de::Error>(self, _: f64) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_bool<E: de::Error>(self, _: bool) -> Result<SecretRef, E> {
        Err(E::custom(FORM))
    }

    fn visit_seq<A: de::SeqAccess<'de>>(self, _: A) -> Result<SecretRef, A::Error> {
        Err(de::Error::custom(FORM))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<SecretRef, String> {
        let table: toml::Table = text.parse().unwrap();
        table["it"].clone().try_into().map_err(|error: toml::de::Error| error.to_string())
    }

    #[test]
    fn a_vault_reference_is_read_and_shown_as_it_was_written() {
        for (key, place) in [
            ("azure_key_vault", "https://fleet.vault.azure.net/secrets/slack-url"),
            ("azure_key_vault", "https://fleet.vault.usgovcloudapi.net/secrets/a/0123456789abcdef"),
            ("aws_secrets_manager", "prod/slack"),
            (
                "aws_secrets_manager",
                "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbCdEf#url",
            ),
            ("aws_secrets_manager", "prod/slack#a#b"),
        ] {
            let reference = read(&format!("it = {{ {key} = '{place}' }}")).unwrap();
            assert!(reference.is_in_vault());
            assert!(reference.to_string().ends_with(&format!(" secret {place}")), "{reference}");
            let json = serde_json::to_value(&reference).unwrap();
            assert_eq!(json, serde_json::json!({ key: place }));
        }
        let field = AwsSecret::parse("prod/slack#a#b").unwrap();
        assert_eq!((field.id.as_str(), field.field.as_deref()), ("prod/slack", Some("a#b")));
    }

    #[test]
    fn a_wrong_reference_is_refused_without_repeating_it() {
        for (key, text) in [
            ("azure_key_vault", ""),
            ("azure_key_vault", "hunter2"),
            ("azure_key_vault", "http://v.vault.azure.net/secrets/hunter2"),
            ("azure_key_vault", "https://v.vault.azure.net/keys/hunter2"),
            ("azure_key_vault", "https://v.vault.azure.net/secrets/hunter2/"),
            ("azure_key_vault", "https://v.vault.azure.net/secrets/hunter2/1/2"),
            ("azure_key_vault", "https://v.vault.azure.net:8443/secrets/hunter2"),
            ("azure_key_vault", "https://me:hunter2@v.vault.azure.net/secrets/a"),
            ("azure_key_vault", "https://v.vault.azure.net/secrets/hunter2?api-version=1"),
            ("aws_secrets_manager", ""),
            ("aws_secrets_manager", "#hunter2"),
            ("aws_secrets_manager", "hunter2#"),
            ("aws_secrets_manager", "hunter2 hunter2"),
        ] {
            let error = read(&format!("it = {{ {key} = '{text}' }}")).unwrap_err();
            assert!(error.contains(&format!("{key} takes")), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
        let both = read("it = { aws_secrets_manager = 'hunter2', env = 'A' }").unwrap_err();
        assert!(both.contains(FORM) && !both.contains("hunter2"), "{both}");
    }
}
