//! A statement's SQL with its binds, and a stream of its rows.

use diesel::QueryResult;
use diesel::mysql::{Mysql, MysqlQueryBuilder, MysqlType};
use diesel::query_builder::bind_collector::RawBytesBindCollector;
use diesel::query_builder::{CollectedQuery, QueryBuilder, QueryFragment};
use futures_util::stream::BoxStream;

use super::protocol::MysqlRow;

pub(super) type Rows<'conn> = BoxStream<'conn, QueryResult<MysqlRow>>;

/// A statement's SQL and binds.
pub(super) struct Query {
    pub(super) sql: String,
    pub(super) types: Vec<MysqlType>,
    pub(super) binds: Vec<Option<Vec<u8>>>,
    pub(super) is_cacheable: bool,
}

impl Query {
    pub(super) fn of(query: &dyn QueryFragment<Mysql>) -> QueryResult<Self> {
        let mut collector = RawBytesBindCollector::<Mysql>::new();
        query.collect_binds(&mut collector, &mut (), &Mysql)?;
        let mut sql = MysqlQueryBuilder::new();
        query.to_sql(&mut sql, &Mysql)?;
        Ok(Self {
            sql: sql.finish(),
            types: collector.metadata,
            binds: collector.binds,
            is_cacheable: query.is_safe_to_cache_prepared(&Mysql)?,
        })
    }

    /// Returns the query in the form that diesel-async's own client takes.
    pub(super) fn collected(self) -> CollectedQuery<RawBytesBindCollector<Mysql>> {
        let mut binds = RawBytesBindCollector::new();
        binds.metadata = self.types;
        binds.binds = self.binds;
        CollectedQuery::new(self.sql, self.is_cacheable, binds)
    }
}
