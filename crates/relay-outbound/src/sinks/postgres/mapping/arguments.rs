//! Values for the parameters of a statement, in the order of [`super::parameters::Parameters`].

use sqlx::postgres::PgArguments;
use sqlx::{Arguments as _, Encode, Postgres, Type};

use crate::sinks::postgres::columns::Row;
use crate::sinks::postgres::errors::Answer;

/// Values that are bound, one array after the other.
#[derive(Debug, Default)]
pub(super) struct Arguments(PgArguments);

impl Arguments {
    /// For each of these columns its values.
    pub(super) fn columns(
        mut self,
        columns: impl IntoIterator<Item = usize>,
        rows: &[&Row],
    ) -> Result<Self, Answer> {
        for index in columns {
            let values: Vec<Option<&str>> = rows.iter().map(|row| row[index].as_deref()).collect();
            self = self.array(values)?;
        }
        Ok(self)
    }

    /// One array.
    pub(super) fn array<'a, T>(mut self, values: Vec<T>) -> Result<Self, Answer>
    where
        Vec<T>: Encode<'a, Postgres> + Type<Postgres> + 'a,
    {
        self.0.add(values).map_err(sqlx::Error::Encode)?;
        Ok(self)
    }

    pub(super) fn bound(self) -> PgArguments {
        self.0
    }
}
