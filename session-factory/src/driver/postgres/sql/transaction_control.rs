//! Recognizes SQL that may end a transaction or roll back to a savepoint.

use super::lexer::{Lexer, Token};

/// What SQL may do to the transaction. Any suspicion makes the driver send a mark ahead of the SQL.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Suspicion {
    #[default]
    None,
    /// It only sets, releases or rolls back to savepoints. A later rollback to such a savepoint may also undo the mark.
    Savepoints,
    /// The server may answer it with the command tag ROLLBACK. Where the driver does not see the tags, it may end the
    /// transaction, by commit or by rollback.
    End,
}

impl Suspicion {
    /// `is_seen`: the driver sees the command tags of this connection.
    pub(crate) fn of(text: &str, is_seen: bool) -> Self {
        // Only SQL with one of the first three can get the tag ROLLBACK, or let a later statement get it.
        const WORDS: [&[u8]; 6] = [
            b"rollback",
            b"abort",
            b"savepoint",
            b"commit",
            b"end",
            b"prepare",
        ];
        let text = text.as_bytes();
        if !contains(text, if is_seen { &WORDS[..3] } else { &WORDS }) {
            Self::None
        } else if keeps_to_savepoints(text) {
            Self::Savepoints
        } else {
            Self::End
        }
    }
}

/// True for SQL that begins as diesel's queries do. Such SQL in a Parse message cannot end the transaction: the message
/// has only one statement, and no statement that begins so ends a transaction.
pub(crate) fn is_query(text: &str) -> bool {
    const WORDS: [&str; 4] = ["SELECT ", "INSERT ", "UPDATE ", "DELETE "];
    WORDS.iter().any(|word| text.starts_with(word))
}

/// True for the words of which SQL needs at least one to end a transaction.
fn is_end(word: &[u8]) -> bool {
    const WORDS: [&str; 5] = ["commit", "end", "prepare", "rollback", "abort"];
    let mut words = WORDS.iter();
    words.any(|end| word.eq_ignore_ascii_case(end.as_bytes()))
}

fn is_of_a_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// True if SQL of one or more statements may end the transaction.
pub(crate) fn may_end(text: &[u8]) -> bool {
    text.split(|byte| !is_of_a_word(*byte)).any(is_end)
}

/// [`may_end`] for a single statement: its first word decides.
pub(crate) fn begins_with_an_end(text: &[u8]) -> bool {
    let begin = text.iter().position(|byte| is_of_a_word(*byte));
    let (before, text) = text.split_at(begin.unwrap_or(text.len()));
    if before.iter().any(|byte| matches!(byte, b'-' | b'/')) {
        // A comment may precede the first word, and the comment's own words do not count. So look at all words.
        return may_end(text);
    }
    let word = text.split(|byte| !is_of_a_word(*byte)).next();
    word.is_some_and(is_end)
}

/// True if the first statement is DO or CALL. Alone in its message and outside of a transaction, such a statement may
/// end transactions that no command tag reports; in a text of several statements the server refuses that.
pub(crate) fn begins_with_a_block(text: &[u8]) -> bool {
    let first = Lexer::new(text).find(|token| *token != Token::Semicolon);
    matches!(first, Some(Token::Word(word))
        if word.eq_ignore_ascii_case(b"do") || word.eq_ignore_ascii_case(b"call"))
}

fn contains(text: &[u8], words: &[&[u8]]) -> bool {
    text.iter().enumerate().any(|(at, byte)| {
        let here = &text[at..];
        let is_here = |word: &&[u8]| {
            word[0] == byte | 0x20
                && here
                    .get(..word.len())
                    .is_some_and(|here| here.eq_ignore_ascii_case(word))
        };
        words.iter().any(is_here)
    })
}

/// True if the SQL consists of SAVEPOINT, RELEASE and ROLLBACK TO SAVEPOINT, spelt only with letters, digits,
/// underscores, spaces and semicolons, as diesel and sessions spell them. Such SQL has no literal, comment or quoted
/// name that could hide another statement.
pub(crate) fn keeps_to_savepoints(text: &[u8]) -> bool {
    // Savepoint statements are short, so skip the scan of long SQL.
    text.len() < 1024
        && text
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b';'))
        && text
            .split(|byte| *byte == b';')
            .filter(|statement| !statement.trim_ascii().is_empty())
            .all(keeps_to_a_savepoint)
}

fn keeps_to_a_savepoint(statement: &[u8]) -> bool {
    let mut words = statement
        .split(|byte| *byte == b' ')
        .filter(|word| !word.is_empty())
        .peekable();
    let mut skip = |keywords: &[&str]| {
        let is_one = |word: &&[u8]| {
            let mut keywords = keywords.iter();
            keywords.any(|keyword| word.eq_ignore_ascii_case(keyword.as_bytes()))
        };
        words.next_if(is_one).is_some()
    };
    let begins = if skip(&["SAVEPOINT"]) {
        true
    } else if skip(&["RELEASE"]) {
        skip(&["SAVEPOINT"]);
        true
    } else {
        skip(&["ROLLBACK"])
            && {
                skip(&["WORK", "TRANSACTION"]);
                skip(&["TO"])
            }
            && {
                skip(&["SAVEPOINT"]);
                true
            }
    };
    // One name follows, and nothing after it.
    begins && words.next().is_some() && words.next().is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_end_a_transaction_is_suspect_in_any_spelling() {
        for text in [
            "ROLLBACK",
            "select 1; rollBack and chain",
            "/* */ABORT",
            "SELECT 'rollback'",
            "SAVEPOINT \"a\"",
            "SAVEPOINT a; SELECT 1",
            "ROLLBACK TO a; ROLLBACK",
            "ROLLBACK TO a AND CHAIN",
            "ROLLBACK TO",
            "ROLLBACK WORK",
        ] {
            for is_seen in [false, true] {
                assert_eq!(Suspicion::of(text, is_seen), Suspicion::End, "{text}");
            }
        }
        for text in ["COMMIT", "end", "PREPARE TRANSACTION 'a'"] {
            assert_eq!(Suspicion::of(text, true), Suspicion::None, "{text}");
            assert_eq!(Suspicion::of(text, false), Suspicion::End, "{text}");
        }
        let text = "INSERT INTO items VALUES (1)";
        assert_eq!(Suspicion::of(text, false), Suspicion::None);
    }

    #[test]
    fn only_a_text_with_a_word_for_it_may_end_a_transaction() {
        for text in [
            "COMMIT",
            " ;end",
            "/* a */commit and chain",
            "-- a\nAbort",
            "Prepare transaction 'a'",
        ] {
            assert!(may_end(text.as_bytes()), "{text}");
            assert!(begins_with_an_end(text.as_bytes()), "{text}");
        }
        for text in [
            "SELECT 1;COMMIT",
            "SELECT $$ $$;\x0bend",
            "SELECT 'a'/**/;abort",
        ] {
            assert!(may_end(text.as_bytes()), "{text}");
            assert!(!begins_with_an_end(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "UPDATE pending SET commit_id = 1",
            "SELECT committed FROM ends",
        ] {
            assert!(!may_end(text.as_bytes()), "{text}");
            assert!(!begins_with_an_end(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_block_is_known_by_its_first_word() {
        for text in ["DO $$ $$", "; call p()", "/* a */ Do", "-- a\nCALL p()"] {
            assert!(begins_with_a_block(text.as_bytes()), "{text}");
        }
        for text in [
            "",
            "/* do */ COMMIT",
            "INSERT INTO a VALUES (1) ON CONFLICT DO NOTHING",
            "DONE",
        ] {
            assert!(!begins_with_a_block(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn savepoints_as_diesel_and_sessions_spell_them_end_nothing() {
        for text in [
            "SAVEPOINT diesel_savepoint_1",
            "ROLLBACK TO SAVEPOINT diesel_savepoint_1",
            "RELEASE SAVEPOINT session_factory_1; SAVEPOINT session_factory_1",
            "ROLLBACK TO SAVEPOINT session_factory_1; RELEASE SAVEPOINT session_factory_1",
            "rollback work to a;",
            "release a; savepoint a",
        ] {
            for is_seen in [false, true] {
                assert_eq!(
                    Suspicion::of(text, is_seen),
                    Suspicion::Savepoints,
                    "{text}"
                );
            }
        }
    }
}
