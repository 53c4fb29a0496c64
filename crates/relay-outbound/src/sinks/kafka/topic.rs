//! What the brokers say about the topic that records go to.

use rdkafka::metadata::Metadata;

use crate::sinks::CheckError;
use crate::sinks::topic::Topic;

/// Whether it can be written to, in a few words.
pub(super) fn state(topic: &Topic, metadata: &Metadata) -> Result<String, CheckError> {
    let brokers = metadata.brokers().len();
    let Topic::Fixed(name) = topic else {
        return Ok(format!("{brokers} brokers answer; the topic depends on the event"));
    };
    let Some(topic) = metadata.topics().iter().find(|topic| topic.name() == name) else {
        return Err(CheckError::bare(format!(
            "there is no topic {name}, or the relay may not see it; make it, unless the brokers make topics on first use"
        )));
    };
    let partitions = topic.partitions();
    let leaderless = partitions.iter().filter(|partition| partition.leader() < 0).count();
    if leaderless > 0 {
        let problem = format!("{leaderless} partitions of {name} have no leader");
        return Err(CheckError::bare(problem));
    }
    Ok(format!("{brokers} brokers answer, topic {name} has {} partitions", partitions.len()))
}
