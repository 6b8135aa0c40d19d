//! The side effects of SQL that its command tag does not report.

use super::calls::{self, is_clear};
use super::effects::Effects;
use super::lexer::{Lexer, Token};
use super::names::{self, Move};

/// Names through which SQL can change the server session without a function call: `pg_settings`, which can be updated
/// like a table, and the schema of temporary objects.
const SESSION_CHANGES: [&[u8]; 2] = [b"pg_settings", b"pg_temp"];

/// What a statement may do. A false positive costs a reset; a false negative would leak state to the next borrower.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SideEffects {
    pub(crate) kinds: Effects,
    /// Number of transaction-local SETs; 0 if the SQL also has a SET of another kind.
    pub(crate) local_sets: u32,
    /// How the SQL changes what names resolve to.
    pub(crate) moves: Option<Move>,
    /// A hash of the SQL, if a function that it calls may change what names resolve to; else 0.
    pub(crate) key: u64,
}

impl SideEffects {
    /// The side effects of SQL that the driver does not read.
    pub(crate) const ANY: Self = Self {
        kinds: Effects::all().difference(Effects::IRREVERSIBLE),
        local_sets: 0,
        moves: Some(Move::ANYWHERE),
        key: 0,
    };

    #[cfg(test)]
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads a Query or Parse message's SQL.
pub(crate) fn read(text: &[u8]) -> SideEffects {
    if escapes_a_name(text) {
        // The escaped name may be any: for example a setting's, or `seed`.
        return SideEffects {
            kinds: SideEffects::ANY.kinds | Effects::IRREVERSIBLE.when(sets(text)),
            ..SideEffects::ANY
        };
    }
    let calls = calls::read(text);
    let local_sets = local_sets(text);
    let sets = calls.contains(Effects::CONFIGURES) || local_sets > 0;
    let changes = changes_session(text) || makes_temporary(text);
    let kinds = calls
        | Effects::CHANGES_SESSION.when(changes)
        | Effects::IRREVERSIBLE.when(sets_seed(text, calls))
        // The isolation level decides whether COMMIT can fail, so a statement that sets it needs COMMIT.
        | Effects::NEEDS_COMMIT.when(sets && names_a_transaction(text))
        | Effects::DEFINES.when(defines(text));
    let moves = moves(text, calls, local_sets);
    // The name of the temporary schema may be bound, computed, or written as two literals.
    let hides_a_path =
        calls.contains(Effects::CONFIGURES) || moves.is_some() && text.contains(&b'\'');
    SideEffects {
        kinds: kinds | Effects::HIDES_A_PATH.when(hides_a_path),
        local_sets,
        moves,
        key: if kinds.intersects(Effects::CONFIGURES | Effects::UNKNOWN) {
            names::key(text)
        } else {
            0
        },
    }
}

/// True if the text may name `transaction_isolation` or a similar setting.
pub(crate) fn names_a_transaction(text: &[u8]) -> bool {
    contains(text, b"transaction")
}

/// True for `SET [LOCAL] seed`: neither the transaction's end nor a reset restores the sequence of `random()`.
fn sets_seed(text: &[u8], calls: Effects) -> bool {
    if !contains(text, b"seed") {
        return false;
    }
    calls.contains(Effects::CONFIGURES) || !is_clear(text) || sets(text)
}

/// True if a statement begins with SET.
fn sets(text: &[u8]) -> bool {
    let mut begins = true;
    let sets = |token| {
        let first = std::mem::replace(&mut begins, token == Token::Semicolon);
        matches!(token, Token::Word(word) if first && is_word(word, &["set"]))
    };
    Lexer::new(text).any(sets)
}

/// True if a name may have Unicode escapes, as in `U&"pg\005fsettings"`.
fn escapes_a_name(text: &[u8]) -> bool {
    text.contains(&b'&') && contains(text, b"u&\"")
}

fn changes_session(text: &[u8]) -> bool {
    SESSION_CHANGES.iter().any(|needle| contains(text, needle))
}

fn contains(text: &[u8], needle: &[u8]) -> bool {
    let mut windows = text.windows(needle.len());
    windows.any(|window| window.eq_ignore_ascii_case(needle))
}

/// True for SQL such as `CREATE TEMP TABLE … AS` and `SELECT … INTO TEMP`, whose command tag is that of the query.
fn makes_temporary(text: &[u8]) -> bool {
    const BEFORE: [&str; 5] = ["create", "into", "local", "global", "replace"];
    let mut makes = false;
    for token in Lexer::new(text) {
        let Token::Word(word) = token else {
            makes = false;
            continue;
        };
        if makes && is_word(word, &["temp", "temporary"]) {
            return true;
        }
        makes = is_word(word, &BEFORE);
    }
    false
}

/// Number of `SET LOCAL` and `SET TRANSACTION` statements; 0 if the SQL has a SET of another kind.
fn local_sets(text: &[u8]) -> u32 {
    if !is_clear(text) {
        return 0;
    }
    let mut found = 0;
    let mut tokens = Lexer::new(text);
    let mut begins = true;
    while let Some(token) = tokens.next() {
        let word = match token {
            Token::Word(word) if begins => word,
            _ => {
                begins = token == Token::Semicolon;
                continue;
            }
        };
        begins = false;
        if word.eq_ignore_ascii_case(b"set") {
            let scope = tokens.next();
            let is = |scope_is: &[u8]| matches!(scope, Some(Token::Word(word)) if word.eq_ignore_ascii_case(scope_is));
            // `local.a` is a custom setting, not a scope.
            let is_scope = matches!(tokens.next(), Some(Token::Word(_) | Token::Name(_)));
            if !is_scope || !is(b"local") && !is(b"transaction") {
                return 0;
            }
            found += 1;
        }
    }
    found
}

/// The settings that decide what names resolve to. The role is one, because the search path may contain `"$user"`.
const PATHS: [&[u8]; 4] = [b"search_path", b"schema", b"role", b"session_authorization"];

/// If the SQL contains one of these words, the setting's value after the SQL is unknown.
const UNCLEAR: [&str; 7] = [
    "begin", "start", "commit", "end", "rollback", "abort", "prepare",
];

fn moves(text: &[u8], calls: Effects, local_sets: u32) -> Option<Move> {
    let configures = calls.contains(Effects::CONFIGURES);
    if !(configures || sets_a_path(text) || changes_session(text) && contains(text, b"search_path"))
    {
        return None;
    }
    let stays = calls.contains(Effects::CHANGES_SESSION) || local_sets == 0 && !configures;
    if configures && !sets_a_path(text) {
        let is_quoted = |path: &&[u8]| contains(text, &[b"'" as &[u8], path, b"'"].concat());
        if !PATHS.iter().any(is_quoted) {
            return None;
        }
    }
    let is_unclear = |token| matches!(token, Token::Word(word) if is_word(word, &UNCLEAR));
    let is_clear = is_clear(text) && !Lexer::new(text).any(is_unclear);
    Some(Move {
        key: is_clear.then(|| names::key(text)),
        stays,
    })
}

/// True if a Bind message binds the name of a setting in [`PATHS`].
pub(crate) fn binds_a_path(body: &[u8]) -> bool {
    let is_bound = |path: &&[u8]| {
        let length = u32::try_from(path.len()).unwrap_or_default().to_be_bytes();
        contains(body, &[&length as &[u8], path].concat())
    };
    PATHS.iter().any(is_bound)
}

/// True for SQL such as `SET search_path`, `SET LOCAL ROLE`, `RESET ALL`.
fn sets_a_path(text: &[u8]) -> bool {
    if !is_clear(text) {
        return contains(text, b"set") && PATHS.iter().any(|path| contains(text, path));
    }
    let mut begins = true;
    let mut sets = false;
    for token in Lexer::new(text) {
        let word = match token {
            Token::Word(word) => word,
            Token::Name([b'"', name @ .., b'"']) => name,
            Token::Semicolon => {
                begins = true;
                continue;
            }
            _ => {
                (begins, sets) = (false, false);
                continue;
            }
        };
        if begins {
            sets = is_word(word, &["set", "reset", "discard"]);
        } else if sets
            && is_word(
                word,
                &["all", "authorization", "search_path", "schema", "role"],
            )
        {
            return true;
        } else {
            // LOCAL or SESSION may precede the name.
            sets &= is_word(word, &["local", "session"]);
        }
        begins = false;
    }
    false
}

/// True for SQL such as `CREATE TABLE … AS` and `SELECT … INTO`, whose command tag is that of the query.
fn defines(text: &[u8]) -> bool {
    let mut last: &[u8] = b"";
    for token in Lexer::new(text) {
        let Token::Word(word) = token else {
            last = b"";
            continue;
        };
        if is_word(word, &["create"])
            || is_word(word, &["into"]) && !is_word(last, &["insert", "merge"])
        {
            return true;
        }
        last = word;
    }
    false
}

fn is_word(word: &[u8], words: &[&str]) -> bool {
    words
        .iter()
        .any(|known| word.eq_ignore_ascii_case(known.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn effects(text: &str) -> SideEffects {
        read(text.as_bytes())
    }

    fn has(text: &str, kind: Effects) -> bool {
        effects(text).kinds.contains(kind)
    }

    #[test]
    fn a_path_that_the_text_does_not_show_is_noticed() {
        for text in [
            "SELECT set_config($1, $2, true)",
            "SET LOCAL search_path TO 'pg_'\n'temp'",
            "SET LOCAL SCHEMA 'a'",
        ] {
            assert!(has(text, Effects::HIDES_A_PATH), "{text}");
        }
        for text in ["SET LOCAL search_path TO a", "SET LOCAL work_mem = '1MB'"] {
            assert!(!has(text, Effects::HIDES_A_PATH), "{text}");
        }
    }

    #[test]
    fn what_changes_the_session_is_found_in_any_case() {
        for text in [
            "select SET_CONFIG('a', 'b', false)",
            "UPDATE PG_settings SET setting = '1'",
            "CREATE FUNCTION pg_temp.f() RETURNS int",
        ] {
            assert!(has(text, Effects::CHANGES_SESSION), "{text}");
        }
        assert!(effects("SELECT * FROM settings").is_none());
        assert!(has("SELECT pg_notify('a', 'b')", Effects::NOTIFIES));
    }

    #[test]
    fn a_name_with_unicode_escapes_may_be_any() {
        for text in [
            "UPDATE U&\"pg\\005fsettings\" SET setting = '1'",
            "SET u&\"s!0065ed\" UESCAPE '!' = 0.5",
            "SELECT 1 FROM a WHERE b = 1;SET LOCAL U&\"search\\005fpath\" TO a",
        ] {
            let effects = effects(text);
            let is_set = text.contains("0065ed") || text.contains("SET LOCAL");
            assert!(effects.kinds.contains(SideEffects::ANY.kinds), "{text}");
            assert_eq!(
                effects.kinds.contains(Effects::IRREVERSIBLE),
                is_set,
                "{text}"
            );
            assert_eq!(effects.moves, Some(Move::ANYWHERE), "{text}");
        }
        assert!(effects("SELECT 1 & 2 AS \"a\", u & b FROM c").is_none());
    }

    #[test]
    fn temporary_tables_are_found_however_they_are_spelt() {
        for text in [
            "CREATE TEMPORARY TABLE a AS SELECT 1",
            "create\n temp\ttable a as select 1",
            "CREATE LOCAL TEMP TABLE a AS SELECT 1",
            "SELECT 1 AS a INTO/**/TEMP b",
            "CREATE OR REPLACE TEMP VIEW a AS SELECT 1",
        ] {
            assert!(has(text, Effects::CHANGES_SESSION), "{text}");
        }
        assert!(effects("SELECT temp FROM weather").is_none());
        assert!(effects("SELECT 'create temp'").is_none());
    }

    #[test]
    fn names_move_with_the_path_and_the_role_and_with_nothing_else() {
        for (text, stays) in [
            ("SET LOCAL search_path TO a", false),
            ("set search_path = a, b", true),
            ("SET LOCAL SCHEMA 'a'", false),
            ("SET \"search_path\" TO a", true),
            ("SELECT 1; SET LOCAL ROLE a", false),
            ("SET SESSION AUTHORIZATION a", true),
            ("RESET ALL", true),
            ("SELECT set_config('search_path', $1, true)", false),
            ("SELECT set_config('SEARCH_PATH', 'a', false)", true),
        ] {
            let moves = effects(text).moves;
            assert_eq!(
                moves.map(|to| (to.stays, to.key.is_some())),
                Some((stays, true)),
                "{text}"
            );
        }
        for text in [
            "SET LOCAL app.role = 'a'",
            "SET LOCAL work_mem = '77MB'",
            "SELECT set_config('app.role', 'a role', true)",
            "SELECT role FROM users",
            "UPDATE users SET role = 'a'",
        ] {
            assert_eq!(effects(text).moves, None, "{text}");
        }
        let unclear = effects("SET search_path = a; ROLLBACK").moves;
        assert_eq!(unclear.map(|to| to.key), Some(None));
        assert!(binds_a_path(b"\0s1\0\0\0\0\x0bsearch_path"));
        assert!(!binds_a_path(b"\0s1\0\0\0\0\x08app.role"));
    }

    #[test]
    fn what_is_created_without_a_tag_is_found() {
        for text in ["CREATE TABLE a AS SELECT 1", "SELECT 1 AS a INTO b"] {
            assert!(has(text, Effects::DEFINES), "{text}");
        }
        for text in [
            "INSERT INTO a SELECT 1",
            "SELECT 'create'",
            "SELECT created FROM a",
        ] {
            assert!(!has(text, Effects::DEFINES), "{text}");
        }
    }

    #[test]
    fn a_set_that_ends_with_the_transaction_is_told_from_one_that_stays() {
        for (text, local, needs_commit) in [
            ("SET LOCAL work_mem = '77MB'", 1, false),
            (
                "set local a.b to 'c; SET d'; SELECT 1; SET/**/LOCAL ROLE reader",
                2,
                false,
            ),
            ("SET TRANSACTION READ ONLY", 1, true),
            ("SET LOCAL transaction_isolation = 'serializable'", 1, true),
            ("SET LOCAL a = 1; SET a = 1", 0, false),
            ("SET a = 1; SET LOCAL a = 1", 0, false),
            ("SET local.a = 1", 0, false),
            ("SET transaction.a = 1", 0, false),
            ("SET LOCAL a = '\\'", 0, false),
            ("UPDATE t SET local = 1", 0, false),
        ] {
            let effects = effects(text);
            assert_eq!(
                (
                    effects.local_sets,
                    effects.kinds.contains(Effects::NEEDS_COMMIT)
                ),
                (local, needs_commit),
                "{text}"
            );
        }
        let needs_commit = |text| has(text, Effects::NEEDS_COMMIT);
        assert!(needs_commit(
            "SELECT set_config('transaction_isolation', $1, true)"
        ));
        assert!(!needs_commit("SELECT set_config('app.tenant', $1, true)"));
    }

    #[test]
    fn a_seed_costs_the_connection_and_a_column_of_that_name_nothing() {
        for text in [
            "SET seed = 0.5",
            "SET LOCAL \"seed\" TO 0.5",
            "SELECT 1; set session SEED = 0.5",
            "SELECT set_config('seed', '0.5', true)",
            "SELECT setseed(0.5)",
        ] {
            assert!(has(text, Effects::IRREVERSIBLE), "{text}");
        }
        for text in [
            "UPDATE \"plants\" SET \"seed\" = $1 WHERE (\"plants\".\"id\" = $2)",
            "SELECT seed FROM plants",
            "SET LOCAL work_mem = 1000",
        ] {
            assert!(!has(text, Effects::IRREVERSIBLE), "{text}");
        }
    }
}
