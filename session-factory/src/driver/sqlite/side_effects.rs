//! The possible side effects of a SQL text: it may end the transaction, or change what outlives it.
//!
//! The driver has no lexer for SQLite. It recognizes a few harmless forms by their first bytes; for every other
//! text, it asks the database (see [`raw_access`](super::raw_access)).

/// The side effects that a text may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SideEffects {
    pub(super) end: End,
    /// True if the text may change the connection for its next borrower.
    pub(super) may_change: bool,
    /// True if the text requests a checkpoint. SQLite's error for a checkpoint does not mention checkpoints.
    pub(super) checkpoints: bool,
}

/// What a text may do to the transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It cannot end the transaction.
    Never,
    /// It may end the transaction and begin another one.
    Possible,
    /// It is `ROLLBACK` and nothing else. If no transaction is open after it, the transaction was rolled back.
    Rollback,
}

impl SideEffects {
    pub(super) const NONE: Self = Self {
        end: End::Never,
        may_change: false,
        checkpoints: false,
    };

    /// Returns the side effects of a prepared text. SQLite prepares only the text's first statement.
    pub(super) fn of_prepared(sql: &str) -> Self {
        Self::of(sql, true)
    }

    /// Returns the side effects of a text whose statements all run.
    pub(super) fn of_batch(sql: &str) -> Self {
        Self::of(sql, !trimmed(sql).contains(';'))
    }

    fn of(sql: &str, one_statement: bool) -> Self {
        if one_statement && begins_with(sql, &PLAIN) {
            return Self::NONE;
        }
        let cannot_end = one_statement && begins_with(sql, &SCHEMA) || is_savepoint_control(sql);
        Self {
            end: match cannot_end {
                true => End::Never,
                false if is_rollback(sql) => End::Rollback,
                false => End::Possible,
            },
            may_change: CHANGING.iter().any(|word| mentions(sql, word)),
            checkpoints: mentions(sql, "WAL_CHECKPOINT"),
        }
    }
}

/// A single statement that begins with such a word ends a transaction only if it fails.
const PLAIN: [&str; 7] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES",
];
/// The same is true of a statement that begins with one of these, but it may change the temporary schema.
const SCHEMA: [&str; 5] = ["CREATE", "DROP", "ALTER", "ANALYZE", "REINDEX"];
/// Every statement that changes a connection contains one of these words, by SQLite's grammar.
const CHANGING: [&str; 4] = ["PRAGMA", "ATTACH", "DETACH", "TEMP"];

fn mentions(sql: &str, word: &str) -> bool {
    sql.as_bytes()
        .windows(word.len())
        .any(|bytes| bytes.eq_ignore_ascii_case(word.as_bytes()))
}

/// True if the text begins with one of these words, after spaces.
pub(super) fn begins_with(sql: &str, words: &[&str]) -> bool {
    let sql = sql.trim_ascii_start().as_bytes();
    words.iter().any(|word| {
        sql.get(..word.len())
            .is_some_and(|first| first.eq_ignore_ascii_case(word.as_bytes()))
            && !sql.get(word.len()).copied().is_some_and(is_of_word)
    })
}

/// Returns the text without spaces around it and without semicolons at its end.
fn trimmed(sql: &str) -> &str {
    sql.trim_matches(|char: char| char.is_ascii_whitespace() || char == ';')
}

/// True for `SAVEPOINT a`, `RELEASE a` or `ROLLBACK TO a` and nothing else. None of them ends a
/// transaction that began with BEGIN. The names of the session's own savepoints and marks are
/// excluded.
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

/// True for `ROLLBACK` or `ROLLBACK TRANSACTION` and nothing else.
fn is_rollback(sql: &str) -> bool {
    let mut words = trimmed(sql).split_ascii_whitespace();
    let words = [words.next(), words.next(), words.next()];
    let is = |word: &str, other: &str| word.eq_ignore_ascii_case(other);
    match words {
        [Some(first), None, None] => is(first, "ROLLBACK"),
        [Some(first), Some(second), None] => is(first, "ROLLBACK") && is(second, "TRANSACTION"),
        _ => false,
    }
}

fn is_simple(name: &str) -> bool {
    let bytes = name.as_bytes();
    bytes.first().is_some_and(|first| !first.is_ascii_digit())
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
        && !mentions(name, "session_factory")
}

/// True for a byte of a word, as in SQLite's tokenizer.
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
        // SQLite does not run the second statement.
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
            assert_ne!(SideEffects::of_batch(sql).end, End::Never, "{sql}");
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
    fn rollback_alone_is_known_by_its_words() {
        for sql in ["ROLLBACK", " rollback\ttransaction;\n", "Rollback;"] {
            assert_eq!(SideEffects::of_batch(sql).end, End::Rollback, "{sql}");
            assert_eq!(SideEffects::of_prepared(sql).end, End::Rollback, "{sql}");
        }
        for sql in [
            "",
            "ROLLBACK TO a",
            "ROLLBACK TRANSACTION a",
            "ROLLBACK; BEGIN",
            "ROLLBACK TRANSACTION; COMMIT",
            "/**/ROLLBACK",
            "COMMIT",
        ] {
            assert_ne!(SideEffects::of_batch(sql).end, End::Rollback, "{sql}");
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
