//! What the server reports about itself.

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};
use diesel_async::RunQueryDsl;
use session_factory::{Session, with_session};

use super::AppDb;

/// What the server reports about itself and this connection.
#[derive(Debug, QueryableByName)]
pub(crate) struct Server {
    /// `PostgreSQL 15.18 on …`
    #[diesel(sql_type = Text)]
    pub(crate) version: String,
    #[diesel(sql_type = Bool)]
    encrypted: bool,
    #[diesel(sql_type = Nullable<Text>)]
    tls_version: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    cipher: Option<String>,
    #[diesel(sql_type = BigInt)]
    max_connections: i64,
    /// Reserved for administrators.
    #[diesel(sql_type = BigInt)]
    reserved: i64,
    /// The database's limit; below zero for none.
    #[diesel(sql_type = BigInt)]
    database_limit: i64,
    /// The user's limit; below zero for none.
    #[diesel(sql_type = BigInt)]
    user_limit: i64,
}

const QUESTIONS: &str = "\
SELECT version() AS version,
       coalesce(tls.ssl, false) AS encrypted,
       tls.version AS tls_version,
       tls.cipher,
       current_setting('max_connections')::bigint AS max_connections,
       current_setting('superuser_reserved_connections')::bigint
           + coalesce(current_setting('reserved_connections', true), '0')::bigint AS reserved,
       (SELECT datconnlimit::bigint FROM pg_database WHERE datname = current_database()) AS database_limit,
       (SELECT rolconnlimit::bigint FROM pg_roles WHERE rolname = current_user) AS user_limit
FROM (SELECT pg_backend_pid() AS pid) AS me LEFT JOIN pg_stat_ssl AS tls USING (pid)";

/// Queries all of it in one round trip.
#[with_session(read_only)]
pub(crate) async fn ask(db: &mut Session<AppDb>) -> QueryResult<Server> {
    diesel::sql_query(QUESTIONS).get_result(db).await
}

impl Server {
    /// The connection's encryption, in words.
    pub(crate) fn tls(&self) -> String {
        match (&self.tls_version, &self.cipher) {
            (Some(version), Some(cipher)) if self.encrypted => format!("{version}, {cipher}"),
            _ => "off: what is sent can be read on the way".to_owned(),
        }
    }

    /// The connections that the application can have, if no other client needs them.
    pub(crate) fn available(&self) -> u64 {
        let limits = [
            self.max_connections - self.reserved,
            self.database_limit,
            self.user_limit,
        ];
        let least = limits.into_iter().filter(|limit| *limit >= 0).min();
        least
            .and_then(|limit| u64::try_from(limit).ok())
            .unwrap_or(0)
    }

    /// The limits that led to that number.
    pub(crate) fn limits(&self) -> String {
        let others: Vec<_> = [("database", self.database_limit), ("user", self.user_limit)]
            .into_iter()
            .filter(|(_, limit)| *limit >= 0)
            .map(|(of, limit)| format!(", limit of the {of} {limit}"))
            .collect();
        format!(
            "max_connections {}, {} reserved{}",
            self.max_connections,
            self.reserved,
            others.concat()
        )
    }
}
