//! One failure that befell several events at once.

use std::error::Error;
use std::sync::Arc;

use event_bus_core::delivery::{BoxError, DeliveryError, Refusal};

/// The same error `count` times, with the same cause.
pub(super) fn repeated(error: DeliveryError, count: usize) -> Vec<DeliveryError> {
    let many = |make: &dyn Fn() -> DeliveryError| (0..count).map(|_| make()).collect();
    match error {
        DeliveryError::Unreachable(cause) => {
            let cause = Shared::from(cause);
            many(&|| DeliveryError::Unreachable(cause.again()))
        }
        DeliveryError::Unavailable { status, retry_after, cause } => {
            let cause = cause.map(Shared::from);
            let cause = || cause.as_ref().map(Shared::again);
            many(&|| DeliveryError::Unavailable { status, retry_after, cause: cause() })
        }
        DeliveryError::Unauthorized { status, cause } => {
            let cause = cause.map(Shared::from);
            let cause = || cause.as_ref().map(Shared::again);
            many(&|| DeliveryError::Unauthorized { status, cause: cause() })
        }
        DeliveryError::Gone { status, cause } => {
            let cause = cause.map(Shared::from);
            let cause = || cause.as_ref().map(Shared::again);
            many(&|| DeliveryError::Gone { status, cause: cause() })
        }
        DeliveryError::Refused(Refusal::Status(status)) => {
            many(&|| DeliveryError::Refused(Refusal::Status(status)))
        }
        DeliveryError::Refused(Refusal::TooLarge { limit }) => {
            many(&|| DeliveryError::Refused(Refusal::TooLarge { limit }))
        }
        DeliveryError::Refused(Refusal::Constraint(cause)) => {
            let cause = Shared::from(cause);
            many(&|| DeliveryError::Refused(Refusal::Constraint(cause.again())))
        }
        DeliveryError::Unencodable(cause) => {
            let cause = Shared::from(cause);
            many(&|| DeliveryError::Unencodable(cause.again()))
        }
        DeliveryError::Unreadable(cause) => {
            let cause = Shared::from(cause);
            many(&|| DeliveryError::Unreadable(cause.again()))
        }
    }
}

/// A cause that several errors have.
struct Shared(Arc<dyn Error + Send + Sync>);

impl Shared {
    fn again(&self) -> BoxError {
        Box::new(Arc::clone(&self.0))
    }
}

impl From<BoxError> for Shared {
    fn from(cause: BoxError) -> Self {
        Self(cause.into())
    }
}
