//! Reads the table after each call, prints it, and compares it with the promise.

use std::fmt::Debug;

use crate::bank::{self, BankError};

/// The table after the last call, and the calls that broke a promise.
pub struct Table {
    before: Vec<i64>,
    wrong: Vec<&'static str>,
}

impl Table {
    /// Reads the table for the first time.
    pub async fn begin() -> Result<Self, BankError> {
        let before = read().await?;
        println!(
            "{:32} {:13} {:16} what the caller got",
            "how the call ended", "its work is", "in the table"
        );
        println!("{:32} {:13} {:16}", "(at the start)", "", in_words(&before));
        Ok(Self {
            before,
            wrong: Vec::new(),
        })
    }

    /// Checks that the call's work is there.
    pub async fn committed(
        &mut self,
        ending: &'static str,
        result: &impl Debug,
        expected: [i64; 2],
    ) -> Result<(), BankError> {
        self.row(ending, result, &expected, "committed").await
    }

    /// Checks that the call left nothing behind.
    pub async fn rolled_back(
        &mut self,
        ending: &'static str,
        result: &impl Debug,
    ) -> Result<(), BankError> {
        let expected = self.before.clone();
        self.row(ending, result, &expected, "rolled back").await
    }

    async fn row(
        &mut self,
        ending: &'static str,
        result: &impl Debug,
        expected: &[i64],
        promised: &str,
    ) -> Result<(), BankError> {
        let now = read().await?;
        // Each committed call of this example changes the table, so the table shows the outcome.
        let outcome = if now == self.before {
            "rolled back"
        } else {
            "committed"
        };
        if outcome != promised || now != expected {
            self.wrong.push(ending);
        }
        let mut got = format!("{result:?}");
        if got.len() > 60 {
            got = format!("{}…", got.chars().take(59).collect::<String>());
        }
        println!("{ending:32} {outcome:13} {:16} {got}", in_words(&now));
        self.before = now;
        Ok(())
    }

    /// Returns an error if a call broke a promise.
    pub fn verdict(self) -> Result<(), Box<dyn std::error::Error>> {
        if self.wrong.is_empty() {
            println!("Every call was committed or rolled back as promised.");
            return Ok(());
        }
        Err(format!("not as promised: {}", self.wrong.join(", ")).into())
    }
}

async fn read() -> Result<Vec<i64>, BankError> {
    let rows = bank::balances().await?;
    Ok(rows.into_iter().map(|(_, balance)| balance).collect())
}

fn in_words(balances: &[i64]) -> String {
    match balances {
        [ada, bob] => format!("ada {ada}, bob {bob}"),
        other => format!("{other:?}"),
    }
}
