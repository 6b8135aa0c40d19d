//! Reads the `.env` file when the program starts. A variable that is set in the process's environment takes
//! precedence, and that environment is not changed.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::reader::{Variable, environment};
use super::{Key, Problem, Reader, Source};

impl Reader<'static> {
    /// Reads the process's environment. A variable that is unset there is read from the `.env` file
    /// of the working directory, or of the nearest folder above that has one. Without such a file,
    /// this is the same as [`from_env`](Self::from_env).
    ///
    /// [dotenvy](https://docs.rs/dotenvy) parses the file: the first value of a name counts, and
    /// `$NAME` is replaced except in single quotes.
    #[must_use]
    pub fn from_env_and_dotenv(factory: &'static str, keys: &'static [Key]) -> Self {
        let file = std::env::current_dir()
            .ok()
            .and_then(|folder| find(&folder));
        let Dotenv { values, problems } = file.map_or_else(Dotenv::default, |file| read(&file));
        let vars = move |name: &str| match (environment(name), values.get(name)) {
            (Variable::Unset, Some(value)) => Variable::Set(value.clone(), Source::Dotenv),
            (found, _) => found,
        };
        Self::new(factory, keys, vars).with_problems(problems)
    }
}

/// The content of a file.
#[derive(Default)]
struct Dotenv {
    values: HashMap<String, String>,
    problems: Vec<Problem>,
}

/// Returns the values of the `.env` file that [`Reader::from_env_and_dotenv`] reads.
#[cfg(feature = "testing")]
pub(crate) fn values() -> HashMap<String, String> {
    let file = std::env::current_dir()
        .ok()
        .and_then(|folder| find(&folder));
    file.map_or_else(HashMap::new, |file| read(&file).values)
}

fn find(folder: &Path) -> Option<PathBuf> {
    folder
        .ancestors()
        .map(|folder| folder.join(".env"))
        .find(|file| file.is_file())
}

fn read(file: &Path) -> Dotenv {
    match fs::read_to_string(file) {
        Ok(text) => parse(&file.display().to_string(), &text),
        Err(error) => {
            let found = match error.kind() {
                ErrorKind::InvalidData => "bytes that are not Unicode".to_owned(),
                kind => format!("a file that cannot be read ({kind})"),
            };
            let expected = "a text file with lines of the form `KEY=value`";
            Dotenv {
                problems: vec![Problem::malformed(
                    file.display().to_string(),
                    expected,
                    found,
                )],
                ..Dotenv::default()
            }
        }
    }
}

/// Returns the values of the readable lines. Each unreadable line is reported as a problem with its number;
/// no line is quoted, because it may contain a secret.
fn parse(file: &str, text: &str) -> Dotenv {
    let text = text.trim_start_matches('\u{feff}');
    let mut dotenv = Dotenv::default();
    for item in dotenvy::from_read_iter(text.as_bytes()) {
        match item {
            Ok((key, value)) => {
                dotenv.values.entry(key).or_insert(value);
            }
            Err(error) => {
                let place = match &error {
                    dotenvy::Error::LineParse(line, _) => line_number(text, line)
                        .map_or_else(|| file.to_owned(), |line| format!("{file}, line {line}")),
                    _ => file.to_owned(),
                };
                let expected = "`KEY=value`, with quotes around a value that has blanks";
                let found = "something else (not shown, it may be a secret)";
                dotenv
                    .problems
                    .push(Problem::malformed(place, expected, found));
            }
        }
    }
    dotenv
}

/// Returns the number of the line that dotenvy quotes.
fn line_number(text: &str, line: &str) -> Option<usize> {
    let line = line.trim();
    let at = text.match_indices(line).map(|(at, _)| at).find(|at| {
        text[..*at]
            .rsplit('\n')
            .next()
            .is_some_and(|before| before.trim().is_empty())
    })?;
    Some(text[..at].matches('\n').count() + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_that_can_be_read_are_read_and_the_others_are_numbered() {
        let dotenv = parse(
            "/app/.env",
            "# a comment\nDB_ECHO=yes\nexport DB_POOL_SIZE='7'\n\nthis is hunter2\nDB_ECHO=no\n\
             OTHER=\"two\nlines\"\n",
        );
        assert_eq!(dotenv.values["DB_ECHO"], "yes", "the first counts");
        assert_eq!(dotenv.values["DB_POOL_SIZE"], "7");
        assert_eq!(dotenv.values["OTHER"], "two\nlines");
        let [problem] = dotenv.problems.as_slice() else {
            panic!("{:?}", dotenv.problems);
        };
        assert_eq!(problem.key(), "/app/.env, line 5");
        assert!(!problem.to_string().contains("hunter2"), "{problem}");
    }

    #[test]
    fn a_quote_that_is_not_closed_is_told_where_it_begins() {
        let dotenv = parse(".env", "A=1\nDATABASE_URL='postgres://ada:hunter2@h/d\n");
        let [problem] = dotenv.problems.as_slice() else {
            panic!("{:?}", dotenv.problems);
        };
        assert_eq!(problem.key(), ".env, line 2");
        assert!(!format!("{problem} {problem:?}").contains("hunter2"));
    }

    #[test]
    fn a_mark_at_the_beginning_is_no_part_of_the_first_key() {
        assert_eq!(parse(".env", "\u{feff}A=1").values["A"], "1");
    }
}
