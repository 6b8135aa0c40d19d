//! The statements of a text that end a transaction, and those that go back to a savepoint: both may have the command
//! tag ROLLBACK.

use super::lexer::{Lexer, Token};

/// A statement whose command tag is COMMIT, ROLLBACK or PREPARE TRANSACTION.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// It ends the transaction.
    End {
        /// Another one begins with that.
        chain: bool,
    },
    /// It goes back to a savepoint, and the transaction goes on.
    ToSavepoint,
}

/// The most words at the front of a statement that say what it is: `ROLLBACK WORK AND NO CHAIN`.
const WORDS: usize = 5;

/// What a text has of them, in order.
pub(super) fn read(text: &[u8]) -> Vec<Control> {
    let mut found = Vec::new();
    let mut statement = Statement::default();
    for token in Lexer::new(text) {
        if token == Token::Semicolon && statement.is_at_its_end() {
            found.extend(statement.control());
            statement = Statement::default();
        } else {
            statement.push(token);
        }
    }
    found.extend(statement.control());
    found
}

/// A statement under way.
#[derive(Default)]
struct Statement<'text> {
    words: [&'text [u8]; WORDS],
    count: usize,
    last: &'text [u8],
    /// Open parentheses: those of a rule hold statements.
    parentheses: u32,
    /// Open `BEGIN ATOMIC` and `CASE`: the body of a function holds statements.
    blocks: u32,
}

impl<'text> Statement<'text> {
    fn push(&mut self, token: Token<'text>) {
        match token {
            Token::Word(word) => self.word(word),
            Token::Open => self.parentheses += 1,
            Token::Close => self.parentheses = self.parentheses.saturating_sub(1),
            Token::Semicolon | Token::Name(_) | Token::Symbol(_) | Token::Other => self.last = b"",
        }
        // What is no word ends the words at the front.
        if !matches!(token, Token::Word(_)) {
            self.count = self.count.max(1).saturating_mul(WORDS);
        }
    }

    fn word(&mut self, word: &'text [u8]) {
        if let Some(place) = self.words.get_mut(self.count) {
            *place = word;
        }
        self.count = self.count.saturating_add(1);
        if is(self.last, b"begin") && is(word, b"atomic") || self.blocks > 0 && is(word, b"case") {
            self.blocks += 1;
        } else if is(word, b"end") {
            self.blocks = self.blocks.saturating_sub(1);
        }
        self.last = word;
    }

    fn is_at_its_end(&self) -> bool {
        self.parentheses == 0 && self.blocks == 0
    }

    fn control(&self) -> Option<Control> {
        let [first, second, third, fourth, _] = self.words;
        let is_rollback = is(first, b"rollback") || is(first, b"abort");
        let is_commit = is(first, b"commit") || is(first, b"end");
        if is(first, b"prepare") && is(second, b"transaction") {
            return Some(Control::End { chain: false });
        }
        // COMMIT PREPARED has a tag of its own, and is of another transaction.
        if !is_rollback && !is_commit || is(second, b"prepared") {
            return None;
        }
        let noise = is(second, b"work") || is(second, b"transaction");
        let (second, third) = if noise {
            (third, fourth)
        } else {
            (second, third)
        };
        if is_rollback && is(second, b"to") {
            return Some(Control::ToSavepoint);
        }
        let chain = is(second, b"and") && is(third, b"chain");
        Some(Control::End { chain })
    }
}

fn is(word: &[u8], keyword: &[u8]) -> bool {
    word.eq_ignore_ascii_case(keyword)
}

#[cfg(test)]
mod tests {
    use super::*;

    const END: Control = Control::End { chain: false };
    const CHAIN: Control = Control::End { chain: true };

    #[test]
    fn ends_are_found_in_order_and_told_from_savepoints() {
        let text =
            b"ROLLBACK; select 1; ABORT WORK AND/**/CHAIN; rollback to savepoint a; COMMIT\0";
        let expected = [END, CHAIN, Control::ToSavepoint, END];
        assert_eq!(read(text), expected);
        assert_eq!(read(b"ROLLBACK AND -- c\n CHAIN"), [CHAIN]);
        assert_eq!(read(b"END TRANSACTION AND NO CHAIN;;"), [END]);
        assert_eq!(read(b"ROLLBACK WORK TO a"), [Control::ToSavepoint]);
        assert_eq!(read(b"PREPARE TRANSACTION 'g'"), [END]);
        assert_eq!(read(b"COMMIT PREPARED 'g'; PREPARE a AS SELECT 1"), []);
    }

    #[test]
    fn a_column_a_literal_and_the_body_of_a_function_are_no_ends() {
        assert_eq!(read(b"SELECT 1 FROM shops WHERE a AND chain = $1"), []);
        assert_eq!(read(b"SELECT 'a; rollback and chain; b'"), []);
        assert_eq!(read(b"DO $$ BEGIN NULL; END $$"), []);
        let body = b"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC \
            SELECT CASE WHEN a THEN 1 END; SELECT 2; END; COMMIT";
        assert_eq!(read(body), [END]);
        assert_eq!(
            read(b"CREATE RULE r AS ON INSERT TO a DO (SELECT 1; SELECT 2)"),
            []
        );
    }
}
