//! What a text of SQL may do besides its work: end the transaction, or change what outlives it.
//!
//! No lexer reads the text. Few forms prove by their bytes that they do neither; every other text is suspected, and
//! the database is asked (see [`raw_access`](super::raw_access)).

/// What has to be done around a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SideEffects {
    /// It may end the transaction, and begin another one in its place.
    pub(super) may_end: bool,
    /// It may change the connection for whoever has it next.
    pub(super) may_change: bool,
    /// It asks for a checkpoint, whose error says nothing of that.
    pub(super) checkpoints: bool,
}

impl SideEffects {
    pub(super) const NONE: Self = Self {
        may_end: false,
        may_change: false,
        checkpoints: false,
    };

    /// Of a text that is prepared: SQLite takes its first statement, and no other.
    pub(super) fn of_prepared(sql: &str) -> Self {
        Self::of(sql, true)
    }

    /// Of a text that is run to its end.
    pub(super) fn of_batch(sql: &str) -> Self {
        Self::of(sql, !trimmed(sql).contains(';'))
    }

    fn of(sql: &str, one_statement: bool) -> Self {
        if one_statement && begins_with(sql, &PLAIN) {
            return Self::NONE;
        }
        let cannot_end = one_statement && begins_with(sql, &SCHEMA) || is_savepoint_control(sql);
        Self {
            may_end: !cannot_end,
            may_change: CHANGING.iter().any(|word| mentions(sql, word)),
            checkpoints: mentions(sql, "WAL_CHECKPOINT"),
        }
    }
}

/// One such statement ends a transaction only by failing.
const PLAIN: [&str; 7] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES",
];
/// As are these. They may name the temporary schema.
const SCHEMA: [&str; 5] = ["CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX"];
/// SQLite's grammar has no other way to spell the statements that change a connection.
const CHANGING: [&str; 4] = ["PRAGMA", "ATTACH", "DETACH", "TEMP"];

fn mentions(sql: &str, word: &str) -> bool {
    sql.as_bytes()
        .windows(word.len())
        .any(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
}

/// Whether one of these words is the first of the text, with spaces in front of it at most.
pub(super) fn begins_with(sql: &str, words: &[&str]) -> bool {
    let sql = sql.trim_ascii_start().as_bytes();
    words.iter().any(|word| {
        sql.get(..word.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(word.as_bytes()))
            && !sql.get(word.len()).copied().is_some_and(is_of_word)
    })
}

/// Without the spaces around it and the semicolons at its end.
fn trimmed(sql: &str) -> &str {
    sql.trim_matches(|char: char| char.is_ascii_whitespace() || char == ';')
}

/// `SAVEPOINT a`, `RELEASE a` or `ROLLBACK TO a` and nothing else: inside of a transaction none of them ends it. The
/// session's own savepoints and marks are not among the names.
fn is_savepoint_control(sql: &str) -> bool {
    if sql.trim_ascii_start().starts_with(';') {
        return false;
    }
    let mut words = trimmed(sql).split_ascii_whitespace();
    let mut next = || words.next().unwrap_or_default();
    let mut word = next();
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    if is(word, "ROLLBACK") {
        word = next();
        if is(word, "TRANSACTION") {
            word = next();
        }
        if !is(word, "TO") {
            return false;
        }
    } else if !is(word, "SAVEPOINT") && !is(word, "RELEASE") {
        return false;
    }
    let is_savepoint = is(word, "SAVEPOINT");
    let mut name = next();
    if !is_savepoint && is(name, "SAVEPOINT") {
        name = next();
    }
    is_simple(name) && next().is_empty()
}

fn is_simple(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|first| !first.is_ascii_digit())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && !mentions(name, "session_factory")
}

/// As SQLite's tokenizer has it.
fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'$' || !byte.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_plain_statement_is_proven_by_its_first_word_and_by_having_no_semicolon() {
        for sql in [
            "SELECT 1",
            "\n\tinsert into items values ('commit')",
            "UPDATE a SET b = 1; ;\n",
            "WITH a AS (SELECT 1) SELECT * FROM a",
            "VALUES(1)",
            "SELECT count(*) FROM pragma_table_info('temp')",
        ] {
            assert_eq!(SideEffects::of_batch(sql), SideEffects::NONE, "{sql}");
            assert_eq!(SideEffects::of_prepared(sql), SideEffects::NONE, "{sql}");
        }
        // Nobody runs the second.
        let several = "SELECT 1; COMMIT";
        assert_eq!(SideEffects::of_prepared(several), SideEffects::NONE);
    }

    #[test]
    fn every_other_text_may_end_the_transaction() {
        for sql in [
            "SELECT 1; COMMIT",
            "SELECT ';'",
            "COMMIT",
            ";COMMIT",
            "\u{feff}COMMIT",
            "\u{b}SELECT 1",
            "/* a */ SELECT 1",
            "-- a\nSELECT 1",
            "SELECT1",
            "SELECTé",
            "EXPLAIN SELECT 1",
            "PRAGMA user_version",
            "VACUUM",
            "CREATE TABLE trigger (a INTEGER); ROLLBACK; BEGIN",
            "END",
            "",
            "ROLLBACK TRANSACTION a",
            "ROLLBACK TO",
            "ROLLBACK TO a; BEGIN",
            ";ROLLBACK TO a",
            "ROLLBACK TO \"a\"",
            "ROLLBACK TO a b",
            "ROLLBACK/**/TO a",
            "SAVEPOINT session_factory_1",
            "RELEASE Session_Factory_1",
            "SAVEPOINT 1a",
            "SAVEPOINT SAVEPOINT a",
        ] {
            assert!(SideEffects::of_batch(sql).may_end, "{sql}");
        }
    }

    #[test]
    fn savepoints_of_the_bodys_own_are_no_ends() {
        for sql in [
            "SAVEPOINT a",
            " savepoint A1_;",
            "RELEASE a",
            "Release\x0cSavepoint a;",
            "ROLLBACK TO a",
            "ROLLBACK TRANSACTION TO SAVEPOINT a ; ",
            "CREATE TABLE a (b)",
            "drop index a;",
        ] {
            assert_eq!(SideEffects::of_batch(sql), SideEffects::NONE, "{sql}");
        }
    }

    #[test]
    fn what_may_outlive_the_transaction_is_suspected_by_the_words_that_it_needs() {
        for sql in [
            "PRAGMA cache_size = 1",
            "EXPLAIN PRAGMA cache_size = 1",
            "/**/Attach 'x' AS y",
            "DETACH y",
            "CREATE TEMP TABLE a (b)",
            "SELECT 1; create temporary view v as select 1",
            "CREATE TABLE IF NOT EXISTS \"temp\" . a (b)",
            "create view [TEMP].v as select 1",
            "CREATE VIRTUAL TABLE 'temp'.a USING fts5(b)",
        ] {
            assert!(SideEffects::of_batch(sql).may_change, "{sql}");
        }
        for sql in [
            "CREATE TABLE a (b); CREATE TABLE c (d)",
            "-- a\nSELECT 1",
            "SELECT 1 AS temperature",
        ] {
            assert!(!SideEffects::of_batch(sql).may_change, "{sql}");
        }
    }
}
