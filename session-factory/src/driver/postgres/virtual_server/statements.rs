//! What a text does to its transaction, statement by statement.

use crate::driver::postgres::sql::lexer::{Lexer, Token};

/// One statement of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Part<'text> {
    pub(super) sql: &'text str,
    pub(super) control: Control,
}

/// What a statement does to its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    None,
    Begin {
        read_only: bool,
    },
    Commit {
        chain: bool,
    },
    Rollback {
        chain: bool,
    },
    /// ROLLBACK TO SAVEPOINT
    RollbackTo,
    /// A prepared transaction, which outlives the session.
    Prepared,
}

/// More words say nothing about the transaction.
const WORDS: usize = 16;

/// Splits a text into its statements; empty ones are left out.
pub(super) fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut lexer = Lexer::new(text.as_bytes());
    let mut start = 0;
    let mut words = Vec::new();
    let mut is_empty = true;
    let mut is_routine = false;
    let mut push = |from: usize, to: usize, words: &[String]| {
        if let Some(sql) = text.get(from..to) {
            parts.push(Part {
                sql,
                control: control(words),
            });
        }
    };
    while let Some(token) = lexer.next() {
        match token {
            // The statements of a routine's body are its own.
            Token::Semicolon if is_routine => {}
            Token::Semicolon => {
                let end = text.len() - lexer.left();
                if !is_empty {
                    push(start, end - 1, &words);
                }
                start = end;
                words.clear();
                is_empty = true;
            }
            Token::Word(word) => {
                let word = String::from_utf8_lossy(word).to_ascii_uppercase();
                is_routine |= word == "ATOMIC" && words.last().is_some_and(|last| last == "BEGIN");
                // A statement that begins with something else ends no transaction.
                if words.len() < WORDS && (is_empty || !words.is_empty()) {
                    words.push(word);
                }
                is_empty = false;
            }
            _ => is_empty = false,
        }
    }
    if !is_empty {
        push(start, text.len(), &words);
    }
    parts
}

fn control(words: &[String]) -> Control {
    let has = |wanted: &str| words.iter().any(|word| word == wanted);
    let chain = has("CHAIN") && !has("NO");
    let second = words.get(1).map(String::as_str);
    match words.first().map(String::as_str) {
        Some("BEGIN") => Control::Begin {
            read_only: is_read_only(words),
        },
        Some("START") if second == Some("TRANSACTION") => Control::Begin {
            read_only: is_read_only(words),
        },
        Some("COMMIT" | "ROLLBACK") if second == Some("PREPARED") => Control::Prepared,
        Some("PREPARE") if second == Some("TRANSACTION") => Control::Prepared,
        Some("COMMIT" | "END") => Control::Commit { chain },
        Some("ROLLBACK" | "ABORT") if has("TO") => Control::RollbackTo,
        Some("ROLLBACK" | "ABORT") => Control::Rollback { chain },
        _ => Control::None,
    }
}

fn is_read_only(words: &[String]) -> bool {
    words
        .windows(2)
        .any(|pair| pair[0] == "READ" && pair[1] == "ONLY")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_statement_of_a_text_says_what_it_does_to_the_transaction() {
        let controls = |text| -> Vec<_> {
            let parts = parts(text);
            parts.into_iter().map(|part| part.control).collect()
        };
        let begin = Control::Begin { read_only: false };
        let commit = Control::Commit { chain: false };
        assert_eq!(controls("BEGIN"), [begin]);
        assert_eq!(
            controls("BEGIN ISOLATION LEVEL SERIALIZABLE, READ ONLY, DEFERRABLE"),
            [Control::Begin { read_only: true }]
        );
        assert_eq!(
            controls("begin; insert into a values ('; commit'); -- commit\nend;"),
            [begin, Control::None, commit]
        );
        assert_eq!(
            controls("COMMIT AND CHAIN; ROLLBACK AND NO CHAIN"),
            [
                Control::Commit { chain: true },
                Control::Rollback { chain: false }
            ]
        );
        assert_eq!(
            controls("SAVEPOINT a; ROLLBACK TO SAVEPOINT a; RELEASE a"),
            [Control::None, Control::RollbackTo, Control::None]
        );
        assert_eq!(controls("PREPARE TRANSACTION 'a'"), [Control::Prepared]);
        assert_eq!(controls("PREPARE a AS SELECT 1"), [Control::None]);
        assert_eq!(controls(" ;; /* nothing */"), []);
        assert_eq!(
            controls("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT 1; SELECT 2; END"),
            [Control::None]
        );
        let text = "SELECT 'é'; COMMIT ";
        let parts = parts(text);
        assert_eq!(parts[0].sql, "SELECT 'é'");
        assert_eq!(parts[1].sql, " COMMIT ");
    }
}
