//! A URL given in parts, as container platforms provide them: host, port, user, password, database.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::Reader;
use super::dialect::Dialect;
use super::lookup::{Found, Seen, is_host_name, is_of_a_host_name};
use crate::config::{Key, Part, Problem, Source};

/// All characters except those that RFC 3986 calls unreserved.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The parts of one URL; `None` for a key that the factory lacks, or that is unreadable.
pub(super) struct Parts {
    host: Option<(Key, Seen)>,
    port: Option<(Key, Seen)>,
    user: Option<(Key, Seen)>,
    /// The password itself. `password_file` is read only if the URL is assembled.
    password: Option<(Key, Seen)>,
    password_file: Option<(Key, Seen)>,
    database: Option<(Key, Seen)>,
    /// True if a part is unreadable; the reader has then reported that.
    broken: bool,
}

impl Parts {
    fn all(&self) -> impl Iterator<Item = &(Key, Seen)> {
        [
            &self.host,
            &self.port,
            &self.user,
            &self.password,
            &self.password_file,
            &self.database,
        ]
        .into_iter()
        .flatten()
    }

    /// True if the environment provides a part of the URL.
    pub(super) fn any(&self) -> bool {
        self.broken || self.all().any(|(_, seen)| matches!(seen, Seen::Set(_)))
    }
}

impl Reader<'_> {
    pub(super) fn parts(&mut self, setting: &str) -> Parts {
        let mut broken = false;
        let mut look = |part| {
            let key = self.part(setting, part)?;
            let seen = self.look(&key);
            broken |= seen.is_none();
            Some((key, seen?))
        };
        let (host, port, user) = (look(Part::Host), look(Part::Port), look(Part::User));
        let (password, password_file) = (look(Part::Password), look(Part::PasswordFile));
        let database = look(Part::Database);
        Parts {
            host,
            port,
            user,
            password,
            password_file,
            database,
            broken,
        }
    }

    /// Notes in the table that the parts have no effect, because the whole URL is set.
    pub(super) fn not_used(&mut self, parts: &Parts, url: &'static str) {
        for (key, seen) in parts.all() {
            if let (Seen::Set(_), Some(row)) = (seen, self.row(key.name)) {
                row.note = Some(format!("not used: {url} is set"));
            }
        }
    }

    /// Assembles the URL. Returns `None` after reporting what is wrong with its parts.
    pub(super) fn assemble(
        &mut self,
        url: &Key,
        parts: Parts,
        dialect: &Dialect,
        empty: bool,
    ) -> Option<Found> {
        let broken = parts.broken;
        let Parts {
            host: Some(host),
            database: Some(database),
            ..
        } = parts
        else {
            return self.absent(url, empty, &dialect.expected());
        };
        let blame = host.0;
        let required = |of: &str| format!("{of}: other parts are set, and {} is not", url.name);
        let host = self.required(host, &required("the host of the database"));
        let database = self.required(database, &required("the name of the database"));
        let port = self.port(parts.port);
        let password = self.password(parts.password, parts.password_file);
        let user = match (parts.user, &password) {
            (Some((_, Seen::Set(user))), _) => Some(Some(user)),
            (Some((key, _)), Some(Some(_))) => {
                self.problems
                    .push(Problem::missing(key.name, "the user of the password"));
                None
            }
            _ => Some(None),
        };
        let hosts = host.and_then(|host| self.hosts(&blame, &host, port.flatten()));
        let (hosts, database, _) = (hosts?, database?, port?);
        let credentials = match (user?, password?) {
            (Some(user), Some(password)) => format!("{}:{}@", encoded(&user), encoded(&password)),
            (Some(user), None) => format!("{}@", encoded(&user)),
            (None, _) => String::new(),
        };
        let scheme = dialect.schemes.first().unwrap_or(&"scheme");
        let text = format!("{scheme}://{credentials}{hosts}/{}", encoded(&database));
        self.settle(url.name, Source::Parts, "[redacted]");
        (!broken).then_some(Found {
            name: blame.name,
            secret: true,
            text,
        })
    }

    fn required(&mut self, (key, seen): (Key, Seen), expected: &str) -> Option<String> {
        match seen {
            Seen::Set(text) => Some(text),
            Seen::Empty => self.absent(&key, true, expected),
            Seen::Unset => self.absent(&key, false, expected),
        }
    }

    // The outer `Option` is `None` after a reported problem, as everywhere in this module.
    #[allow(clippy::option_option)]
    fn port(&mut self, port: Option<(Key, Seen)>) -> Option<Option<u16>> {
        let Some((key, Seen::Set(text))) = port else {
            return Some(None);
        };
        match text.parse() {
            Ok(port) if port > 0 => Some(Some(port)),
            _ => {
                let expected = "a port: a whole number from 1 to 65535";
                self.problems
                    .push(Problem::malformed(key.name, expected, NOT_A_PORT));
                None
            }
        }
    }

    // As for `port`.
    #[allow(clippy::option_option)]
    fn password(
        &mut self,
        password: Option<(Key, Seen)>,
        file: Option<(Key, Seen)>,
    ) -> Option<Option<String>> {
        match (password, file) {
            (Some((key, Seen::Set(_))), Some((file, Seen::Set(_)))) => {
                self.problems.push(Problem::conflict(key.name, file.name));
                None
            }
            (Some((_, Seen::Set(text))), _) => Some(Some(text)),
            (_, Some((file, Seen::Set(path)))) => {
                let found = self.content(&file, &path)?;
                Some(Some(found.text))
            }
            _ => Some(None),
        }
    }

    /// Returns the hosts in the URL's form. A host that begins with `/` is the folder of a socket.
    fn hosts(&mut self, key: &Key, hosts: &str, port: Option<u16>) -> Option<String> {
        let mut texts = Vec::new();
        for host in hosts.split(',').map(str::trim) {
            let address = host.trim_start_matches('[').trim_end_matches(']');
            let host = if host.starts_with('/') {
                encoded(host)
            } else if address.parse::<std::net::Ipv6Addr>().is_ok() {
                format!("[{address}]")
            } else if is_host_name(host) {
                host.to_owned()
            } else {
                let expected =
                    "a host name or address such as `localhost`, without scheme, user and port";
                let found = match host.chars().position(|c| !is_of_a_host_name(c)) {
                    Some(at) => format!(
                        "a value (not shown) with a character that no host name has, at position {}",
                        at + 1
                    ),
                    None => "an empty name in the list".to_owned(),
                };
                self.problems
                    .push(Problem::malformed(key.name, expected, found));
                return None;
            };
            texts.push(match port {
                Some(port) => format!("{host}:{port}"),
                None => host,
            });
        }
        Some(texts.join(","))
    }
}

// A part's value is not shown: it may be a whole URL, or a piece of one.
const NOT_A_PORT: &str = "a value that is none (not shown)";

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}
