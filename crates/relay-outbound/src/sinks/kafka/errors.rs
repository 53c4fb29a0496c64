//! What an error of Kafka means for an event.

use event_bus_core::delivery::{BoxError, DeliveryError, Refusal};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};

/// What an error says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// The record is larger than this producer sends.
    TooLargeHere,
    /// The record, or the batch that it was sent in, is larger than the topic takes.
    TooLargeThere,
    /// The record can never be taken.
    Refused,
    /// The credentials or their rights do not suffice.
    Unauthorized,
    /// Nobody confirmed it: the brokers are away, or they are there and cannot.
    Unconfirmed,
    /// The brokers answer, and cannot take it now.
    Unavailable,
}

/// Tells by the code. An unknown one blames the brokers, not the event: nothing is given up for it.
pub(super) fn meaning(error: &KafkaError, sent: bool) -> Meaning {
    use RDKafkaErrorCode as Code;
    let Some(code) = error.rdkafka_error_code() else { return Meaning::Unconfirmed };
    match code {
        Code::MessageSizeTooLarge if !sent => Meaning::TooLargeHere,
        Code::MessageSizeTooLarge | Code::MessageBatchTooLarge => Meaning::TooLargeThere,
        Code::InvalidRecord
        | Code::InvalidTimestamp
        | Code::InvalidTopic
        | Code::PolicyViolation
        | Code::UnsupportedForMessageFormat
        | Code::InvalidArgument => Meaning::Refused,
        Code::TopicAuthorizationFailed
        | Code::ClusterAuthorizationFailed
        | Code::SaslAuthenticationFailed
        | Code::Authentication
        | Code::UnsupportedSASLMechanism
        | Code::IllegalSASLState => Meaning::Unauthorized,
        Code::MessageTimedOut
        | Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::SSL
        | Code::TimedOutQueue
        | Code::OperationTimedOut
        | Code::NetworkException
        | Code::PurgeQueue
        | Code::PurgeInflight
        | Code::BrokerDestroy
        | Code::DestroyBroker
        | Code::QueueFull
        | Code::Fatal => Meaning::Unconfirmed,
        _ => Meaning::Unavailable,
    }
}

/// The verdict on an event. `limit` is the largest record that this producer sends.
pub(super) fn verdict(meaning: Meaning, cause: impl Into<BoxError>, limit: u64) -> DeliveryError {
    let cause = cause.into();
    match meaning {
        Meaning::TooLargeHere => DeliveryError::Refused(Refusal::TooLarge { limit }),
        Meaning::TooLargeThere | Meaning::Refused => {
            DeliveryError::Refused(Refusal::Constraint(cause))
        }
        Meaning::Unauthorized => DeliveryError::Unauthorized { status: None, cause: Some(cause) },
        Meaning::Unconfirmed => DeliveryError::Unreachable(cause),
        Meaning::Unavailable => {
            DeliveryError::Unavailable { status: None, retry_after: None, cause: Some(cause) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_decides_whose_fault_it_is() {
        use RDKafkaErrorCode as Code;
        for (code, sent, expected) in [
            (Code::MessageSizeTooLarge, false, Meaning::TooLargeHere),
            (Code::MessageSizeTooLarge, true, Meaning::TooLargeThere),
            (Code::InvalidRecord, true, Meaning::Refused),
            (Code::TopicAuthorizationFailed, true, Meaning::Unauthorized),
            (Code::MessageTimedOut, true, Meaning::Unconfirmed),
            (Code::NotEnoughReplicas, true, Meaning::Unavailable),
            (Code::UnknownTopicOrPartition, true, Meaning::Unavailable),
            (Code::ThrottlingQuotaExceeded, true, Meaning::Unavailable),
        ] {
            let error = KafkaError::MessageProduction(code);
            assert_eq!(meaning(&error, sent), expected, "{code:?}");
        }
        assert_eq!(meaning(&KafkaError::Canceled, true), Meaning::Unconfirmed);
    }
}
