//! The number of runs of each statement text in a unit of work, for `statement_budget`.

use std::collections::HashMap;
use std::sync::Arc;

use super::statement_text::StatementText;

/// The greatest number of different texts that a unit counts.
const MOST: usize = 1024;
/// A text that ran at least this often was probably sent in a loop.
const LOOP: u64 = 10;

/// The counts by text. A text contains no values, so two statements that differ only in a literal count as one.
#[derive(Debug, Default)]
pub(super) struct Counts(HashMap<Arc<StatementText>, u64>);

impl Counts {
    /// Counts one more run.
    pub(super) fn add(&mut self, text: &Arc<StatementText>) {
        if let Some(count) = self.0.get_mut(text) {
            *count += 1;
        } else if self.0.len() < MOST {
            self.0.insert(Arc::clone(text), 1);
        }
    }

    /// Describes the most frequent text: ": 51 × SELECT comments: a query in a loop?".
    pub(super) fn most_often(&self) -> String {
        let most = self.0.iter().max_by(|(text, count), (other, more)| {
            count
                .cmp(more)
                .then_with(|| other.summary().cmp(text.summary()))
        });
        match most {
            Some((text, count)) if *count >= LOOP => {
                format!(": {count} × {}: a query in a loop?", text.summary())
            }
            Some((text, count)) if *count > 1 => {
                format!("; the most frequent ran {count} times: {}", text.summary())
            }
            _ => "; each of them once".to_owned(),
        }
    }
}
