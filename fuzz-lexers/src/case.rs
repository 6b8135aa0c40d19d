//! A case: a session that inserts a row, runs texts, and inserts another row.

use fastrand::Rng;

use crate::words::{Nature, Words};

/// How a text is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// `batch_execute` on the session.
    Batch,
    /// `sql_query(…).execute`.
    Execute,
    /// `sql_query(…).load`.
    Load,
    /// `sql_query(…).load_stream`, and its rows are dropped.
    Stream,
    /// `batch_execute` on the raw connection.
    Raw,
    /// `sql_query(…).execute` on the raw connection.
    RawExecute,
}

/// The code around the texts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    Plain,
    /// `db.savepoint(…)`, which returns `Ok` or `Err`.
    Savepoint {
        keeps: bool,
    },
    /// `db.transaction(…)`.
    Transaction {
        keeps: bool,
    },
}

#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) number: u64,
    pub(crate) steps: Vec<(Way, String)>,
    pub(crate) shape: Shape,
    /// True if a text's error is ignored.
    pub(crate) swallows: bool,
    /// True if another row is inserted after the texts.
    pub(crate) goes_on: bool,
    /// True if a text may end the transaction.
    pub(crate) ends: bool,
}

/// Ids that a case may use.
const IDS: u64 = 16;

impl Case {
    /// The case of this number, which is always the same.
    pub(crate) fn new(words: &Words, seed: u64, number: u64) -> Self {
        let mut rng = Rng::with_seed(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let shape = match rng.u8(0..10) {
            0..6 => Shape::Plain,
            6..9 => Shape::Savepoint { keeps: rng.bool() },
            _ => Shape::Transaction { keeps: rng.bool() },
        };
        let mut case = Self {
            number,
            steps: Vec::new(),
            shape,
            swallows: rng.u8(0..4) != 0,
            goes_on: rng.u8(0..3) != 0,
            ends: false,
        };
        let texts = match rng.u8(0..4) {
            0..2 => 1,
            2 => 2,
            _ => rng.usize(2..5),
        };
        for _ in 0..texts {
            let way = way(&mut rng);
            let most = if matches!(way, Way::Batch | Way::Raw) {
                rng.usize(1..6)
            } else {
                1
            };
            let text = case.text(words, &mut rng, most);
            case.steps.push((way, text));
        }
        case
    }

    /// The ids of the row before the texts, the row inside the savepoint, and the row after the
    /// texts.
    pub(crate) fn ids(&self) -> [i32; 3] {
        [0, 1, 2].map(|row| self.id(row))
    }

    /// True if the case does not wait for a text's answer.
    pub(crate) fn drops_rows(&self) -> bool {
        self.steps.iter().any(|(way, _)| *way == Way::Stream)
    }

    fn id(&self, row: u64) -> i32 {
        i32::try_from(self.number * IDS + row + 1).unwrap_or(i32::MAX)
    }

    /// Statements in sequence, with separators between them.
    fn text(&mut self, words: &Words, rng: &mut Rng, statements: usize) -> String {
        let mut text = String::new();
        for at in 0..statements {
            if at > 0 {
                text.push(';');
            }
            let (statement, nature) = words.statement(rng);
            self.ends |= nature == Nature::Ends;
            text.push_str(&words.blank(rng));
            text.push_str(&words.spell(rng, statement));
            text.push_str(&words.blank(rng));
        }
        if rng.u8(0..4) == 0 {
            text.push(';');
        }
        let mut row = 3;
        while text.contains("{id}") {
            text = text.replacen("{id}", &self.id(row).to_string(), 1);
            row += 1;
        }
        text.replace("{n}", &self.number.to_string())
    }
}

fn way(rng: &mut Rng) -> Way {
    const WAYS: [Way; 10] = [
        Way::Batch,
        Way::Batch,
        Way::Batch,
        Way::Batch,
        Way::Execute,
        Way::Load,
        Way::Stream,
        Way::Raw,
        Way::Raw,
        Way::RawExecute,
    ];
    WAYS[rng.usize(..WAYS.len())]
}
