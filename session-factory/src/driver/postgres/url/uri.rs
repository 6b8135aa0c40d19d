//! Parses `postgres://user:password@host:5432/database?parameter=value`.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::form::{EXPECTED, Pair, SCHEMES};
use crate::config::scheme;

/// Replaces every other error if the parser most likely cut the URL inside the password. The other error would name the
/// wrong part, and might quote the password.
const CUT: &str = "an `@` comes after the end of its host: a `/` or `?` in the user or the password is written \
    percent-encoded (%2F, %3F), and so is an `@` behind the host (%40)";

/// Returns the text after `postgres://`; `None` if the URL has another form.
pub(super) fn rest(url: &str) -> Result<Option<&str>, String> {
    let Some((scheme, rest)) = url.split_once("://") else {
        return Ok(None);
    };
    if scheme::is_one_of(scheme, SCHEMES) {
        return Ok(Some(rest));
    }
    if scheme::is_well_formed(scheme) || !scheme.contains('=') {
        return Err(format!("it is not a PostgreSQL URL: {EXPECTED}"));
    }
    // Pairs, with `://` in a value: `host=… password=a://b`.
    Ok(None)
}

/// Splits the URL into pairs.
pub(super) fn pairs(rest: &str) -> Result<Vec<Pair>, String> {
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (user, hosts) = match authority.rsplit_once('@') {
        Some((user, hosts)) => (Some(user), hosts),
        None => (None, authority),
    };
    let nameless = user.is_none() && hosts.contains(':');
    if path.contains('@') || query.contains('@') && nameless {
        return Err(CUT.to_owned());
    }
    let taken = take(
        user,
        hosts,
        path.strip_prefix('/').unwrap_or_default(),
        query,
    );
    taken.map_err(|error| {
        if query.contains('@') {
            CUT.to_owned()
        } else {
            error
        }
    })
}

fn take(user: Option<&str>, hosts: &str, path: &str, query: &str) -> Result<Vec<Pair>, String> {
    let mut pairs = Vec::new();
    let mut add = |name: &str, value: &str| {
        decode(value, name).map(|value| pairs.push((name.to_owned(), value)))
    };
    if let Some(user) = user {
        let (name, password) = match user.split_once(':') {
            Some((name, password)) => (name, Some(password)),
            None => (user, None),
        };
        if !name.is_empty() {
            add("user", name)?;
        }
        if let Some(password) = password {
            add("password", password)?;
        }
    }
    if !path.is_empty() {
        add("dbname", path)?;
    }
    let mut places = Vec::new();
    if !hosts.is_empty() {
        for host in hosts.split(',') {
            places.push(place(host)?);
        }
    }
    let mut in_query = Vec::new();
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let Some((name, value)) = parameter.split_once('=') else {
            return Err(
                "one of its parameters has no value: expected ?name=value&name=value".into(),
            );
        };
        match decode(name, "parameters")?.as_str() {
            // `host` may occur once for each host, or once with a comma-separated list of hosts. Each host may
            // have a port of its own.
            "host" => {
                for host in value.split(',') {
                    in_query.push(place(host)?);
                }
            }
            name => add(name, value)?,
        }
    }
    // As in libpq, hosts in the query replace earlier ones.
    let places = if in_query.is_empty() {
        places
    } else {
        in_query
    };
    if !places.is_empty() {
        let (hosts, ports): (Vec<_>, Vec<_>) = places.into_iter().unzip();
        // The hosts and their ports go first, so that a `port` parameter in the query replaces these ports.
        pairs.insert(0, ("host".into(), hosts.join(",")));
        if ports.iter().any(|port| !port.is_empty()) {
            pairs.insert(1, ("port".into(), ports.join(",")));
        }
    }
    Ok(pairs)
}

/// Parses a host and its port: `name:5432`, `[::1]:5432`, or a percent-encoded folder.
fn place(text: &str) -> Result<(String, String), String> {
    let invalid = || "its host is not valid: expected host, host:port or [IPv6]:port".to_owned();
    let (host, port) = if let Some(inside) = text.strip_prefix('[') {
        let (host, port) = inside.split_once(']').ok_or_else(invalid)?;
        match port.strip_prefix(':') {
            Some(port) => (host, port),
            None if port.is_empty() => (host, ""),
            None => return Err(invalid()),
        }
    } else {
        text.split_once(':').unwrap_or((text, ""))
    };
    Ok((decode(host, "host")?, decode(port, "port")?))
}

fn decode(text: &str, part: &str) -> Result<String, String> {
    let decoded = percent_decode_str(text).decode_utf8().map(Cow::into_owned);
    let known = super::parameters::is_known(part) || part == "parameters";
    let part = if known { part } else { "parameters" };
    decoded.map_err(|_| format!("its {part}: the percent-encoded bytes are not UTF-8"))
}
