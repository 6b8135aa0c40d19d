//! The MySQL URL.

use std::fmt;
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use crate::config::is_this_machine;
use crate::config::known_names::suggestion;
use crate::config::scheme;
use crate::observe::unresolved;

pub(super) const SCHEMES: &[&str] = &["mysql", "mariadb"];

/// The default port.
const PORT: u16 = 3306;
/// The options that take effect.
const OPTIONS: [&str; 6] = [
    "socket", "charset", "ssl-mode", "ssl-ca", "ssl-cert", "ssl-key",
];
const EXPECTED: &str = "mysql://user:password@host:3306/database";

/// A parsed URL. Its `Debug` output does not show the password.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) user: Option<String>,
    pub(super) password: Option<SecretString>,
    pub(super) database: Option<String>,
    /// The servers, tried in order.
    pub(super) places: Vec<Place>,
    pub(super) encryption: Encryption,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(String, u16),
    #[cfg_attr(not(unix), allow(dead_code))]
    Socket(PathBuf),
}

/// `ssl-mode` and the files that belong to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Encryption {
    pub(super) mode: Mode,
    /// `ssl-ca`; `None` for the platform's own authorities.
    pub(super) authority: Option<PathBuf>,
    /// `ssl-cert` and `ssl-key`.
    pub(super) identity: Option<(PathBuf, PathBuf)>,
}

/// `ssl-mode`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Mode {
    Disabled,
    /// TLS if the server has it.
    #[default]
    Preferred,
    /// TLS, with any certificate.
    Required,
    /// TLS, with a certificate that a trusted authority issued for any name.
    VerifyCa,
    /// TLS, with a certificate that a trusted authority issued for the host's name.
    VerifyIdentity,
}

impl Mode {
    /// MySQL's names, and those of PostgreSQL's `sslmode`.
    const NAMES: [(&'static str, Self); 9] = [
        ("disabled", Self::Disabled),
        ("preferred", Self::Preferred),
        ("required", Self::Required),
        ("verify-ca", Self::VerifyCa),
        ("verify-identity", Self::VerifyIdentity),
        ("disable", Self::Disabled),
        ("prefer", Self::Preferred),
        ("require", Self::Required),
        ("verify-full", Self::VerifyIdentity),
    ];

    fn named(value: &str) -> Result<Self, String> {
        let value = value.to_ascii_lowercase().replace('_', "-");
        let found = Self::NAMES.iter().find(|(name, _)| *name == value);
        found.map(|(_, mode)| *mode).ok_or_else(|| {
            "its ssl-mode is not DISABLED, PREFERRED, REQUIRED, VERIFY_CA or VERIFY_IDENTITY".into()
        })
    }
}

/// Parses a URL with the scheme `mysql` or `mariadb`, to which a driver's name may be added as in SQLAlchemy
/// (`mysql+pymysql://`), and with one or several hosts. The error says what is wrong. It quotes only names of options.
pub(super) fn parse(url: &str) -> Result<Target, String> {
    let not_a_url = || format!("it is not a MySQL URL: expected {EXPECTED}");
    let (scheme, rest) = url.split_once("://").ok_or_else(not_a_url)?;
    if !scheme::is_one_of(scheme, SCHEMES) {
        return Err(not_a_url());
    }
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may contain a slash that is not encoded, so the last `@` ends the password.
    let (login, rest) = match rest.rsplit_once('@') {
        Some((login, rest)) => (Some(login), rest),
        None => (None, rest),
    };
    let (hosts, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
        Some((user, password)) => (decoded(user)?, decoded(password)?),
        None => (None, None),
    };
    let database = decoded(database)?;
    let mut places = hosts
        .split(',')
        .filter(|host| !host.is_empty())
        .map(place)
        .collect::<Result<Vec<_>, _>>()?;
    if options.contains('@') {
        return Err(
            "its options are not valid (a `?` in the password is written percent-encoded)".into(),
        );
    }
    let mut files: [Option<PathBuf>; 3] = Default::default();
    let mut mode = None;
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let file = |name: &str| -> Result<PathBuf, String> {
            let path = decoded(value)?.ok_or_else(|| format!("its {name} names no file"))?;
            Ok(path.into())
        };
        match name.to_ascii_lowercase().replace('_', "-").as_str() {
            "socket" | "unix-socket" => {
                let path = decoded(value)?.ok_or("its socket is not valid: expected a path")?;
                places = vec![Place::Socket(path.into())];
            }
            "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
            "charset" => return Err("its charset is not utf8mb4, which diesel needs".into()),
            "ssl-mode" | "sslmode" => mode = Some(Mode::named(value)?),
            "ssl-ca" => files[0] = Some(file("ssl-ca")?),
            "ssl-cert" => files[1] = Some(file("ssl-cert")?),
            "ssl-key" => files[2] = Some(file("ssl-key")?),
            // Any other option that requests TLS is an error: never connect without TLS instead.
            name if asks_for_tls(name) => return Err(OTHER_TLS.into()),
            // The option's own name is never printed, because it might be a piece of a password.
            name if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') => {
                return Err(format!(
                    "one of its options is not known{}; expected {}",
                    suggestion(name, OPTIONS),
                    OPTIONS.join(", ")
                ));
            }
            _ => return Err("its options are not valid (after `?`: name=value)".into()),
        }
    }
    if places.is_empty() {
        return Err(format!("it names no host: expected {EXPECTED}"));
    }
    Ok(Target {
        user,
        password: password.map(SecretString::from),
        database,
        places,
        encryption: encryption(mode, files)?,
    })
}

fn encryption(mode: Option<Mode>, files: [Option<PathBuf>; 3]) -> Result<Encryption, String> {
    let [authority, certificate, key] = files;
    // As in MySQL's own clients: naming an authority implies that it is verified.
    let implied = if authority.is_some() {
        Mode::VerifyCa
    } else {
        Mode::Preferred
    };
    let mode = mode.unwrap_or(implied);
    if !cfg!(feature = "tls") && (mode > Mode::Preferred || certificate.is_some()) {
        return Err(NO_TLS.into());
    }
    let identity = match (certificate, key) {
        (None, None) => None,
        (Some(certificate), Some(key)) => Some((certificate, key)),
        (Some(_), None) => return Err("its ssl-cert needs an ssl-key".into()),
        (None, Some(_)) => return Err("its ssl-key needs an ssl-cert".into()),
    };
    Ok(Encryption {
        mode,
        authority,
        identity,
    })
}

/// Returns the first host in a URL that may not be this machine.
pub(super) fn elsewhere(url: &str) -> Option<String> {
    let places = parse(url).map_or_else(|_| Vec::new(), |target| target.places);
    places.into_iter().find_map(|place| match place {
        Place::Tcp(host, _) if !is_this_machine(&host) => Some(host),
        Place::Tcp(..) | Place::Socket(_) => None,
    })
}

/// Returns a URL as instrumentations see it: the servers' addresses, and nothing that could be a piece of the password.
pub(super) fn shown(url: &str) -> String {
    let places = parse(url).map_or_else(|_| Vec::new(), |target| target.places);
    let place = |place: &Place| match place {
        Place::Tcp(host, port) => unresolved(host, *port),
        Place::Socket(_) => place.to_string(),
    };
    let places: Vec<_> = places.iter().map(place).collect();
    format!("mysql://{}", places.join(","))
}

/// True for `ssl`, `useSSL`, `require_ssl`, `tls`, `verify_identity`, …
fn asks_for_tls(option: &str) -> bool {
    let words = ["ssl", "tls", "verify"];
    words.iter().any(|word| option.contains(word))
        && option
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-')
}

/// The message omits the option's name, because it may contain a piece of a password.
const OTHER_TLS: &str = "it asks for TLS in words that are not known here, and nothing is sent in clear text instead; \
     write ssl-mode=REQUIRED, VERIFY_CA or VERIFY_IDENTITY";
const NO_TLS: &str = "it asks for TLS, which needs the feature `tls` of session-factory: nothing is sent in clear text \
     instead";

fn place(host: &str) -> Result<Place, String> {
    let wrong_port = || "its port is not valid".to_owned();
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']').ok_or("its host is not valid")?;
        let port = match port.strip_prefix(':') {
            Some(port) => port.parse().map_err(|_| wrong_port())?,
            None => PORT,
        };
        return Ok(Place::Tcp(address.to_owned(), port));
    }
    match host.split_once(':') {
        Some((name, port)) => {
            let port = port.parse().map_err(|_| {
                format!(
                    "{} (a `/`, `:`, `@`, `?` or `#` in the password is written percent-encoded)",
                    wrong_port()
                )
            })?;
            Ok(Place::Tcp(name.to_owned(), port))
        }
        None => Ok(Place::Tcp(host.to_owned(), PORT)),
    }
}

fn decoded(text: &str) -> Result<Option<String>, String> {
    let decoded = percent_decode_str(text)
        .decode_utf8()
        .map_err(|_| "its percent-encoding is not UTF-8".to_owned())?;
    Ok(Some(decoded.into_owned()).filter(|text| !text.is_empty()))
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            // A path that does not exist may be a piece of the password.
            Self::Socket(path) if !path.exists() => f.write_str("the socket that its URL names"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests;
