//! `DB_ECHO`: prints every statement with its binds, its time and its outcome.
//!
//! Like `echo` in `SQLAlchemy`, it writes to the standard error stream and shows the values of
//! binds, so it is for development only. Each event is one line. Text from users and the server is
//! escaped, so it cannot forge a line.

use std::time::Instant;

use crate::one_line::{one_line, without_controls};

/// The factory and the function whose statements are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    factory: &'static str,
    function: &'static str,
}

/// The line for one running statement.
#[derive(Debug)]
pub(crate) struct Line {
    echo: Echo,
    statement: String,
    started: Instant,
}

impl Echo {
    pub(crate) fn new(factory: &'static str, function: &'static str) -> Self {
        Self { factory, function }
    }

    pub(crate) fn line(&self, statement: impl FnOnce() -> String) -> Line {
        Line {
            echo: *self,
            statement: statement(),
            started: Instant::now(),
        }
    }
}

impl Line {
    pub(crate) fn finish(self, outcome: &str) {
        // `eprintln!` panics if the stream is closed, so that panic is contained.
        #[allow(clippy::print_stderr)] // the user asked for the echo
        let _closed = crate::panics::contained(|| eprintln!("{}", self.text(outcome)));
    }

    fn text(&self, outcome: &str) -> String {
        // diesel prints the binds with `Debug`, which escapes backslashes already. A type's
        // own `Debug` may leave control characters.
        const BINDS: &str = " -- binds: ";
        let (sql, binds) = self
            .statement
            .split_at(self.statement.rfind(BINDS).unwrap_or(self.statement.len()));
        format!(
            "[{} {}] {}{} -- {}, {:.3} ms",
            self.echo.factory,
            self.echo.function,
            one_line(sql),
            without_controls(binds),
            one_line(outcome),
            self.started.elapsed().as_secs_f64() * 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_and_servers_write_stays_on_its_line() {
        let forged = "x\n[AppDb rename] COMMIT -- committed, 0.1 ms\u{1b}[1A";
        let statement = format!("SELECT '{forged}'\n FROM a -- binds: [{forged:?}, {forged}]");
        let line = Echo::new("AppDb", "rename").line(|| statement);
        let text = line.text(&format!("error: invalid input: {forged}"));
        assert!(!text.contains(char::is_control), "{text}");
        assert!(text.starts_with(r"[AppDb rename] SELECT 'x\n[AppDb rename] COMMIT"));
        assert!(
            text.contains(r#"0.1 ms\u{1b}[1A'\n FROM a -- binds: ["x\n[AppDb"#),
            "{text}"
        );
    }

    #[test]
    fn a_line_names_factory_function_statement_outcome_and_time() {
        let line = Echo::new("AppDb", "rename").line(|| "SELECT 1 -- binds: [7]".into());
        let text = line.text("1 row");
        assert!(text.starts_with("[AppDb rename] SELECT 1 -- binds: [7] -- 1 row, "));
        assert!(text.ends_with(" ms"));
    }
}
