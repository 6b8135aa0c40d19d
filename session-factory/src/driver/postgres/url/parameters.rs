//! Interprets the parameters.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::ChannelBinding;

use super::form::Pair;
use super::hosts;
use super::parsed::{Url, Wanted};
use crate::config::known_names::nearest;
use crate::driver::postgres::connect::socket::Socket;
use crate::driver::postgres::connect::ssl_mode::{Encryption, Mode, Roots};

/// The parameters that have an effect.
const KNOWN: [&str; 24] = [
    "user",
    "password",
    "dbname",
    "host",
    "hostaddr",
    "port",
    "options",
    "application_name",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "keepalives_retries",
    "target_session_attrs",
    "load_balance_hosts",
    "channel_binding",
    "sslmode",
    "ssl",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "client_encoding",
];

/// libpq's other parameters, each with the only value that is accepted, because it changes nothing.
const OTHERS: [(&str, &str); 14] = [
    ("sslnegotiation", "postgres"),
    ("gssencmode", "disable"),
    ("sslcompression", "0"),
    ("sslpassword", ""),
    ("sslcrl", ""),
    ("sslcrldir", ""),
    ("sslsni", "1"),
    ("requiressl", "0"),
    ("requirepeer", ""),
    ("replication", "false"),
    ("service", ""),
    ("passfile", ""),
    ("krbsrvname", "postgres"),
    ("fallback_application_name", ""),
];

pub(super) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// Values that can be interpreted only when all parameters are known.
#[derive(Default)]
struct Seen<'a> {
    host: Option<&'a str>,
    hostaddr: Option<&'a str>,
    port: Option<&'a str>,
    mode: Option<Mode>,
    root: Option<&'a str>,
    cert: Option<&'a str>,
    key: Option<&'a str>,
}

/// Interprets the pairs. If a parameter occurs twice, its last value counts.
pub(super) fn understand(pairs: &[Pair]) -> Result<Url, String> {
    let mut config = Config::new();
    let mut seen = Seen::default();
    let mut wanted = Wanted::Any;
    let mut shuffled = false;
    let mut socket = Socket::default();
    for (name, value) in pairs {
        let value = value.as_str();
        match name.as_str() {
            "user" => drop(config.user(value)),
            "password" => drop(config.password(value)),
            "dbname" => drop(config.dbname(value)),
            "options" => drop(config.options(value)),
            "application_name" => drop(config.application_name(value)),
            "host" => seen.host = Some(value),
            "hostaddr" => seen.hostaddr = Some(value),
            "port" => seen.port = Some(value),
            "sslmode" => seen.mode = Some(chosen(name, value, &Mode::NAMES)?),
            // JDBC's and asyncpg's name for `sslmode`. `true` means `require`, as in libpq.
            "ssl" => {
                let mode = if value == "true" { "require" } else { value };
                seen.mode = Some(chosen(name, mode, &Mode::NAMES)?);
            }
            "sslrootcert" => seen.root = Some(value),
            "sslcert" => seen.cert = Some(value),
            "sslkey" => seen.key = Some(value),
            "target_session_attrs" => wanted = chosen(name, value, &Wanted::NAMES)?,
            "load_balance_hosts" => {
                shuffled = chosen(name, value, &[("disable", false), ("random", true)])?;
            }
            "channel_binding" => drop(config.channel_binding(chosen(name, value, &BINDING)?)),
            "connect_timeout" => socket.connect_timeout = seconds(name, value)?,
            "tcp_user_timeout" => {
                let milliseconds = at_most(i32::MAX.unsigned_abs(), "milliseconds", name, value)?;
                socket.user_timeout =
                    (milliseconds > 0).then(|| Duration::from_millis(milliseconds.into()));
            }
            "keepalives" => socket.keepalives = number(name, value)? != 0,
            "keepalives_idle" => socket.keepalives_idle = keepalive(name, value)?,
            "keepalives_interval" => socket.keepalives_interval = keepalive(name, value)?,
            "keepalives_count" | "keepalives_retries" => {
                let count = at_most(127, "probes", name, value)?;
                socket.keepalives_retries = (count > 0).then_some(count);
            }
            "client_encoding" => {
                let plain = value.to_ascii_lowercase().replace(['-', '_'], "");
                if !matches!(plain.as_str(), "utf8" | "unicode" | "auto") {
                    return Err("its client_encoding is not utf8, which diesel needs".into());
                }
            }
            other => unknown(other, value)?,
        }
    }
    Ok(Url {
        hosts: hosts::hosts(seen.host, seen.hostaddr, seen.port)?,
        encryption: seen.encryption()?,
        config,
        wanted,
        shuffled,
        socket,
        permit: None,
    })
}

impl Seen<'_> {
    fn encryption(&self) -> Result<Encryption, String> {
        let set = |value: Option<&str>| value.filter(|value| !value.is_empty()).map(PathBuf::from);
        let roots = match set(self.root) {
            Some(name) if name.as_os_str() == "system" => Some(Roots::System),
            path => path.map(Roots::File),
        };
        let system = matches!(roots, Some(Roots::System));
        let mode = self.mode.unwrap_or(if system {
            Mode::VerifyFull
        } else {
            Mode::Prefer
        });
        if system && mode != Mode::VerifyFull {
            // The name must be checked: anyone can get a public authority's certificate for a name of their own.
            return Err("its sslrootcert=system needs sslmode=verify-full".into());
        }
        let identity = match (set(self.cert), set(self.key)) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            (Some(_), None) => return Err("its sslcert needs an sslkey".into()),
            (None, Some(_)) => return Err("its sslkey needs an sslcert".into()),
        };
        Ok(Encryption {
            mode,
            roots,
            identity,
        })
    }
}

const BINDING: [(&str, ChannelBinding); 3] = [
    ("disable", ChannelBinding::Disable),
    ("prefer", ChannelBinding::Prefer),
    ("require", ChannelBinding::Require),
];

fn chosen<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let found = choices.iter().find(|(choice, _)| *choice == value);
    found.map(|(_, chosen)| *chosen).ok_or_else(|| {
        let names: Vec<_> = choices.iter().map(|(choice, _)| *choice).collect();
        let found = match nearest(value, names.iter().copied()) {
            Some(near) => format!(": did you mean `{near}`? It is"),
            None => String::from(" is not"),
        };
        format!("its {name}{found} one of {}", names.join(", "))
    })
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value
        .parse()
        .map_err(|_| format!("its {name} is not a whole number"))
}

/// Returns a number of seconds; `None` for zero, which means the system's own limit.
fn seconds(name: &str, value: &str) -> Result<Option<Duration>, String> {
    let seconds = number(name, value)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds)))
}

/// Returns a keepalive setting, up to the kernel's limit.
fn keepalive(name: &str, value: &str) -> Result<Option<Duration>, String> {
    let seconds = at_most(32_767, "seconds", name, value)?;
    Ok((seconds > 0).then(|| Duration::from_secs(seconds.into())))
}

fn at_most(most: u32, unit: &str, name: &str, value: &str) -> Result<u32, String> {
    u32::try_from(number(name, value)?)
        .ok()
        .filter(|number| *number <= most)
        .ok_or_else(|| format!("its {name} is not from 0 to {most} {unit}"))
}

fn unknown(name: &str, value: &str) -> Result<(), String> {
    if let Some((name, harmless)) = OTHERS.iter().find(|(other, _)| *other == name) {
        return if value == *harmless || value.is_empty() {
            Ok(())
        } else {
            Err(format!("its parameter {name} is not supported"))
        };
    }
    // Never print the unknown name: it may be a piece of a password.
    Err(match nearest(name, KNOWN) {
        Some(near) => format!("one of its parameters is not known: did you mean `{near}`?"),
        None => format!("one of its parameters is none of {}", KNOWN.join(", ")),
    })
}
