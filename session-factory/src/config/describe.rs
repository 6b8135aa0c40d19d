//! Formats the table of `AppDb::describe()`.

use std::fmt::Write as _;

use super::{Problem, Source};

/// One value in the table.
#[derive(Debug)]
pub(super) struct Row {
    /// The key's name, or the setting's if it has no key.
    pub(super) name: &'static str,
    pub(super) source: Source,
    /// The value as text that contains no secret.
    pub(super) value: String,
    /// A remark about the value.
    pub(super) note: Option<String>,
}

impl Row {
    pub(super) fn new(name: &'static str, source: Source, value: impl Into<String>) -> Self {
        Self {
            name,
            source,
            value: value.into(),
            note: None,
        }
    }
}

/// Formats the rows with their problems. All other problems follow the table.
pub(super) fn table(factory: &str, rows: &[Row], problems: &[Problem]) -> String {
    const HEAD: [&str; 3] = ["key", "source", "value"];
    let width = |head: &str, of: &dyn Fn(&Row) -> usize| {
        rows.iter().map(of).max().unwrap_or(0).max(head.len())
    };
    let name = width(HEAD[0], &|row| row.name.len());
    let source = width(HEAD[1], &|row| row.source.to_string().len());
    // One long value must not push the other rows' remarks off the screen.
    let value = width(HEAD[2], &|row| row.value.chars().count()).min(32);
    let mut text = format!("Configuration of {factory}\n");
    // Writing to a `String` cannot fail.
    let mut line = |cells: [&str; 3], remark: &str| {
        let [key, from, is] = cells;
        let line = format!("{key:name$}  {from:source$}  {is:value$}  {remark}");
        let _ = writeln!(text, "{}", line.trim_end());
    };
    line(HEAD, "");
    for row in rows {
        let wrong = problems
            .iter()
            .filter(|problem| problem.key() == row.name)
            .map(|problem| format!("WRONG: {}", problem.reason()));
        let remarks: Vec<_> = wrong.chain(row.note.clone()).collect();
        let from = row.source.to_string();
        line([row.name, &from, &row.value], &remarks.join("; "));
    }
    let elsewhere = problems
        .iter()
        .filter(|problem| rows.iter().all(|row| row.name != problem.key()));
    for problem in elsewhere {
        let _ = writeln!(text, "WRONG: {problem}");
    }
    let _ = match problems.len() {
        0 => writeln!(text, "Nothing is wrong with it."),
        1 => writeln!(text, "1 thing is wrong with it."),
        more => writeln!(text, "{more} things are wrong with it."),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_says_where_its_value_is_from_and_what_is_wrong_with_it() {
        let mut unused = Row::new("DB_HOST", Source::Environment, "db");
        unused.note = Some("not used: DATABASE_URL is set".to_owned());
        let rows = [
            Row::new("DATABASE_URL", Source::Environment, "[redacted]"),
            unused,
            Row::new("DB_POOL_SIZE", Source::Dotenv, "many"),
            Row::new("max_overflow", Source::Constant, "0"),
        ];
        let problems = [
            Problem::malformed("DB_POOL_SIZE", "a whole number", "`many`"),
            Problem::malformed(".env, line 3", "`KEY=value`", "another form"),
        ];
        assert_eq!(
            table("AppDb", &rows, &problems),
            "Configuration of AppDb\n\
             key           source       value\n\
             DATABASE_URL  environment  [redacted]\n\
             DB_HOST       environment  db          not used: DATABASE_URL is set\n\
             DB_POOL_SIZE  .env         many        WRONG: expected a whole number; found `many`\n\
             max_overflow  constant     0\n\
             WRONG: .env, line 3 is malformed; expected `KEY=value`; found another form\n\
             2 things are wrong with it.\n"
        );
        let fine = table("AppDb", &rows[..1], &[]);
        assert!(fine.ends_with("Nothing is wrong with it.\n"), "{fine}");
    }
}
