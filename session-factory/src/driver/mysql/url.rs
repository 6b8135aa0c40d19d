//! The MySQL URL.

use std::path::PathBuf;

use mysql_async::OptsBuilder;
use percent_encoding::percent_decode_str;

use crate::config::is_this_machine;
use crate::config::known_names::suggestion;
use crate::config::scheme;
use crate::observe::unresolved;

pub(super) const SCHEMES: &[&str] = &["mysql", "mariadb"];

/// The default port.
const PORT: u16 = 3306;
/// The options that take effect.
const OPTIONS: [&str; 3] = ["socket", "charset", "ssl-mode"];
const EXPECTED: &str = "mysql://user:password@host:3306/database";

/// What a URL says. The password is not printed by anything: there is no `Debug`.
pub(super) struct Target {
    /// User, password and database, without an address.
    pub(super) opts: OptsBuilder,
    pub(super) database: Option<String>,
    /// Tried in order.
    pub(super) places: Vec<Place>,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Tcp(String, u16),
    #[cfg_attr(not(unix), allow(dead_code))]
    Socket(PathBuf),
}

/// Parses a URL: `mysql://` or `mariadb://`, with a driver's name as SQLAlchemy writes it (`mysql+pymysql://`)
/// or without, and one or several hosts. The error says what is wrong and quotes nothing but names of options.
pub(super) fn parse(url: &str) -> Result<Target, String> {
    let not_a_url = || format!("it is not a MySQL URL: expected {EXPECTED}");
    let (scheme, rest) = url.split_once("://").ok_or_else(not_a_url)?;
    if !scheme::is_one_of(scheme, SCHEMES) {
        return Err(not_a_url());
    }
    let (rest, options) = rest.split_once('?').unwrap_or((rest, ""));
    // A password may hold a slash that nobody encoded: the last `@` ends it.
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
    for option in options.split('&').filter(|option| !option.is_empty()) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "socket" | "unix_socket" => {
                let path = decoded(value)?.ok_or("its socket is not valid: expected a path")?;
                places = vec![Place::Socket(path.into())];
            }
            "charset" if value.eq_ignore_ascii_case("utf8mb4") => {}
            "charset" => return Err("its charset is not utf8mb4, which diesel needs".into()),
            "ssl-mode" | "ssl_mode" | "sslmode" => {
                if !["disabled", "disable", "preferred", "prefer"]
                    .contains(&value.to_ascii_lowercase().as_str())
                {
                    return Err(NO_TLS.into());
                }
            }
            // Whatever of the many names: never without TLS where it is asked for.
            _ if asks_for_tls(name) => return Err(NO_TLS.into()),
            // Its own name is never printed: it might be a piece of a password.
            _ if name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-')) =>
            {
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
    let opts = OptsBuilder::default()
        .user(user)
        .pass(password)
        .db_name(database.clone())
        // The rest of mysql_async's own settings are asked of the server otherwise, once per connection.
        .max_allowed_packet(Some(1 << 30))
        .wait_timeout(Some(28_800))
        .prefer_socket(false)
        .stmt_cache_size(0)
        .client_found_rows(true);
    Ok(Target {
        opts,
        database,
        places,
    })
}

/// The first host in a URL that may not be this machine.
pub(super) fn elsewhere(url: &str) -> Option<String> {
    let places = parse(url).map_or_else(|_| Vec::new(), |target| target.places);
    places.into_iter().find_map(|place| match place {
        Place::Tcp(host, _) if !is_this_machine(&host) => Some(host),
        Place::Tcp(..) | Place::Socket(_) => None,
    })
}

/// A URL as an instrumentation is shown it: where the server is, and nothing that could be a piece of the password.
pub(super) fn shown(url: &str) -> String {
    let places = parse(url).map_or_else(|_| Vec::new(), |target| target.places);
    let place = |place: &Place| match place {
        Place::Tcp(host, port) => unresolved(host, *port),
        Place::Socket(_) => place.to_string(),
    };
    let places: Vec<_> = places.iter().map(place).collect();
    format!("mysql://{}", places.join(","))
}

/// `ssl`, `ssl_ca`, `useSSL`, `require_ssl`, `tls`, `verify_identity`, …
fn asks_for_tls(option: &str) -> bool {
    let option = option.to_ascii_lowercase();
    ["ssl", "tls", "verify"]
        .iter()
        .any(|word| option.contains(word))
        && option
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

/// Which of the many names asks for it is not printed: it may have a piece of a password in it.
const NO_TLS: &str =
    "it asks for TLS, which there is not for MySQL yet: nothing is sent in clear text instead";

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

#[cfg(test)]
mod tests {
    use super::*;

    fn opts(url: &str) -> mysql_async::Opts {
        match parse(url) {
            Ok(target) => target.opts.into(),
            Err(wrong) => panic!("{url}: {wrong}"),
        }
    }

    fn places(url: &str) -> Vec<Place> {
        parse(url).map(|target| target.places).unwrap_or_default()
    }

    #[test]
    fn takes_the_forms_people_write() {
        for url in [
            "mysql://ada:a%40b@db.internal/app",
            "mariadb://ada:a%40b@db.internal:3306/app",
            "mysql+pymysql://ada:a@b@db.internal/app?charset=utf8mb4",
            "mariadb+mariadbconnector://ada:a%40b@db.internal/app?ssl-mode=DISABLED",
        ] {
            let opts = opts(url);
            assert_eq!(
                (opts.user(), opts.pass()),
                (Some("ada"), Some("a@b")),
                "{url}"
            );
            assert_eq!(opts.db_name(), Some("app"), "{url}");
            assert_eq!(
                places(url),
                [Place::Tcp("db.internal".into(), 3306)],
                "{url}"
            );
        }
        assert_eq!(opts("mysql://localhost").user(), None);
    }

    #[test]
    fn takes_several_hosts_addresses_and_a_socket() {
        assert_eq!(
            places("mysql://a@h1,h2:3307,[::1]:3308/db"),
            [
                Place::Tcp("h1".into(), 3306),
                Place::Tcp("h2".into(), 3307),
                Place::Tcp("::1".into(), 3308),
            ]
        );
        assert_eq!(
            places("mysql://a@localhost/db?socket=/run/mysqld.sock"),
            [Place::Socket("/run/mysqld.sock".into())]
        );
    }

    #[test]
    fn a_url_that_asks_for_tls_is_refused_and_never_connects_without() {
        for option in [
            "ssl-mode=REQUIRED",
            "ssl_mode=VERIFY_CA",
            "sslmode=require",
            "sslMode=VERIFY_IDENTITY",
            "ssl=true",
            "ssl",
            "useSSL=true",
            "require_ssl=true",
            "requireSSL=1",
            "ssl_ca=/ca.pem",
            "ssl-cert=/c.pem",
            "tls=true",
            "verify_identity=true",
            "ssl[ca]=/ca.pem",
        ] {
            let wrong = parse(&format!("mysql://ada:hunter2@host/db?{option}")).map(drop);
            let wrong = wrong.expect_err(option);
            assert!(
                wrong.contains("TLS") || wrong.contains("not valid"),
                "{option}: {wrong}"
            );
            assert!(!wrong.contains("hunter2"), "{wrong}");
        }
    }

    #[test]
    fn says_what_is_wrong_and_nothing_else() {
        for (url, said) in [
            ("postgres://ada:hunter2@host/db", "not a MySQL URL"),
            ("mysql:///db", "names no host"),
            ("mysql://ada:hunter2@host:port/db", "port is not valid"),
            ("mysql://ada:hunter2@host/db?ssl-mode=REQUIRED", "TLS"),
            ("mysql://ada:hunter2@host/db?charset=latin1", "charset"),
            (
                "mysql://ada:hunter2@host/db?pool_min=1",
                "one of its options is not known; expected socket, charset, ssl-mode",
            ),
        ] {
            let Err(wrong) = parse(url) else {
                panic!("{url} is taken");
            };
            assert!(wrong.contains(said), "{wrong}");
            assert!(
                !wrong.contains("hunter2") && !wrong.contains("ada"),
                "{wrong}"
            );
        }
    }

    #[test]
    fn an_instrumentation_is_shown_no_host_that_may_be_a_password() {
        for (url, expected) in [
            (
                "mysql://ada:hun/ter2@127.0.0.1/db",
                "mysql://127.0.0.1:3306",
            ),
            (
                "mysql://ada@[::1]:3308,localhost/db",
                "mysql://[::1]:3308,localhost:3306",
            ),
            ("mysql://ada:x@hunter2/db", "mysql://…:3306"),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }
}
