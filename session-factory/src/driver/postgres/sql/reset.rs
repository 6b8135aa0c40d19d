//! The text that puts a server session back.

use std::borrow::Cow;

/// Undoes everything a session may have left on the server side, except prepared statements: those are
/// the client's cache. `RESET ALL` also forgets the time zone that diesel relies on.
pub(crate) const RESET: &str = "RESET SESSION AUTHORIZATION; RESET ROLE; RESET ALL; \
     SET TIME ZONE 'UTC'; SET CLIENT_ENCODING TO 'UTF8'; \
     UNLISTEN *; SELECT pg_advisory_unlock_all(); CLOSE ALL; DISCARD TEMP; DISCARD SEQUENCES";

/// Closes the connections that dblink keeps open in the server session, under a name and without one. What ran may have
/// opened them where nobody could see it. Where that cannot be done the reset fails, which costs the connection.
const DISCONNECT: &str = "DO $session_factory$ DECLARE place text; BEGIN \
     SELECT nspname INTO place FROM pg_catalog.pg_extension \
     JOIN pg_catalog.pg_namespace ON pg_namespace.oid OPERATOR(pg_catalog.=) extnamespace \
     WHERE extname OPERATOR(pg_catalog.=) 'dblink'; \
     IF NOT FOUND THEN RETURN; END IF; \
     EXECUTE pg_catalog.format('SELECT pg_catalog.count(%1$I.dblink_disconnect(link)) \
     FROM pg_catalog.unnest(%1$I.dblink_get_connections()) AS link', place); \
     BEGIN EXECUTE pg_catalog.format('SELECT %I.dblink_disconnect()', place); \
     EXCEPTION WHEN connection_does_not_exist THEN NULL; END; END $session_factory$";

/// The text that resets a session.
pub(crate) fn text(opaque: bool) -> Cow<'static, str> {
    if opaque {
        format!("{RESET}; {DISCONNECT}").into()
    } else {
        RESET.into()
    }
}

/// The same behind a pooler, in the message that ends the transaction: any later one may be another session's.
pub(crate) fn behind_a_pooler(ending: &str, opaque: bool, deallocate: bool) -> String {
    let deallocate = if deallocate { "; DEALLOCATE ALL" } else { "" };
    format!("{ending}; {}{deallocate}", text(opaque))
}
