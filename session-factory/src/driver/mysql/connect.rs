//! Opening a connection whose packets are watched.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncMysqlConnection;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Opts, OptsBuilder};
use tokio::net::{TcpStream, lookup_host};
use tokio::sync::mpsc;

use super::error_code;
use super::kill::Killer;
use super::ledger::Ledger;
use super::link::MysqlLink;
use super::recover::Setup;
use super::relay::{self, Relay, Server};
use super::url::{self, Place, Target};
use super::wire::Wire;
use crate::config::Settings;
use crate::driver::OpenPermit;
use crate::error::{ConnectError, ConnectErrorKind};

pub(super) async fn connect(settings: &Settings) -> Result<MysqlLink, ConnectError> {
    let mut target = url::parse(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    if let Some(credentials) = &settings.credentials {
        if let Some(user) = credentials.user() {
            target.opts = target.opts.user(Some(user));
        }
        target.opts = target.opts.pass(Some(credentials.expose_password()));
    }
    let mut last = ConnectError::new(ConnectErrorKind::Url, "the URL names no host");
    for place in &target.places {
        match connect_to(
            &target,
            place,
            settings.statement_timeout,
            settings.permit.clone(),
        )
        .await
        {
            Ok(mut link) => {
                link.set_cache(settings.statement_cache);
                return Ok(link);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn connect_to(
    target: &Target,
    place: &Place,
    statement_timeout: Option<Duration>,
    permit: Option<OpenPermit>,
) -> Result<MysqlLink, ConnectError> {
    let (server, direct) = open(target, place).await?;
    let name = place.to_string();
    let no_relay = |error: io::Error| {
        ConnectError::new(
            ConnectErrorKind::Resources,
            format!("no socket on the loopback interface: {error}"),
        )
    };
    let listener = relay::listen().await.map_err(no_relay)?;
    let here = listener.local_addr().map_err(no_relay)?;
    let ledger = Arc::new(Ledger::default());
    let (orders, ordered) = mpsc::unbounded_channel();
    let relay = Relay::new(server, Arc::clone(&ledger), ordered);
    let relay = tokio::spawn(async move {
        relay.run(listener).await;
        drop(permit);
    })
    .abort_handle();
    let wire = Wire::new(Arc::clone(&ledger), orders, relay);

    let opts = target
        .opts
        .clone()
        .ip_or_hostname(here.ip().to_string())
        .tcp_port(here.port());
    let mut client = Conn::new(opts)
        .await
        .map_err(|error| refused(&ledger, &name, &error))?;
    if target.places.len() > 1 && !takes_part(&mut client).await {
        return Err(ConnectError::new(
            ConnectErrorKind::Refused,
            format!("MySQL at {name} takes no part in its cluster at present"),
        ));
    }
    let killer = Killer::new(direct, client.id());
    let connection = AsyncMysqlConnection::try_from(client)
        .await
        .map_err(|error| refused(&ledger, &name, &error))?;
    let setup = Setup::new(
        target.database.clone(),
        statement_timeout,
        ledger.is_mariadb(),
    );
    match wire.run(setup.sql()).await {
        Some(Ok(())) => {}
        Some(Err(error)) => return Err(refused(&ledger, &name, &error)),
        None => return Err(refused(&ledger, &name, &wire.why_closed())),
    }
    ledger.is_ready();
    Ok(MysqlLink::own(connection, wire, killer, setup))
}

/// Whether a server answers for its Galera cluster. One that has lost the others, or not yet caught up with
/// them, lets everybody in and refuses their queries. Outside of a cluster a server has no provider, or no such
/// variables.
async fn takes_part(client: &mut Conn) -> bool {
    let asked = "SHOW STATUS WHERE variable_name IN ('wsrep_provider_name', 'wsrep_ready')";
    // What keeps it from an answer, the setup that follows is told as well, and names.
    let told: Vec<(String, String)> = client.query(asked).await.unwrap_or_default();
    let is = |name: &str, wanted: fn(&str) -> bool| {
        told.iter()
            .any(|(told, value)| told == name && wanted(value))
    };
    let clustered = is("wsrep_provider_name", |name| !name.is_empty());
    !clustered || is("wsrep_ready", |ready| ready == "ON")
}

/// The stream, and how another connection gets to the same server.
async fn open(target: &Target, place: &Place) -> Result<(Server, Opts), ConnectError> {
    let direct = target.opts.clone().db_name(None::<String>);
    match place {
        Place::Tcp(host, port) => {
            let unknown = |error: &dyn std::fmt::Display| {
                let places = &target.places;
                let index = places.iter().position(|other| other == place);
                ConnectError::unknown_host(index.unwrap_or_default(), places.len(), error)
            };
            let addresses = lookup_host((host.as_str(), *port))
                .await
                .map_err(|error| unknown(&error))?;
            let mut last = unknown(&"it has no address");
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Small messages, each waited for: delaying them helps nobody.
                        let _slower_but_works = stream.set_nodelay(true);
                        let direct = direct
                            .ip_or_hostname(address.ip().to_string())
                            .tcp_port(address.port());
                        return Ok((stream.into(), direct.into()));
                    }
                    Err(error) => last = unreachable(place, &error),
                }
            }
            Err(last)
        }
        #[cfg(unix)]
        Place::Socket(path) => {
            let stream = tokio::net::UnixStream::connect(path).await;
            let stream = stream.map_err(|error| unreachable(place, &error))?;
            let direct: OptsBuilder = direct.socket(Some(path.display().to_string()));
            Ok((stream.into(), direct.into()))
        }
        #[cfg(not(unix))]
        Place::Socket(_) => Err(ConnectError::new(
            ConnectErrorKind::Url,
            "a socket is a thing of Unix: name a host",
        )),
    }
}

fn unreachable(place: &Place, error: &io::Error) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Refused,
        format!("MySQL at {place} cannot be reached: {error}"),
    )
}

/// What the server said counts, and what the client made of it only if there is nothing.
fn refused(ledger: &Ledger, place: &str, error: &dyn std::fmt::Display) -> ConnectError {
    let Some(said) = ledger.last_error() else {
        return ConnectError::new(
            ConnectErrorKind::Other,
            format!("MySQL at {place}: {error}"),
        );
    };
    let code = said.code().unwrap_or_default();
    let refused = ConnectError::new(
        error_code::connect_kind(code),
        format!("MySQL at {place} says: {} (error {code})", said.message()),
    );
    match said.sqlstate() {
        Some(sqlstate) => refused.with_sqlstate(sqlstate),
        None => refused,
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(host, port) => write!(f, "{host}:{port}"),
            // A path that is nowhere may be a piece of the password.
            Self::Socket(path) if !path.exists() => f.write_str("the socket that its URL names"),
            Self::Socket(path) => write!(f, "{}", path.display()),
        }
    }
}
