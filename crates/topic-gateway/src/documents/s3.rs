//! Documents in S3.
//!
//! What was read is remembered with its tag, and read again only when the tag is another.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use event_bus_core::Chain;
use event_bus_runtime::aws::{Access, AwsConfig, configure};
use tokio::sync::OnceCell;

use super::{LONGEST, MOST, ReadError, WITHIN};

/// S3, as one configuration reaches it. The SDK is set up at the first read.
#[derive(Clone, Debug)]
pub(super) struct S3(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: AwsConfig,
    client: OnceCell<Client>,
    /// By bucket and key.
    known: Mutex<HashMap<(String, String), Known>>,
}

#[derive(Clone, Debug)]
struct Known {
    tag: String,
    text: Vec<u8>,
}

impl S3 {
    pub(super) fn new(config: AwsConfig) -> Self {
        Self(Arc::new(Shared { config, client: OnceCell::new(), known: Mutex::default() }))
    }

    pub(super) async fn read(&self, bucket: &str, key: &str) -> Result<Vec<u8>, ReadError> {
        let place = (bucket.to_owned(), key.to_owned());
        let known = self.known().get(&place).cloned();
        let asked = self.client().await?.get_object().bucket(bucket).key(key);
        let asked = asked.set_if_none_match(known.as_ref().map(|known| known.tag.clone()));
        let answer = match (asked.send().await, known) {
            (Err(SdkError::ServiceError(answer)), Some(known))
                if answer.raw().status().as_u16() == 304 =>
            {
                return Ok(known.text);
            }
            (answer, _) => answer.map_err(|error| problem(&error))?,
        };
        let tag = answer.e_tag().map(str::to_owned);
        let text = body(answer).await?;
        if let Some(tag) = tag {
            self.known().insert(place, Known { tag, text: text.clone() });
        }
        Ok(text)
    }

    /// The keys that begin so.
    pub(super) async fn list(&self, bucket: &str, begin: &str) -> Result<Vec<String>, ReadError> {
        let listed = self.client().await?.list_objects_v2().bucket(bucket).prefix(begin);
        let mut pages = listed.into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| problem(&error))?;
            keys.extend(
                page.contents().iter().filter_map(|object| object.key().map(str::to_owned)),
            );
            if keys.len() > MOST {
                return Err(ReadError::TooMany);
            }
        }
        Ok(keys)
    }

    async fn client(&self) -> Result<&Client, ReadError> {
        let make = async || {
            let AwsConfig { region, profile, role_arn, endpoint_url } = self.0.config.clone();
            let access = Access { region, profile, role_arn, ..Access::default() };
            let sdk = configure(&access, WITHIN).await;
            let sdk = sdk.map_err(|error| ReadError::S3(Chain(&error).to_string()))?;
            let mut config = aws_sdk_s3::config::Builder::from(&sdk);
            if let Some(url) = endpoint_url {
                // Emulators and endpoints of a VPC have no name for each bucket.
                config = config.endpoint_url(url).force_path_style(true);
            }
            Ok(Client::from_conf(config.build()))
        };
        self.0.client.get_or_try_init(make).await
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<(String, String), Known>> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn body(answer: GetObjectOutput) -> Result<Vec<u8>, ReadError> {
    let mut text = Vec::new();
    let mut body = answer.body;
    while let Some(part) = body.next().await {
        let part = part.map_err(|error| ReadError::S3(Chain(&error).to_string()))?;
        if text.len() + part.len() > LONGEST {
            return Err(ReadError::TooLong);
        }
        text.extend_from_slice(&part);
    }
    Ok(text)
}

fn problem<E: ProvideErrorMetadata + std::error::Error + 'static>(
    error: &SdkError<E>,
) -> ReadError {
    let SdkError::ServiceError(answer) = error else {
        return ReadError::S3(Chain(error).to_string());
    };
    match (answer.err().code(), answer.err().message()) {
        (Some("NoSuchKey"), _) => ReadError::Missing,
        (Some(code), Some(message)) => ReadError::S3(format!("{code}: {message}")),
        (Some(code), None) => ReadError::S3(code.to_owned()),
        (None, _) => ReadError::S3(format!("status {}", answer.raw().status())),
    }
}
