//! Type OIDs that the driver looks up itself, because diesel-async caches OIDs for the connection's life, even when a
//! type's name later resolves to a different type.
//!
//! A query's bound values may contain OIDs (arrays and records do). To find them, the driver collects the binds twice,
//! with two disjoint sets of placeholder OIDs that no type has. Bytes are an OID where both results have the
//! placeholder with the same index.

use std::any::TypeId;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use diesel::pg::{Pg, PgMetadataLookup, PgQueryBuilder, PgTypeMetadata};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{AstPass, Query, QueryBuilder, QueryFragment, QueryId};
use diesel::result::Error;
use diesel::sql_types::{self, Oid, Text};
use diesel::{QueryResult, QueryableByName};
use diesel_async::{AsyncConnectionCore, AsyncPgConnection, RunQueryDsl};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use crate::driver::postgres::fragment::{Key, Known, Loading, PgQuery, current_id, sql, with_id};
use crate::driver::postgres::protocol::prepared::LOOKS_TYPES_UP;
use crate::observe::{Events, UnobservedQuery};

/// The first placeholder OID of each set. The server has no types with OIDs this high.
const FIRST: u32 = 0xF000_0000;
const SECOND: u32 = 0xE000_0000;

/// A type's schema, if the query names one, and its name.
type Name = (Option<String>, String);

/// The OIDs of types and of their array types, in one view (what names resolve to).
#[derive(Debug, Default, Clone)]
pub(crate) struct TypeIds(Arc<Mutex<HashMap<Name, (u32, u32)>>>);

/// Answers type lookups with placeholder OIDs.
struct Placeholders {
    first: u32,
    names: Vec<Name>,
}

impl PgMetadataLookup for Placeholders {
    fn lookup_type(&mut self, type_name: &str, schema: Option<&str>) -> PgTypeMetadata {
        let name = (schema.map(str::to_owned), type_name.to_owned());
        let known = self.names.iter().position(|known| *known == name);
        let place = known.unwrap_or_else(|| {
            self.names.push(name);
            self.names.len() - 1
        });
        let number = self.first + 2 * u32::try_from(place).unwrap_or(u32::MAX / 32);
        PgTypeMetadata::new(number, number + 1)
    }
}

/// A query that binds values of types that are not built in, split into text and binds. Its OIDs are placeholders.
pub(crate) struct Taken {
    names: Vec<Name>,
    ready: Ready,
    id: Option<TypeId>,
    /// Where an OID has to be written: the value's index, and the offset in the value's bytes.
    places: Vec<(usize, usize)>,
    types: TypeIds,
}

impl TypeIds {
    fn known(&self) -> MutexGuard<'_, HashMap<Name, (u32, u32)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Splits a query. Returns `None` if it binds built-in types only, or is invalid and will fail when it runs.
    pub(crate) fn take(&self, query: PgQuery<'_>, known: &Known<'_>) -> Option<Taken> {
        let (values, names) = collect(query, FIRST)?;
        if names.is_empty() {
            return None;
        }
        let (again, _same) = collect(query, SECOND)?;
        let text = match &known.text {
            Some(text) => text.clone().into_owned(),
            None => sql(query).ok()?,
        };
        let (id, is_safe_to_cache) = match known.key {
            Key::Type(is_safe) => (
                query.id(),
                is_safe.or_else(|| query.is_safe_to_cache_prepared(&Pg).ok())?,
            ),
            Key::Text => (None, true),
            Key::Never => (None, false),
        };
        let places = places(&values, &again, names.len());
        Some(Taken {
            names,
            ready: Ready {
                text,
                is_safe_to_cache,
                values,
            },
            id,
            places,
            types: self.clone(),
        })
    }
}

type Values = RawBytesBindCollector<Pg>;

fn collect(query: PgQuery<'_>, first: u32) -> Option<(Values, Vec<Name>)> {
    let mut values = Values::new();
    let mut lookup = Placeholders {
        first,
        names: Vec::new(),
    };
    query.collect_binds(&mut values, &mut lookup, &Pg).ok()?;
    Some((values, lookup.names))
}

fn places(one: &Values, other: &Values, names: usize) -> Vec<(usize, usize)> {
    let mut places = Vec::new();
    for (value, pair) in one.binds.iter().zip(&other.binds).enumerate() {
        let (Some(one), Some(other)) = pair else {
            continue;
        };
        for at in 0..one.len().saturating_sub(3) {
            let number = place(number_at(one, at), FIRST, names);
            if number.is_some() && number == place(number_at(other, at), SECOND, names) {
                places.push((value, at));
            }
        }
    }
    places
}

fn number_at(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..)?.first_chunk::<4>()?;
    Some(u32::from_be_bytes(*bytes))
}

/// Returns the index of a placeholder OID; `None` if `number` is not one.
fn place(number: Option<u32>, first: u32, names: usize) -> Option<usize> {
    let place = usize::try_from(number?.checked_sub(first)?).ok()?;
    (place < 2 * names).then_some(place)
}

impl Taken {
    /// Looks the types up, runs the query, and returns its rows.
    pub(crate) fn load(
        self,
        mut connection: &AsyncPgConnection,
        events: Option<Events>,
    ) -> Loading<'_> {
        async move {
            let (ready, id) =
                UnobservedQuery::new(events, self.resolved(connection).boxed()).await?;
            let rows = with_id(id, || AsyncConnectionCore::load(&mut connection, ready));
            rows.await
        }
        .boxed()
    }

    /// [`load`](Self::load) for a statement that returns a row count.
    pub(crate) fn execute(
        self,
        mut connection: &AsyncPgConnection,
        events: Option<Events>,
    ) -> BoxFuture<'_, QueryResult<usize>> {
        async move {
            let (ready, id) =
                UnobservedQuery::new(events, self.resolved(connection).boxed()).await?;
            let count = with_id(id, || {
                AsyncConnectionCore::execute_returning_count(&mut connection, ready)
            });
            count.await
        }
        .boxed()
    }

    async fn resolved(
        self,
        connection: &AsyncPgConnection,
    ) -> QueryResult<(Ready, Option<TypeId>)> {
        let Self {
            names,
            mut ready,
            id,
            places,
            types,
        } = self;
        let mut numbers = Vec::with_capacity(2 * names.len());
        for name in names {
            let known = types.known().get(&name).copied();
            let (number, array) = if let Some(known) = known {
                known
            } else {
                let found = look_up(connection, &name).await?;
                types.known().insert(name, found);
                found
            };
            numbers.extend([number, array]);
        }
        let real = |number: u32| {
            let place = place(Some(number), FIRST, numbers.len() / 2);
            place
                .and_then(|place| numbers.get(place).copied())
                .unwrap_or(number)
        };
        for kind in &mut ready.values.metadata {
            let number = kind.oid().map_err(unknown)?;
            let array = kind.array_oid().map_err(unknown)?;
            *kind = PgTypeMetadata::new(real(number), real(array));
        }
        for (value, at) in places {
            let bytes = ready.values.binds.get_mut(value).and_then(Option::as_mut);
            let chunk = bytes.and_then(|bytes| bytes.get_mut(at..)?.first_chunk_mut::<4>());
            if let Some(chunk) = chunk {
                *chunk = real(u32::from_be_bytes(*chunk)).to_be_bytes();
            }
        }
        Ok((ready, id))
    }
}

fn unknown(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::SerializationError(Box::new(error))
}

#[derive(QueryableByName)]
struct Found {
    #[diesel(sql_type = Oid)]
    oid: u32,
    #[diesel(sql_type = Oid)]
    typarray: u32,
}

/// Sends the same lookup query as diesel-async.
async fn look_up(
    mut connection: &AsyncPgConnection,
    (schema, name): &Name,
) -> QueryResult<(u32, u32)> {
    let found: Found = match schema {
        Some(schema) => {
            diesel::sql_query(format!(
                "{LOOKS_TYPES_UP} pg_catalog.pg_type INNER JOIN pg_catalog.pg_namespace ON pg_type.typnamespace = pg_namespace.oid \
                 WHERE pg_type.typname = $1 AND pg_namespace.nspname = $2"
            ))
            .bind::<Text, _>(name)
            .bind::<Text, _>(schema)
            .get_result(&mut connection)
            .await?
        }
        None => {
            diesel::sql_query(format!(
                "{LOOKS_TYPES_UP} pg_catalog.pg_type WHERE pg_type.oid = pg_catalog.quote_ident($1)::pg_catalog.regtype::pg_catalog.oid"
            ))
            .bind::<Text, _>(name)
            .get_result(&mut connection)
            .await?
        }
    };
    Ok((found.oid, found.typarray))
}

/// A split query that is ready to run.
struct Ready {
    text: String,
    is_safe_to_cache: bool,
    values: Values,
}

impl QueryFragment<Pg> for Ready {
    /// Does nothing: `to_sql` and `collect_binds`, which would call it, are overridden below.
    fn walk_ast<'b>(&'b self, _pass: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        Ok(())
    }

    fn to_sql(&self, out: &mut PgQueryBuilder, _backend: &Pg) -> QueryResult<()> {
        out.push_sql(&self.text);
        Ok(())
    }

    fn collect_binds<'b>(
        &'b self,
        out: &mut Values,
        _lookup: &mut (dyn PgMetadataLookup + 'static),
        _backend: &'b Pg,
    ) -> QueryResult<()> {
        out.binds.clone_from(&self.values.binds);
        out.metadata.clone_from(&self.values.metadata);
        Ok(())
    }

    fn is_safe_to_cache_prepared(&self, _backend: &Pg) -> QueryResult<bool> {
        Ok(self.is_safe_to_cache)
    }
}

impl QueryId for Ready {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;

    fn query_id() -> Option<TypeId> {
        current_id()
    }
}

impl Query for Ready {
    type SqlType = sql_types::Untyped;
}
