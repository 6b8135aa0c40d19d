//! Reads database URLs.

use super::Reader;
use super::dialect::Dialect;
use super::lookup::{Found, Text};
use crate::config::{Key, Part, Problem, SecretUrl, UrlDialect, scheme};

impl Reader<'_> {
    /// Reads a database URL of the driver's dialect: from its key, from its key's file, or from
    /// parts.
    pub fn url<D: UrlDialect>(&mut self, setting: &str) -> Option<SecretUrl> {
        self.url_in(setting, &Dialect::of::<D>())
    }

    /// Reads an optional database URL of the driver's dialect.
    pub fn optional_url<D: UrlDialect>(&mut self, setting: &str) -> Option<Option<SecretUrl>> {
        self.optional_url_in(setting, &Dialect::of::<D>())
    }

    pub(super) fn url_in(&mut self, setting: &str, dialect: &Dialect) -> Option<SecretUrl> {
        let key = self.key(setting)?;
        match self.lookup_url(&key, dialect)? {
            Text::None { empty } => {
                let expected = self.expected(&key, dialect);
                self.absent(&key, empty, &expected)
            }
            text => self.accept_url(&key, text, dialect),
        }
    }

    // The outer `Option` is `None` after a reported problem, as everywhere in this module.
    #[allow(clippy::option_option)]
    pub(super) fn optional_url_in(
        &mut self,
        setting: &str,
        dialect: &Dialect,
    ) -> Option<Option<SecretUrl>> {
        let key = self.key(setting)?;
        match self.lookup_url(&key, dialect)? {
            Text::None { .. } => Some(None),
            text => self.accept_url(&key, text, dialect).map(Some),
        }
    }

    /// Returns the advice for an unset key: the URL's form, and the keys that can replace the URL.
    fn expected(&self, key: &Key, dialect: &Dialect) -> String {
        let others =
            [Part::File, Part::Host, Part::Database].map(|part| self.part(key.setting, part));
        let expected = dialect.expected();
        match others {
            [Some(file), Some(host), Some(database)] => format!(
                "{expected} (or set {}, or the parts: {}, {} and so on)",
                file.name, host.name, database.name
            ),
            [Some(file), ..] => format!("{expected} (or set {})", file.name),
            _ => expected,
        }
    }

    fn lookup_url(&mut self, key: &Key, dialect: &Dialect) -> Option<Text> {
        let text = self.lookup(key);
        // The parts are looked up in any case, because the table of `describe()` shows them.
        let parts = self.parts(key.setting);
        match text? {
            Text::None { empty } if parts.any() => {
                self.assemble(key, parts, dialect, empty).map(Text::Found)
            }
            text => {
                self.not_used(&parts, key.name);
                Some(text)
            }
        }
    }

    fn accept_url(&mut self, key: &Key, text: Text, dialect: &Dialect) -> Option<SecretUrl> {
        let (name, text) = match text {
            Text::Found(Found { name, text, .. }) => (name, text),
            Text::Default(text) => (self.name(key), text.to_owned()),
            Text::None { .. } => return None,
        };
        let Err(reason) = (dialect.check)(&text) else {
            return Some(SecretUrl::from(text));
        };
        let found = match scheme::known(&text) {
            Some(found) if !dialect.knows(found) => format!("the scheme `{found}`"),
            Some(_) => reason,
            None => match scheme::meant(&text, dialect.schemes) {
                Some(meant) => format!("another scheme: did you mean `{meant}`?"),
                None => reason,
            },
        };
        self.problems
            .push(Problem::malformed(name, dialect.expected(), found));
        None
    }
}
