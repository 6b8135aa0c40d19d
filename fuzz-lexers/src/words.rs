//! A database's SQL: statements and their spellings.

use fastrand::Rng;

/// A statement's effect on the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// The statement keeps the transaction, or fails.
    Keeps,
    /// The statement ends the transaction, or may end it.
    Ends,
}

/// The SQL of one database.
pub(crate) struct Words {
    /// Statements that end the transaction, or may end it. A space between words becomes any blank.
    /// `{id}` is a row's unique id, `{n}` the case's number.
    pub(crate) ends: &'static [&'static str],
    /// Statements that keep the transaction: savepoints, functions, literals that look like
    /// transaction control.
    pub(crate) keeps: &'static [&'static str],
    /// Replacements for a space.
    pub(crate) blanks: &'static [&'static str],
}

impl Words {
    /// A random statement.
    pub(crate) fn statement(&self, rng: &mut Rng) -> (&'static str, Nature) {
        if rng.u8(0..5) < 2 {
            (self.ends[rng.usize(..self.ends.len())], Nature::Ends)
        } else {
            (self.keeps[rng.usize(..self.keeps.len())], Nature::Keeps)
        }
    }

    /// Usually nothing, or a comment.
    pub(crate) fn blank(&self, rng: &mut Rng) -> String {
        if rng.u8(0..3) == 0 {
            self.blanks[rng.usize(..self.blanks.len())].to_owned()
        } else {
            String::new()
        }
    }

    /// The statement with other blanks and in another case. Everything from the first quote on
    /// stays.
    pub(crate) fn spell(&self, rng: &mut Rng, statement: &str) -> String {
        if rng.u8(0..3) == 0 {
            return statement.to_owned();
        }
        let at = statement
            .find(['\'', '"', '$', '`', '[', '{', '\\'])
            .unwrap_or(statement.len());
        let (words, rest) = statement.split_at(at);
        let mut spelt = String::new();
        for letter in words.chars() {
            match letter {
                ' ' if rng.u8(0..3) == 0 => {
                    spelt.push_str(self.blanks[rng.usize(..self.blanks.len())]);
                }
                letter if rng.bool() => spelt.push(letter.to_ascii_lowercase()),
                letter => spelt.push(letter),
            }
        }
        spelt.push_str(rest);
        spelt
    }
}
