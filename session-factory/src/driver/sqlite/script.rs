//! What a text of SQL does to the transaction and to its connection, as far as its words tell.
//!
//! SQLite says whether there is a transaction, and not whether it is still the same one: `ROLLBACK; BEGIN` in
//! one text would pass for nothing at all.

/// What a statement is to the transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    Commit,
    /// Of the whole transaction.
    Rollback,
    Begin,
    /// Outside of a transaction it begins one.
    Savepoint(String),
    Release(String),
    /// It changes nothing in the file.
    Look,
    /// Anything else.
    Work,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Control {
    pub(super) kind: Kind,
    /// Something is changed that outlives the transaction.
    pub(super) unclean: bool,
}

/// One statement of a text.
#[derive(Debug)]
pub(super) struct Statement<'sql> {
    pub(super) text: &'sql str,
    pub(super) kind: Kind,
    pub(super) unclean: bool,
}

impl Kind {
    /// It may have ended a transaction, or begun one.
    pub(super) fn is_control(&self) -> bool {
        !matches!(self, Self::Look | Self::Work)
    }
}

/// Statements that cannot end a transaction, unless another one follows in the same text.
const PLAIN: [&str; 7] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES",
];

/// One plain statement: there is nothing to look after.
pub(super) fn is_plain(sql: &str) -> bool {
    let several = sql.trim_end().trim_end_matches(';').contains(';');
    !several && begins_with(sql, &PLAIN)
}

/// What the first statement of a text does. (Of a text that is prepared SQLite takes no other.) None for a plain one.
pub(super) fn first(sql: &str) -> Option<Control> {
    if begins_with(sql, &PLAIN) {
        return None;
    }
    statements(sql)
        .next()
        .map(|Statement { kind, unclean, .. }| Control { kind, unclean })
}

fn kind(words: &[String]) -> Kind {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let name = |name: &str| name.trim_start_matches(QUOTE).to_owned();
    match words.as_slice() {
        ["COMMIT" | "END", ..] => Kind::Commit,
        ["ROLLBACK", rest @ ..] if !rest.contains(&"TO") => Kind::Rollback,
        ["BEGIN", ..] => Kind::Begin,
        ["SAVEPOINT", savepoint, ..] => Kind::Savepoint(name(savepoint)),
        ["RELEASE", "SAVEPOINT", savepoint, ..] | ["RELEASE", savepoint, ..] => {
            Kind::Release(name(savepoint))
        }
        [
            "SELECT" | "VALUES" | "EXPLAIN" | "PRAGMA" | "ROLLBACK" | "ATTACH" | "DETACH",
            ..,
        ] => Kind::Look,
        ["WITH", rest @ ..] if !rest.iter().any(|word| PLAIN[1..5].contains(word)) => Kind::Look,
        _ => Kind::Work,
    }
}

/// A name of the temporary schema may be written in quotes, and with spaces around its point. What only looks like
/// one costs a connection, no more.
fn is_unclean(words: &[String]) -> bool {
    let temporary = |word: &String| {
        let word = word.trim_start_matches(QUOTE);
        word == "TEMP" || word == "TEMPORARY"
    };
    match words.first().map(String::as_str) {
        Some("PRAGMA" | "ATTACH" | "DETACH") => true,
        // Some pragmas act while they are prepared.
        Some("EXPLAIN") => words.iter().any(|word| word == "PRAGMA"),
        Some("CREATE") => words.iter().any(temporary),
        _ => false,
    }
}

/// Whether the text begins with one of these words.
pub(super) fn begins_with(sql: &str, words: &[&str]) -> bool {
    let mut rest = sql;
    while !rest.is_empty() {
        let (token, behind) = token(rest);
        rest = behind;
        if let Token::Word(first) = token {
            return words.iter().any(|word| word.eq_ignore_ascii_case(first));
        }
    }
    false
}

/// In front of a quoted name, to tell it from a word.
const QUOTE: char = '"';

/// The statements of a text, with the words of each looked at in capitals.
pub(super) fn statements(sql: &str) -> impl Iterator<Item = Statement<'_>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let mut words = Vec::new();
        let mut from = rest;
        while !rest.is_empty() {
            let (token, behind) = token(rest);
            rest = behind;
            match token {
                Token::Word(word) => words.push(word.to_ascii_uppercase()),
                Token::Quoted(name) => {
                    words.push(format!("{QUOTE}{}", name.to_ascii_uppercase()));
                }
                Token::Semicolon if in_trigger(&words) => words.push(";".into()),
                Token::Semicolon if words.is_empty() => from = rest,
                Token::Semicolon => break,
                Token::Other => {}
            }
        }
        let text = from.get(..from.len() - rest.len()).unwrap_or(from);
        (!words.is_empty()).then(|| Statement {
            text,
            kind: kind(&words),
            unclean: is_unclean(&words),
        })
    })
}

/// The statements of a trigger are its own, up to an END behind a semicolon. (CASE has an END, too.)
fn in_trigger(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "CREATE")
        && words.iter().take(3).any(|word| word == "TRIGGER")
        && !matches!(words, [.., semicolon, end] if semicolon == ";" && end == "END")
}

enum Token<'sql> {
    Word(&'sql str),
    /// A name in quotes, or a text.
    Quoted(&'sql str),
    Semicolon,
    Other,
}

/// The first token, and what is behind it.
fn token(sql: &str) -> (Token<'_>, &str) {
    let Some(first) = sql.chars().next() else {
        return (Token::Other, "");
    };
    let past = |length: usize| sql.get(length..).unwrap_or_default();
    // A quote that is doubled ends one text and begins the next: for our purpose that is the same.
    let closed = |close: &str| {
        let inside = past(first.len_utf8());
        match inside.find(close) {
            Some(at) => (
                inside.get(..at).unwrap_or_default(),
                inside.get(at + close.len()..).unwrap_or_default(),
            ),
            None => (inside, ""),
        }
    };
    let quoted = |close: &str| {
        let (inside, behind) = closed(close);
        (Token::Quoted(inside), behind)
    };
    match first {
        '\'' | '"' | '`' => quoted(first.encode_utf8(&mut [0; 4])),
        '[' => quoted("]"),
        '-' if sql.starts_with("--") => (Token::Other, closed("\n").1),
        // The first star cannot be the last as well.
        '/' if sql.starts_with("/*") => {
            let behind = past(2);
            let end = behind
                .find("*/")
                .map_or("", |at| behind.get(at + 2..).unwrap_or_default());
            (Token::Other, end)
        }
        ';' => (Token::Semicolon, past(1)),
        // SQLite skips a byte order mark as it does a space.
        '\u{feff}' => (Token::Other, past(first.len_utf8())),
        _ if is_of_word(first) => {
            let length = sql
                .find(|char: char| !is_of_word(char))
                .unwrap_or(sql.len());
            let word = sql.get(..length).unwrap_or_default();
            (Token::Word(word), past(length))
        }
        _ => (Token::Other, past(first.len_utf8())),
    }
}

fn is_of_word(char: char) -> bool {
    char.is_ascii_alphanumeric() || char == '_' || char == '$' || !char.is_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(sql: &str) -> Vec<Kind> {
        statements(sql).map(|statement| statement.kind).collect()
    }

    #[test]
    fn plain_statements_are_of_no_interest() {
        for sql in [
            "SELECT 1",
            "insert into items values ('commit')",
            "UPDATE a SET b = 1;",
            "-- a comment\nSELECT 1",
            "/* ROLLBACK */ DELETE FROM a",
        ] {
            assert!(is_plain(sql), "{sql}");
            assert_eq!(first(sql), None, "{sql}");
        }
        assert!(!is_plain("SELECT 1; COMMIT"));
        assert!(!is_plain("\u{feff}COMMIT"));
    }

    #[test]
    fn statements_are_told_apart_and_keep_their_text() {
        use Kind::{Begin, Commit, Look, Release, Rollback, Savepoint, Work};
        for (sql, expected) in [
            ("ROLLBACK; BEGIN", vec![Rollback, Begin]),
            ("commit; begin immediate;", vec![Commit, Begin]),
            ("END; SAVEPOINT a", vec![Commit, Savepoint("A".into())]),
            ("RELEASE SAVEPOINT [a b]", vec![Release("A B".into())]),
            ("/*/ COMMIT */ ROLLBACK TO a", vec![Look]),
            ("ROLLBACK TRANSACTION TO SAVEPOINT a", vec![Look]),
            (
                "INSERT INTO a VALUES ('; ROLLBACK; BEGIN;'); SELECT 1",
                vec![Work, Look],
            ),
            (
                "SELECT 1 -- ; ROLLBACK; BEGIN\n; SELECT 2",
                vec![Look, Look],
            ),
            (
                "WITH a AS (SELECT 1) SELECT 1; WITH a AS (SELECT 1) DELETE FROM b",
                vec![Look, Work],
            ),
            (
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT CASE WHEN 1 THEN 2 END; SELECT 1; END; COMMIT",
                vec![Work, Commit],
            ),
        ] {
            assert_eq!(kinds(sql), expected, "{sql}");
        }
        let texts: Vec<&str> = statements(";COMMIT; BEGIN ;;")
            .map(|statement| statement.text)
            .collect();
        assert_eq!(texts, ["COMMIT;", " BEGIN ;"]);
    }

    #[test]
    fn what_outlives_the_transaction_is_known_by_its_words() {
        for sql in [
            "PRAGMA cache_size = 1",
            "EXPLAIN PRAGMA cache_size = 1",
            "ATTACH 'x' AS y",
            "CREATE TEMP TABLE a (b)",
            "SELECT 1; create temporary view v as select 1",
            "CREATE TABLE temp.a (b)",
            "CREATE TABLE IF NOT EXISTS \"temp\" . a (b)",
            "create view [TEMP].v as select 1",
            "CREATE TRIGGER `temp`.t AFTER INSERT ON a BEGIN SELECT 1; END",
            "CREATE VIRTUAL TABLE 'temp'.a USING fts5(b)",
        ] {
            assert!(statements(sql).any(|found| found.unclean), "{sql}");
        }
        for sql in ["CREATE TABLE temp_a (b)", "INSERT INTO a VALUES ('temp')"] {
            assert!(!statements(sql).any(|found| found.unclean), "{sql}");
        }
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for sql in [
            "'",
            "\"a",
            "/*",
            "/*/",
            "--",
            "[",
            "é;ü'",
            "a'b''c;d",
            ";;;",
            "",
            "CREATE TRIGGER",
        ] {
            let read: usize = statements(sql).map(|statement| statement.text.len()).sum();
            assert!(read <= sql.len());
            begins_with(sql, &PLAIN);
        }
    }
}
