//! `DB_ECHO`: every statement with its binds, its time and its outcome, on the console.
//!
//! As in `SQLAlchemy`'s `echo`. It goes to the standard error stream, and shows the values of binds: it is
//! for development.

use std::time::Instant;

/// Whose statements are printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Echo {
    factory: &'static str,
    function: &'static str,
}

/// One statement on its way.
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
        #[allow(clippy::print_stderr)] // what the user asked for
        {
            eprintln!("{}", self.text(outcome));
        }
    }

    fn text(&self, outcome: &str) -> String {
        format!(
            "[{} {}] {} -- {outcome}, {:.3} ms",
            self.echo.factory,
            self.echo.function,
            self.statement,
            self.started.elapsed().as_secs_f64() * 1000.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_names_factory_function_statement_outcome_and_time() {
        let line = Echo::new("AppDb", "rename").line(|| "SELECT 1 -- binds: [7]".into());
        let text = line.text("1 row");
        assert!(text.starts_with("[AppDb rename] SELECT 1 -- binds: [7] -- 1 row, "));
        assert!(text.ends_with(" ms"));
    }
}
