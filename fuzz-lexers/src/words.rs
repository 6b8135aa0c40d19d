//! A database's SQL: statements, and how they can be spelt.

use fastrand::Rng;

/// What a statement does to the transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nature {
    /// It leaves it as it is, or fails.
    Keeps,
    /// It ends it, or may.
    Ends,
}

/// The SQL of one database.
pub(crate) struct Words {
    /// Statements that end the transaction or may do so. Spaces between words become any blank; `{id}` is a row's id
    /// that nothing else uses, `{n}` the case's number.
    pub(crate) ends: &'static [&'static str],
    /// Statements that leave it: savepoints, functions, literals that look like transaction control.
    pub(crate) keeps: &'static [&'static str],
    /// What stands for a space.
    pub(crate) blanks: &'static [&'static str],
}

impl Words {
    /// One of its statements.
    pub(crate) fn statement(&self, rng: &mut Rng) -> (&'static str, Nature) {
        if rng.u8(0..5) < 2 {
            (self.ends[rng.usize(..self.ends.len())], Nature::Ends)
        } else {
            (self.keeps[rng.usize(..self.keeps.len())], Nature::Keeps)
        }
    }

    /// Nothing mostly, or a comment.
    pub(crate) fn blank(&self, rng: &mut Rng) -> String {
        if rng.u8(0..3) == 0 {
            self.blanks[rng.usize(..self.blanks.len())].to_owned()
        } else {
            String::new()
        }
    }

    /// The statement with other blanks, and in another case. What is quoted in it (from the first quote on) stays.
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
