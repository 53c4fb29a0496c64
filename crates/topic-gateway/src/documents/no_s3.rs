//! Without the feature `s3`: says so.

use event_bus_runtime::aws::AwsConfig;

use super::ReadError;

#[derive(Clone, Debug)]
pub(super) struct S3;

impl S3 {
    pub(super) fn new(_: AwsConfig) -> Self {
        Self
    }

    pub(super) async fn read(&self, _: &str, _: &str) -> Result<Vec<u8>, ReadError> {
        Err(missing())
    }

    pub(super) async fn list(&self, _: &str, _: &str) -> Result<Vec<String>, ReadError> {
        Err(missing())
    }
}

fn missing() -> ReadError {
    ReadError::S3("this build cannot read it; build with the feature s3".to_owned())
}
