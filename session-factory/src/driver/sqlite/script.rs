//! What a text of SQL does to the transaction and to its connection, as far as its words tell.
//!
//! SQLite says whether there is a transaction, and not whether it is still the same one: `ROLLBACK; BEGIN` in
//! one text would pass for nothing at all.

/// What a text that is not plain data manipulation may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// The last statement that ends a transaction commits it.
    pub(super) commits: bool,
    /// A transaction is begun behind one that was ended.
    pub(super) restarts: bool,
    /// Something is changed that outlives the transaction.
    pub(super) unclean: bool,
}

/// Statements that cannot end a transaction, unless another one follows in the same text.
const PLAIN: [&str; 7] = [
    "SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "VALUES",
];

/// None for one plain statement: there is nothing to look after.
pub(super) fn control(sql: &str) -> Option<Control> {
    let several = sql.trim_end().trim_end_matches(';').contains(';');
    if !several && begins_with(sql, &PLAIN) {
        return None;
    }
    let mut control = Control::default();
    let mut ended = false;
    for statement in statements(sql) {
        let words: Vec<&str> = statement.iter().map(String::as_str).collect();
        match words.as_slice() {
            ["COMMIT" | "END", ..] => {
                control.commits = true;
                ended = true;
            }
            ["ROLLBACK", rest @ ..] if !rest.contains(&"TO") => {
                control.commits = false;
                ended = true;
            }
            // Outside of a transaction a savepoint begins one.
            ["BEGIN" | "SAVEPOINT", ..] => control.restarts |= ended,
            ["PRAGMA" | "ATTACH" | "DETACH", ..] | ["CREATE", "TEMP" | "TEMPORARY", ..] => {
                control.unclean = true;
            }
            _ => {}
        }
    }
    Some(control)
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

/// The words of each statement, in capitals: without texts, quoted names, numbers and comments.
fn statements(sql: &str) -> impl Iterator<Item = Vec<String>> {
    let mut rest = sql;
    std::iter::from_fn(move || {
        let mut words = Vec::new();
        while !rest.is_empty() {
            let (token, behind) = token(rest);
            rest = behind;
            match token {
                Token::Word(word) => words.push(word.to_ascii_uppercase()),
                Token::Semicolon if !in_trigger(&words) && !words.is_empty() => return Some(words),
                Token::Semicolon | Token::Other => {}
            }
        }
        (!words.is_empty()).then_some(words)
    })
}

/// The statements of a trigger are its own, up to its END.
fn in_trigger(words: &[String]) -> bool {
    words.first().is_some_and(|word| word == "CREATE")
        && words.iter().take(3).any(|word| word == "TRIGGER")
        && words.last().is_none_or(|word| word != "END")
}

enum Token<'sql> {
    Word(&'sql str),
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
    let quoted = |close: &str| match past(first.len_utf8()).find(close) {
        Some(at) => past(first.len_utf8() + at + close.len()),
        None => "",
    };
    match first {
        '\'' | '"' | '`' => (Token::Other, quoted(first.encode_utf8(&mut [0; 4]))),
        '[' => (Token::Other, quoted("]")),
        '-' if sql.starts_with("--") => (Token::Other, quoted("\n")),
        '/' if sql.starts_with("/*") => (Token::Other, quoted("*/")),
        ';' => (Token::Semicolon, past(1)),
        _ if first.is_alphanumeric() || first == '_' => {
            let length = sql
                .find(|char: char| !char.is_alphanumeric() && char != '_')
                .unwrap_or(sql.len());
            let word = sql.get(..length).unwrap_or_default();
            (Token::Word(word), past(length))
        }
        _ => (Token::Other, past(first.len_utf8())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_statements_are_of_no_interest() {
        for sql in [
            "SELECT 1",
            "insert into items values ('commit')",
            "UPDATE a SET b = 1;",
            "-- a comment\nSELECT 1",
            "/* ROLLBACK */ DELETE FROM a",
        ] {
            assert_eq!(control(sql), None, "{sql}");
        }
    }

    #[test]
    fn a_transaction_begun_behind_one_that_was_ended_is_another_one() {
        for (sql, commits, restarts) in [
            ("ROLLBACK; BEGIN", false, true),
            ("commit; begin immediate", true, true),
            ("END; SAVEPOINT a", true, true),
            ("COMMIT", true, false),
            ("ROLLBACK", false, false),
            ("BEGIN", false, false),
            ("SAVEPOINT a; ROLLBACK TO a; SAVEPOINT b", false, false),
            (
                "ROLLBACK TRANSACTION TO SAVEPOINT a; SAVEPOINT b",
                false,
                false,
            ),
            (
                "INSERT INTO a VALUES ('; ROLLBACK; BEGIN;'); SELECT 1",
                false,
                false,
            ),
            ("SELECT 1 -- ; ROLLBACK; BEGIN\n; SELECT 2", false, false),
            (
                "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; END; SAVEPOINT x",
                false,
                false,
            ),
        ] {
            let found = control(sql).unwrap_or_default();
            assert_eq!(
                (found.commits, found.restarts),
                (commits, restarts),
                "{sql}"
            );
        }
    }

    #[test]
    fn what_outlives_the_transaction_is_known_by_its_first_words() {
        for sql in [
            "PRAGMA cache_size = 1",
            "ATTACH 'x' AS y",
            "CREATE TEMP TABLE a (b)",
            "SELECT 1; create temporary view v as select 1",
        ] {
            assert!(control(sql).is_some_and(|found| found.unclean), "{sql}");
        }
        assert!(!control("CREATE TABLE temp_a (b)").is_some_and(|found| found.unclean));
    }

    #[test]
    fn any_text_is_read_to_its_end() {
        for sql in ["'", "\"a", "/*", "--", "[", "é;ü'", "a'b''c;d", ";;;", ""] {
            control(sql);
            begins_with(sql, &PLAIN);
        }
    }
}
