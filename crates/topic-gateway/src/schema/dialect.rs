//! The drafts of JSON Schema that are known, by `$schema`.

use crate::json::Value;

/// A draft. Later ones are greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dialect {
    Draft4,
    Draft6,
    Draft7,
    Draft2019,
    Draft2020,
}

impl Dialect {
    pub(super) const ALL: [Self; 5] =
        [Self::Draft4, Self::Draft6, Self::Draft7, Self::Draft2019, Self::Draft2020];

    /// The draft that a schema names; Draft 2020-12 if it names none.
    pub(super) fn of(schema: &Value) -> Result<Self, String> {
        let Some(name) = schema.get("$schema") else { return Ok(Self::Draft2020) };
        let name = name.str();
        Self::named(&name).ok_or_else(|| name.to_string())
    }

    /// The draft of that URI.
    pub(crate) fn named(name: &str) -> Option<Self> {
        let uri = name.trim_end_matches('#');
        Self::ALL.into_iter().find(|dialect| dialect.uri() == uri)
    }

    /// Its place in [`Dialect::ALL`].
    pub(super) fn index(self) -> usize {
        match self {
            Self::Draft4 => 0,
            Self::Draft6 => 1,
            Self::Draft7 => 2,
            Self::Draft2019 => 3,
            Self::Draft2020 => 4,
        }
    }

    /// The schema of the draft's schemas.
    pub(super) fn uri(self) -> &'static str {
        match self {
            Self::Draft4 => "http://json-schema.org/draft-04/schema",
            Self::Draft6 => "http://json-schema.org/draft-06/schema",
            Self::Draft7 => "http://json-schema.org/draft-07/schema",
            Self::Draft2019 => "https://json-schema.org/draft/2019-09/schema",
            Self::Draft2020 => "https://json-schema.org/draft/2020-12/schema",
        }
    }

    /// The keyword that gives a schema its own URI.
    pub(super) fn id_keyword(self) -> &'static str {
        if self == Self::Draft4 { "id" } else { "$id" }
    }

    /// Whether everything beside a `$ref` is ignored (up to Draft 7, section 8.3).
    pub(super) fn reference_stands_alone(self) -> bool {
        self <= Self::Draft7
    }

    /// The same draft for the crate that checks schemas and filters what fits.
    pub(super) fn to_crate(self) -> jsonschema::Draft {
        match self {
            Self::Draft4 => jsonschema::Draft::Draft4,
            Self::Draft6 => jsonschema::Draft::Draft6,
            Self::Draft7 => jsonschema::Draft::Draft7,
            Self::Draft2019 => jsonschema::Draft::Draft201909,
            Self::Draft2020 => jsonschema::Draft::Draft202012,
        }
    }
}
