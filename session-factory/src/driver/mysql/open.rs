//! Opens a connection and prepares it for its borrowers.

use std::sync::Arc;
use std::time::Instant;

use tokio::time::timeout;

use super::cancel::{Canceller, Identity};
use super::connect::address::{Address, resolve};
use super::connect::error::{no_tracking, refused};
use super::connect::open;
use super::connection::{Own, TrackedMysqlConnection};
use super::protocol::error_code;
use super::setup::Setup;
use super::url::{self, Target};
use crate::config::Settings;
use crate::driver::OpenPermit;
use crate::error::{ConnectError, ConnectErrorKind, StatementError};

pub(super) async fn connect(settings: &Settings) -> Result<TrackedMysqlConnection, ConnectError> {
    let target = url::parse(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    let until = crate::time::from_now(settings.connect_timeout);
    let mut last = ConnectError::new(ConnectErrorKind::Url, "the URL names no host");
    let places = target.places.len();
    for (number, place) in target.places.iter().enumerate() {
        let addresses = match resolve(place, number, places).await {
            Ok(addresses) => addresses,
            Err(error) => {
                last = error;
                continue;
            }
        };
        let count = addresses.len();
        for (tried, address) in addresses.into_iter().enumerate() {
            // Each address gets an equal part of the remaining time, so that a silent one leaves time for the others.
            let rest = u32::try_from(count - tried + places - number - 1).unwrap_or(u32::MAX);
            let part = until.saturating_duration_since(Instant::now()) / rest.max(1);
            let permit = settings.permit.clone();
            let attempt = set_up(settings, &target, &address, permit);
            last = match timeout(part, attempt).await {
                Ok(Ok(connection)) => return Ok(connection),
                Ok(Err(error)) => error,
                Err(_late) => ConnectError::new(
                    ConnectErrorKind::TimedOut,
                    format!("MySQL at {address} did not answer within {part:?}"),
                ),
            };
        }
    }
    Err(last)
}

async fn set_up(
    settings: &Settings,
    target: &Target,
    address: &Address,
    permit: Option<OpenPermit>,
) -> Result<TrackedMysqlConnection, ConnectError> {
    let database = target.database.as_deref();
    let (mut channel, greeting) = open(settings, target, address, database, permit).await?;
    let is_mariadb = greeting.is_mariadb();
    let failed = |error: StatementError| refused(address, &error);
    let setup = Setup::new(
        target.database.clone(),
        settings.statement_timeout,
        is_mariadb,
    );
    channel.run(setup.sql()).await.map_err(|error| {
        if error.code == Some(error_code::NO_SUCH_VARIABLE) {
            return no_tracking(address);
        }
        failed(error)
    })?;
    let identity = Identity::ask(&mut channel, is_mariadb)
        .await
        .map_err(failed)?;
    channel.longest_command = identity.longest_command;
    channel.state.is_ready();
    channel.state.is_of_cluster(identity.is_clustered);
    let canceller = Canceller::new(settings.clone(), address.clone(), identity);
    let own = Own::new(
        channel,
        setup,
        Arc::new(canceller),
        settings.statement_cache,
    );
    Ok(TrackedMysqlConnection::own(own))
}
