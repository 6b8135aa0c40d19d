//! The servers that a URL names.

use std::net::IpAddr;
use std::path::PathBuf;

/// One server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver::postgres) struct Host {
    /// The host's name, which its certificate must match and which errors print.
    pub(in crate::driver::postgres) name: String,
    pub(in crate::driver::postgres) lookup: Lookup,
    pub(in crate::driver::postgres) port: u16,
    /// Its position in the URL.
    pub(in crate::driver::postgres) index: usize,
}

impl Host {
    /// Returns the name, or the address if the URL has no name, and the port. Returns `None` for a Unix socket.
    pub(in crate::driver::postgres) fn name_and_port(&self) -> Option<(String, u16)> {
        match &self.lookup {
            Lookup::Folder(_) => None,
            Lookup::Address(address) if self.name.is_empty() => {
                Some((address.to_string(), self.port))
            }
            Lookup::Name | Lookup::Address(_) => Some((self.name.clone(), self.port)),
        }
    }
}

/// How the driver finds the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::driver::postgres) enum Lookup {
    /// By looking the name up.
    Name,
    /// By `hostaddr`, without looking the name up.
    Address(IpAddr),
    /// By the folder of its Unix socket.
    Folder(PathBuf),
}

/// Combines the URL's lists of names, addresses and ports. Each list has one entry for each host, or is empty; a single
/// port applies to all hosts.
pub(super) fn hosts(
    names: Option<&str>,
    addresses: Option<&str>,
    ports: Option<&str>,
) -> Result<Vec<Host>, String> {
    let list = |text: Option<&str>| -> Vec<String> {
        text.filter(|text| !text.is_empty())
            .map(|text| {
                text.split(',')
                    .map(|entry| entry.trim().to_owned())
                    .collect()
            })
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list(names), list(addresses), list(ports));
    let count = names.len().max(addresses.len());
    if count == 0 {
        return Err(format!("it names no host: {}", super::form::EXPECTED));
    }
    let fits = |entries: &Vec<String>| entries.is_empty() || entries.len() == count;
    if !fits(&names) || !fits(&addresses) {
        return Err("its hostaddr has not as many entries as its host".into());
    }
    if !fits(&ports) && ports.len() != 1 {
        return Err("its port has not as many entries as its host".into());
    }
    let host = |index: usize| {
        let name = names.get(index).map_or("", String::as_str);
        let address = addresses.get(index).map_or("", String::as_str);
        let port = ports
            .get(index)
            .or(ports.first())
            .map_or("", String::as_str);
        one(index, name, address, port)
    };
    (0..count).map(host).collect()
}

fn one(index: usize, name: &str, address: &str, port: &str) -> Result<Host, String> {
    let port = match port {
        "" => 5432,
        // Do not quote it: in a URL without a host, the password is where the port would be.
        port => port
            .parse()
            .ok()
            .filter(|port| *port > 0)
            .ok_or("its port is not a number from 1 to 65535")?,
    };
    let lookup = match (name, address) {
        ("", "") => return Err("its host has an empty entry".into()),
        (_, "") if name.starts_with('/') && cfg!(unix) => Lookup::Folder(name.into()),
        (_, "") => Lookup::Name,
        (_, address) => Lookup::Address(
            address
                .parse()
                .map_err(|_| "its hostaddr is not an IP address")?,
        ),
    };
    let name = if name.is_empty() { address } else { name };
    Ok(Host {
        name: name.to_owned(),
        lookup,
        port,
        index,
    })
}
