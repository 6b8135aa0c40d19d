//! Chooses the server: tries the URL's hosts in order.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};
use tokio_postgres::config::{SslMode, SslNegotiation};

use super::error::{all_failed, io_error, no_tls};
use super::ssl_mode::Mode;
use super::startup::start_up;
use super::stream::Address;
use crate::config::Settings;
use crate::driver::postgres::connection::PgConnection;
use crate::driver::postgres::sql::statement_timeout::milliseconds;
use crate::driver::postgres::url::{self, Host, Lookup, Url, Wanted};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::observe::unresolved;

pub(crate) async fn connect(settings: &Settings) -> Result<PgConnection, ConnectError> {
    let mut url = prepared(settings)?;
    if url.shuffled {
        fastrand::shuffle(&mut url.hosts);
    }
    let mut connection = first_that_fits(&url, settings.connect_timeout).await?;
    connection.limit_cache(settings.statement_cache);
    Ok(connection)
}

/// The URL with what the other settings add to it.
pub(super) fn prepared(settings: &Settings) -> Result<Url, ConnectError> {
    let mut url = url::parse(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    if !cfg!(feature = "tls") && url.encryption.mode > Mode::Prefer {
        let over_network = |host: &&Host| !matches!(host.lookup, Lookup::Folder(_));
        if let Some(host) = url.hosts.iter().find(over_network) {
            let why = "which this build does not have: enable the feature `tls` of session-factory";
            return Err(no_tls(&host.shown(), why));
        }
    }
    if let Some(credentials) = &settings.credentials {
        if let Some(user) = credentials.user() {
            url.config.user(user);
        }
        url.config.password(credentials.expose_password());
    }
    if let Some(limit) = settings.statement_timeout {
        // Set as the connection's default at startup, so that RESET restores it.
        let asked = url.config.get_options().unwrap_or_default();
        let options = format!("{asked} -c statement_timeout={}", milliseconds(limit));
        url.config.options(options);
    }
    // The stream is already encrypted, or stays plain, so tokio-postgres must not negotiate encryption.
    url.config
        .ssl_mode(SslMode::Require)
        .ssl_negotiation(SslNegotiation::Direct);
    url.permit.clone_from(&settings.permit);
    Ok(url)
}

/// Tries the hosts in order. As in libpq, the search ends at a server that refuses the user, and continues after one
/// that cannot be reached or has the wrong role.
async fn first_that_fits(url: &Url, limit: Duration) -> Result<PgConnection, ConnectError> {
    let passes: &[Wanted] = match url.wanted {
        Wanted::PreferStandby => &[Wanted::Standby, Wanted::Any],
        _ => std::slice::from_ref(&url.wanted),
    };
    let deadline = Instant::from_std(crate::time::from_now(limit));
    let mut errors = Vec::new();
    let mut left = passes.len() * url.hosts.len();
    for wanted in passes {
        errors.clear();
        for host in &url.hosts {
            // Without `connect_timeout`, each host gets a fair share of the time: a silent one must not use all of it.
            let fair = deadline.saturating_duration_since(Instant::now())
                / u32::try_from(left).unwrap_or(1);
            let limit = url.socket.connect_timeout.or((left > 1).then_some(fair));
            left -= 1;
            let attempt = host_within(url, host, *wanted, limit);
            match Box::pin(attempt).await {
                Ok(connection) => return Ok(connection),
                Err(error) => {
                    let refused = error.kind() == ConnectErrorKind::Authentication;
                    errors.push(error);
                    if refused {
                        return Err(all_failed(errors));
                    }
                }
            }
        }
    }
    Err(all_failed(errors))
}

async fn host_within(
    url: &Url,
    host: &Host,
    wanted: Wanted,
    limit: Option<Duration>,
) -> Result<PgConnection, ConnectError> {
    let Some(limit) = limit else {
        return one_host(url, host, wanted).await;
    };
    timeout(limit, one_host(url, host, wanted))
        .await
        .unwrap_or_else(|_late| {
            Err(ConnectError::new(
                ConnectErrorKind::TimedOut,
                format!(
                    "PostgreSQL at {} did not answer within {}",
                    host.shown(),
                    crate::time::in_millis(limit)
                ),
            ))
        })
}

async fn one_host(url: &Url, host: &Host, wanted: Wanted) -> Result<PgConnection, ConnectError> {
    let place = host.shown();
    let count = url.hosts.len();
    let mut last = ConnectError::unknown_host(host.index, count, &"it has no address");
    let found = addresses(host, url.shuffled).await;
    let found = found.map_err(|error| ConnectError::unknown_host(host.index, count, &error))?;
    for address in found {
        match address.open().await {
            Ok(stream) => return start_up(url, host, wanted, stream, address).await,
            Err(error) => last = io_error(&error, &place),
        }
    }
    Err(last)
}

pub(super) async fn addresses(host: &Host, shuffled: bool) -> io::Result<Vec<Address>> {
    let address = |ip: IpAddr| Address::Tcp((ip, host.port).into());
    match &host.lookup {
        Lookup::Folder(folder) => Ok(vec![Address::Unix(
            folder.join(format!(".s.PGSQL.{}", host.port)),
        )]),
        Lookup::Address(ip) => Ok(vec![address(*ip)]),
        Lookup::Name => {
            let found = lookup_host((host.name.as_str(), host.port)).await?;
            let mut found: Vec<_> = found.map(Address::Tcp).collect();
            if shuffled {
                fastrand::shuffle(&mut found);
            }
            Ok(found)
        }
    }
}

impl Host {
    /// Returns the host as instrumentation sees it, before it is resolved.
    pub(crate) fn shown_unresolved(&self) -> String {
        match &self.lookup {
            Lookup::Folder(_) => self.shown(),
            _ => unresolved(&self.name, self.port),
        }
    }

    /// Returns the host as errors print it.
    pub(crate) fn shown(&self) -> String {
        match &self.lookup {
            // Do not print a path that does not exist: it may be a piece of the password.
            Lookup::Folder(folder) if !folder.is_dir() => format!(
                "the socket folder that its URL names (it is not there), port {}",
                self.port
            ),
            Lookup::Folder(folder) => format!("{}/.s.PGSQL.{}", folder.display(), self.port),
            _ if self.name.contains(':') => format!("[{}]:{}", self.name, self.port),
            _ => format!("{}:{}", self.name, self.port),
        }
    }
}

#[cfg(all(test, not(feature = "tls")))]
mod tests {
    use super::*;

    #[tokio::test]
    async fn without_the_feature_tls_is_refused_and_never_left_out() {
        // The address is reserved for documentation. If the driver sent anything there, the test would hang.
        for mode in ["require", "verify-ca", "verify-full"] {
            let url = format!("postgres://ada:hunter2@192.0.2.1/app?sslmode={mode}");
            let error = connect(&Settings::new(url.as_str().into())).await.err();
            let error = error.expect("refused");
            assert_eq!(error.kind(), ConnectErrorKind::Tls);
            assert!(error.is_permanent());
            let text = error.to_string();
            assert!(text.contains("enable the feature `tls`"), "{text}");
            assert!(!text.contains("hunter2"), "{text}");
        }
    }
}
