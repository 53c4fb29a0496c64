//! Posts the records of each topic in their order, and reads the report on every one of them.
//!
//! A bridge keeps no id of what it wrote: a record whose report was lost is written a second time.

use std::collections::BTreeMap;
use std::time::Duration;

use async_trait::async_trait;
use event_bus_core::delivery::DeliveryError;
use event_bus_core::event::Event;
use event_bus_runtime::Clock;
use futures_util::{StreamExt as _, stream};
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method};
use reqwest::Request;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::answer::{Answer, judge};
use super::parts::{Outgoing, requests};
use super::{Api, Config};
use crate::sinks::answer::{NoAnswer, beginning};
use crate::sinks::auth::Authorization;
use crate::sinks::connect::Connect;
use crate::sinks::reach::reach;
use crate::sinks::record::Shape;
use crate::sinks::repeated::repeated;
use crate::sinks::topic::Topic;
use crate::sinks::{
    BuildError, CheckError, Delivery, Http2, Sink, SinkContext, headers, retry_after,
};

/// Most bytes of an answer that are read. A longer one is cut off, and then it confirms nothing.
const MAX_ANSWER: usize = 1024 * 1024;

/// Topics that are written to at the same time.
const TOPICS_AT_ONCE: usize = 8;

/// A REST bridge to a Kafka cluster.
#[derive(Debug)]
pub struct KafkaRestSink {
    client: reqwest::Client,
    connect: Connect,
    api: Api,
    url: Url,
    cluster: String,
    topic: Topic,
    shape: Shape,
    headers: HeaderMap,
    authorization: Authorization,
    timeout: Duration,
    clock: Clock,
}

impl KafkaRestSink {
    /// Resolves the secrets and reads the files; opens no connection.
    pub fn build(config: &Config, context: &SinkContext<'_>) -> Result<Self, BuildError> {
        context.guard.check_literal(&config.url).map_err(BuildError::Denied)?;
        let connect = Connect::build(&config.tls, Http2::Auto, context.guard, context.secrets)?;
        let mut headers = headers::resolve(&config.headers, context.secrets)?;
        headers.insert(ACCEPT, HeaderValue::from_static(config.api.accept()));
        Ok(Self {
            client: connect.own_client()?.unwrap_or_else(|| context.http.clone()),
            connect,
            api: config.api,
            url: config.url.clone(),
            cluster: config.cluster_id.clone().unwrap_or_default(),
            topic: Topic::parse(&config.topic)?,
            shape: Shape::new(config.format(), &config.key, None),
            headers,
            authorization: Authorization::build(config.auth.as_ref(), context)?,
            timeout: config.timeout,
            clock: context.clock.clone(),
        })
    }

    fn encode(&self, event: &Event) -> Result<(String, Vec<u8>), DeliveryError> {
        let topic = self.topic.of(event)?;
        let json = self.api.record(&self.shape.record(event));
        Ok((topic, json.map_err(|error| DeliveryError::Unencodable(error.into()))?))
    }

    /// Writes the records of one topic. Where a request as a whole is refused it is parted, until the record that is to
    /// blame stands alone.
    async fn write(
        &self,
        topic: String,
        records: Vec<Outgoing>,
        deadline: Instant,
    ) -> Vec<(usize, Delivery)> {
        let mut results = Vec::with_capacity(records.len());
        let mut waiting = requests(&records);
        while let Some(part) = waiting.pop() {
            let late = |_| Err(DeliveryError::Unreachable(NoAnswer(self.timeout).into()));
            let posted = timeout_at(deadline, self.post(&topic, part)).await.unwrap_or_else(late);
            match posted {
                Ok(each) => results.extend(part.iter().map(|record| record.index).zip(each)),
                Err(DeliveryError::Refused(_)) if part.len() > 1 => {
                    let (first, second) = part.split_at(part.len() / 2);
                    waiting.extend([second, first]);
                }
                Err(error @ DeliveryError::Refused(_)) => {
                    results.extend(part.iter().map(|record| record.index).zip([Err(error)]));
                }
                Err(error) => {
                    // Those that wait would fare the same.
                    let left = std::iter::once(part).chain(waiting.drain(..)).flatten();
                    let left: Vec<_> = left.map(|record| record.index).collect();
                    let errors = repeated(error, left.len()).into_iter().map(Err);
                    results.extend(left.into_iter().zip(errors));
                }
            }
        }
        results
    }

    async fn post(
        &self,
        topic: &str,
        records: &[Outgoing],
    ) -> Result<Vec<Delivery>, DeliveryError> {
        let path = [&self.api.topics(&self.cluster)[..], &[topic], self.api.records()].concat();
        let mut request = self.request(Method::POST, &path);
        let media_type = HeaderValue::from_static(self.api.content_type());
        request.headers_mut().insert(CONTENT_TYPE, media_type);
        let body = self.api.body(records.iter().map(|record| &record.json[..]));
        *request.body_mut() = Some(body.into());
        let response = self.authorization.send(&self.client, request).await?;
        let status = response.status().as_u16();
        let retry_after = retry_after::read(response.headers(), self.clock.now());
        // Without a body it is not known what became of the records.
        let cut_off =
            |error: reqwest::Error| DeliveryError::Unreachable(error.without_url().into());
        let body = beginning(response, MAX_ANSWER).await.map_err(cut_off)?;
        judge(self.api, &Answer { status, retry_after, body }, records.len())
    }

    fn request(&self, method: Method, path: &[&str]) -> Request {
        let mut url = self.url.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        let mut request = Request::new(method, url);
        *request.headers_mut() = self.headers.clone();
        request
    }
}

#[async_trait]
impl Sink for KafkaRestSink {
    async fn deliver(&self, batch: &[Event]) -> Vec<Delivery> {
        let deadline = Instant::now() + self.timeout;
        let mut results = Vec::with_capacity(batch.len());
        let mut topics: BTreeMap<String, Vec<Outgoing>> = BTreeMap::new();
        for (index, event) in batch.iter().enumerate() {
            match self.encode(event) {
                Ok((topic, json)) => {
                    topics.entry(topic).or_default().push(Outgoing { index, json })
                }
                Err(error) => results.push((index, Err(error))),
            }
        }
        let writing =
            topics.into_iter().map(|(topic, records)| self.write(topic, records, deadline));
        results.extend(stream::iter(writing).buffer_unordered(TOPICS_AT_ONCE).concat().await);
        results.sort_unstable_by_key(|(index, _)| *index);
        results.into_iter().map(|(_, result)| result).collect()
    }

    async fn check(&self) -> Result<String, CheckError> {
        reach(self.connect.builder(), &self.url, self.timeout).await?;
        let topic = match &self.topic {
            Topic::Fixed(topic) => Some(&**topic),
            Topic::Template(_) => None,
        };
        let path = [&self.api.topics(&self.cluster)[..], topic.as_slice()].concat();
        let asking = self.authorization.send(&self.client, self.request(Method::GET, &path));
        let Ok(answer) = timeout(self.timeout, asking).await else {
            return Err(CheckError::new("the API says nothing", NoAnswer(self.timeout)));
        };
        let answer = answer.map_err(|error| CheckError::new("the API says nothing", error))?;
        match (answer.status().as_u16(), topic) {
            (200..=299, Some(topic)) => Ok(format!("the API knows the topic {topic}")),
            (200..=299, None) => Ok("the API answers; the topic depends on the event".to_owned()),
            (404, Some(topic)) => Err(CheckError::bare(format!(
                "there is no topic {topic}, or `url` is not where the API begins"
            ))),
            (status @ (401 | 403), _) => Err(CheckError::bare(format!(
                "the API refuses the credentials with status {status}"
            ))),
            (status, _) => Err(CheckError::bare(format!("the API answers with status {status}"))),
        }
    }
}
