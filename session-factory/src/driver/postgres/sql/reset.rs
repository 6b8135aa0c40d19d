//! The SQL that resets a server session.

use std::borrow::Cow;

/// Undoes what a session may have left in the server session. It keeps prepared statements, because the client's cache
/// lists them. `RESET ALL` also resets the time zone and encoding that diesel relies on, so both are set again.
pub(crate) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; \
     SET TIME ZONE 'UTC'; SET CLIENT_ENCODING TO 'UTF8'; \
     UNLISTEN *; SELECT pg_advisory_unlock_all(); CLOSE ALL; DISCARD TEMP; DISCARD SEQUENCES";

/// Closes dblink's connections in the server session, named and unnamed, because an unknown function may have opened
/// some. If closing fails, the reset fails and the pool closes the connection.
const DISCONNECT: &str = "DO $session_factory$ DECLARE place text; BEGIN \
     SELECT nspname INTO place FROM pg_catalog.pg_extension \
     JOIN pg_catalog.pg_namespace ON pg_namespace.oid OPERATOR(pg_catalog.=) extnamespace \
     WHERE extname OPERATOR(pg_catalog.=) 'dblink'; \
     IF NOT FOUND THEN RETURN; END IF; \
     EXECUTE pg_catalog.format('SELECT pg_catalog.count(%1$I.dblink_disconnect(link)) \
     FROM pg_catalog.unnest(%1$I.dblink_get_connections()) AS link', place); \
     BEGIN EXECUTE pg_catalog.format('SELECT %I.dblink_disconnect()', place); \
     EXCEPTION WHEN connection_does_not_exist THEN NULL; END; END $session_factory$";

/// Returns the reset's SQL. `opaque`: statements ran whose effects their text does not show.
pub(crate) fn text(opaque: bool) -> Cow<'static, str> {
    if opaque {
        format!("{RESET}; {DISCONNECT}").into()
    } else {
        RESET.into()
    }
}

/// Returns the reset's SQL for a connection behind a pooler. It shares the message with the transaction's end, because
/// the pooler may send any later message to another server session.
pub(crate) fn behind_a_pooler(ending: &str, opaque: bool, deallocate: bool) -> String {
    let deallocate = if deallocate { "; DEALLOCATE ALL" } else { "" };
    format!("{ending}; {}{deallocate}", text(opaque))
}
