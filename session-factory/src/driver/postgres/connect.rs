//! Opening a connection whose stream is watched.

use std::io;
use std::sync::Arc;

use diesel_async::AsyncPgConnection;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio_postgres::config::Host;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use super::cancel::{Address, Canceller};
use super::ledger::Ledger;
use super::link::PgLink;
use super::url;
use super::watch::Watching;
use crate::config::Settings;
use crate::driver::Isolation;
use crate::error::{ConnectError, ConnectErrorKind};

const DEFAULT_ISOLATION: &str = "SHOW default_transaction_isolation";

pub(super) async fn connect(settings: &Settings) -> Result<PgLink, ConnectError> {
    let mut config = url::parse(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    if let Some(limit) = settings.statement_timeout {
        // As the connection's own default: RESET goes back to it.
        let asked = config.get_options().unwrap_or_default();
        config.options(format!(
            "{asked} -c statement_timeout={}",
            limit.as_millis().max(1)
        ));
    }
    if url::wants_tls(&config) {
        return Err(ConnectError::new(
            ConnectErrorKind::Tls,
            "the URL asks for TLS (sslmode), which this build does not have",
        ));
    }
    let mut last = ConnectError::new(ConnectErrorKind::Url, "the URL names no host");
    for (index, host) in hosts(&config).into_iter().enumerate() {
        let ports = config.get_ports();
        let port = ports.get(index).or(ports.first()).copied().unwrap_or(5432);
        match connect_host(&config, &host, port).await {
            Ok(mut link) => {
                link.set_cache(settings.statement_cache);
                return Ok(link);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn hosts(config: &Config) -> Vec<Host> {
    if config.get_hosts().is_empty() {
        config
            .get_hostaddrs()
            .iter()
            .map(|address| Host::Tcp(address.to_string()))
            .collect()
    } else {
        config.get_hosts().to_vec()
    }
}

async fn connect_host(config: &Config, host: &Host, port: u16) -> Result<PgLink, ConnectError> {
    match host {
        Host::Tcp(name) => {
            let place = format!("{name}:{port}");
            let addresses = lookup_host((name.as_str(), port)).await.map_err(|error| {
                ConnectError::new(
                    ConnectErrorKind::Dns,
                    format!("the host {name} is not known: {error}"),
                )
            })?;
            let mut last = ConnectError::new(
                ConnectErrorKind::Dns,
                format!("the host {name} has no address"),
            );
            for address in addresses {
                match TcpStream::connect(address).await {
                    Ok(stream) => {
                        // Small messages, each waited for: delaying them helps nobody.
                        let _slower_but_works = stream.set_nodelay(true);
                        return talk(config, stream, Address::Tcp(address), &place).await;
                    }
                    Err(error) => last = io_error(&error, &place),
                }
            }
            Err(last)
        }
        #[cfg(unix)]
        Host::Unix(folder) => {
            let path = folder.join(format!(".s.PGSQL.{port}"));
            let place = path.display().to_string();
            match tokio::net::UnixStream::connect(&path).await {
                Ok(stream) => talk(config, stream, Address::Unix(path), &place).await,
                Err(error) => Err(io_error(&error, &place)),
            }
        }
    }
}

async fn talk<S>(
    config: &Config,
    stream: S,
    address: Address,
    place: &str,
) -> Result<PgLink, ConnectError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let ledger = Arc::new(Ledger::default());
    let watching = Watching::new(stream, Arc::clone(&ledger));
    let (client, connection) = config
        .connect_raw(watching, NoTls)
        .await
        .map_err(|error| postgres_error(&error, place))?;
    let canceller = Canceller::new(client.cancel_token(), address);
    // Ends when the client is dropped; its errors reach the client as well.
    let driving = tokio::spawn(connection).abort_handle();
    // A read-only transaction whose level is the default one ends differently if that is serializable.
    let isolation = client.simple_query(DEFAULT_ISOLATION).await;
    let isolation = isolation.ok().and_then(|said| level(&said));
    let connection = AsyncPgConnection::try_from(client).await.map_err(|error| {
        let said = ledger.last_error().map(|said| said.to_string());
        ConnectError::new(
            ConnectErrorKind::Other,
            format!(
                "the connection to {place} could not be set up: {}",
                said.unwrap_or_else(|| error.to_string())
            ),
        )
    })?;
    // The settings that diesel makes are those every borrower expects.
    ledger.was_reset();
    let mut link = PgLink::own(connection, ledger, canceller, driving);
    link.set_default_isolation(isolation);
    Ok(link)
}

fn level(said: &[SimpleQueryMessage]) -> Option<Isolation> {
    let value = said.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0),
        _ => None,
    });
    match value? {
        "read uncommitted" => Some(Isolation::ReadUncommitted),
        "read committed" => Some(Isolation::ReadCommitted),
        "repeatable read" => Some(Isolation::RepeatableRead),
        "serializable" => Some(Isolation::Serializable),
        _ => None,
    }
}

fn io_error(error: &io::Error, place: &str) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Refused,
        format!("PostgreSQL at {place} cannot be reached: {error}"),
    )
}

fn postgres_error(error: &tokio_postgres::Error, place: &str) -> ConnectError {
    let Some(said) = error.as_db_error() else {
        let source = std::error::Error::source(error);
        let cause = source.map_or_else(|| error.to_string(), ToString::to_string);
        let io = source.and_then(|source| source.downcast_ref::<io::Error>());
        return match io {
            Some(io) => io_error(io, place),
            None if cause.contains("password") => ConnectError::new(
                ConnectErrorKind::Authentication,
                format!("PostgreSQL at {place} asks for a password and the URL has none"),
            ),
            None => ConnectError::new(
                ConnectErrorKind::Other,
                format!("PostgreSQL at {place}: {cause}"),
            ),
        };
    };
    let sqlstate = said.code().code();
    let kind = match sqlstate {
        state if state.starts_with("28") => ConnectErrorKind::Authentication,
        "3D000" => ConnectErrorKind::Database,
        "53300" => ConnectErrorKind::TooManyConnections,
        _ => ConnectErrorKind::Other,
    };
    ConnectError::new(
        kind,
        format!("PostgreSQL at {place} says: {}", said.message()),
    )
    .with_sqlstate(sqlstate)
}
