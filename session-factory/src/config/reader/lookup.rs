//! Looks a key up: its variable, its file, its default.

use std::fs;
use std::path::Path;

use super::{Reader, Variable};
use crate::config::describe::Row;
use crate::config::error::{plain, quoted};
use crate::config::{Key, Part, Problem, Source};

/// The text found for a key.
pub(super) enum Text {
    Found(Found),
    /// The key's own default.
    Default(&'static str),
    None {
        empty: bool,
    },
}

/// A text, and the name that errors print for it.
pub(super) struct Found {
    pub(super) name: &'static str,
    pub(super) secret: bool,
    pub(super) text: String,
}

/// True if the text can be this part of a URL. Other text is not shown, because it may be a
/// piece of a whole URL, including its password.
fn fits(part: Option<Part>, text: &str) -> bool {
    let only = |others: &[char]| {
        text.chars()
            .all(|c| c.is_alphanumeric() || others.contains(&c))
    };
    match part {
        Some(Part::Host) => text.split(',').map(str::trim).all(is_host),
        Some(Part::Port) => text.parse::<u16>().is_ok(),
        Some(Part::User | Part::Database) => only(&['-', '.', '_']),
        _ => true,
    }
}

pub(super) fn is_host_name(host: &str) -> bool {
    !host.is_empty() && host.chars().all(is_of_a_host_name)
}

pub(super) fn is_of_a_host_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '-' | '.' | '_')
}

/// True for a name, an address, or an existing folder (of a socket).
fn is_host(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    is_host_name(host)
        || address.parse::<std::net::IpAddr>().is_ok()
        || host.starts_with('/') && Path::new(host).is_dir()
}

/// The content of one variable.
pub(super) enum Seen {
    Unset,
    Empty,
    Set(String),
}

impl Reader<'_> {
    /// Looks one variable up. Returns `None` after reporting that it is unreadable.
    pub(super) fn look(&mut self, key: &Key) -> Option<Seen> {
        let name = self.name(key);
        let (seen, source) = match (self.vars)(name) {
            Variable::Set(text, source) if text.trim().is_empty() => (Seen::Empty, source),
            Variable::Set(text, source) => (Seen::Set(text.trim().to_owned()), source),
            Variable::Unset => (Seen::Unset, Source::NotSet),
            Variable::NotUnicode => {
                self.rows
                    .push(Row::new(name, Source::Environment, "(not Unicode)"));
                self.problems.push(Problem::malformed(
                    name,
                    "text",
                    "bytes that are not Unicode",
                ));
                return None;
            }
        };
        let shown = match &seen {
            Seen::Set(_) if key.secret => "[redacted]".to_owned(),
            // Not shown until it proves to be a path: it may be the secret itself, under the wrong name.
            Seen::Set(_) if key.part.is_some_and(Part::is_file) => "(a path)".to_owned(),
            Seen::Set(text) if !fits(key.part, text) => "(not shown)".to_owned(),
            Seen::Set(text) => plain(text),
            Seen::Empty => "(empty)".to_owned(),
            Seen::Unset => String::new(),
        };
        self.rows.push(Row::new(name, source, shown));
        Some(seen)
    }

    /// Looks up a key, its file and its default. Returns `None` after reporting what is wrong.
    pub(super) fn lookup(&mut self, key: &Key) -> Option<Text> {
        let direct = self.look(key);
        let file = self.file_of(key).map(|file| (file, self.look(&file)));
        let empty = match (direct?, file) {
            (Seen::Set(_), Some((file, Some(Seen::Set(_))))) => {
                self.problems.push(Problem::conflict(key.name, file.name));
                return None;
            }
            (Seen::Set(text), _) => {
                return Some(Text::Found(Found {
                    name: self.name(key),
                    secret: key.secret,
                    text,
                }));
            }
            (_, Some((file, Some(Seen::Set(path))))) => {
                let found = self.content(&file, &path)?;
                self.settle(key.name, Source::File, "[redacted]");
                return Some(Text::Found(found));
            }
            (_, Some((_, None))) => return None,
            (seen, _) => matches!(seen, Seen::Empty),
        };
        Some(match key.default {
            Some(default) => {
                self.settle(self.name(key), Source::Default, default);
                Text::Default(default)
            }
            None => Text::None { empty },
        })
    }

    /// Returns the companion key of the file that may hold the value.
    fn file_of(&self, key: &Key) -> Option<Key> {
        let part = match key.part {
            None => Part::File,
            Some(Part::Password) => Part::PasswordFile,
            Some(_) => return None,
        };
        self.part(key.setting, part)
    }

    /// Returns the key of a part. A configuration from serde has no such keys.
    pub(super) fn part(&self, setting: &str, part: Part) -> Option<Key> {
        self.keys
            .iter()
            .find(|key| key.setting == setting && key.part == Some(part))
            .filter(|_| !self.by_setting)
            .copied()
    }

    /// Reads a mounted file, without the newline that an editor adds at its end.
    pub(super) fn content(&mut self, key: &Key, path: &str) -> Option<Found> {
        const EXPECTED: &str = "the path of a file that holds the value";
        let problem = match fs::read_to_string(path) {
            Ok(mut text) => {
                if text.ends_with('\n') {
                    text.pop();
                    if text.ends_with('\r') {
                        text.pop();
                    }
                }
                if let Some(row) = self.row(key.name) {
                    row.value = plain(path);
                }
                if !text.is_empty() {
                    return Some(Found {
                        name: key.name,
                        secret: true,
                        text,
                    });
                }
                Problem::malformed(key.name, EXPECTED, "an empty file")
            }
            Err(error) => {
                let found = format!("a file that cannot be read ({})", error.kind());
                Problem::malformed(key.name, EXPECTED, found)
            }
        };
        self.problems.push(problem);
        None
    }

    /// Records a variable's final source and value for the table.
    pub(super) fn settle(&mut self, name: &str, source: Source, shown: &str) {
        if let Some(row) = self.row(name) {
            row.source = source;
            shown.clone_into(&mut row.value);
        }
    }

    pub(super) fn row(&mut self, name: &str) -> Option<&mut Row> {
        self.rows.iter_mut().rfind(|row| row.name == name)
    }

    /// Reports that a required variable is unset or empty.
    pub(super) fn absent<T>(&mut self, key: &Key, empty: bool, expected: &str) -> Option<T> {
        let problem = if empty {
            Problem::empty
        } else {
            Problem::missing
        };
        self.problems.push(problem(self.name(key), expected));
        None
    }

    /// Parses a text. Reports a malformed one, and quotes it unless it is a secret.
    pub(super) fn accept<T>(
        &mut self,
        found: &Found,
        expected: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let value = parse(&found.text);
        if value.is_none() {
            let shown = if found.secret {
                "a secret (not shown)".to_owned()
            } else {
                quoted(&found.text)
            };
            self.problems
                .push(Problem::malformed(found.name, expected, shown));
        }
        value
    }
}
