//! Stands for a kind of sink that this build leaves out: its settings cannot be read, and the error names the feature.

/// `not_in_this_build!("kafka")` makes the `Config` of a sink that was not compiled in. It has no value.
macro_rules! not_in_this_build {
    ($kind:literal) => {
        /// Settings that this build cannot read.
        #[derive(Clone, Debug, PartialEq, schemars::JsonSchema)]
        pub enum Config {}

        impl<'de> serde::Deserialize<'de> for Config {
            fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
                Err(serde::de::Error::custom(concat!(
                    "this build has no sink `",
                    $kind,
                    "`; build with the feature `",
                    $kind,
                    "`, or take a released binary"
                )))
            }
        }

        impl super::Settings for Config {
            fn kind(&self) -> &'static str {
                match *self {}
            }

            fn finding(&self) -> &'static str {
                match *self {}
            }

            fn validate(&self) -> Vec<(String, String)> {
                match *self {}
            }

            fn secrets(&self) -> Vec<(String, event_bus_runtime::SecretRef)> {
                match *self {}
            }

            fn build(
                &self,
                _: &super::SinkContext<'_>,
            ) -> Result<Box<dyn super::Sink>, super::BuildError> {
                match *self {}
            }
        }
    };
}

pub(super) use not_in_this_build;
