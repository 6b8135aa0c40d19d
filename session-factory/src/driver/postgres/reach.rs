//! From an open socket to a connection: encryption, authentication, and what the server is.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use tokio_util::task::AbortOnDropHandle;

use super::birth;
use super::cancel::Canceller;
#[cfg(feature = "tls")]
use super::connect_error::{all_failed, no_tls, tls_error};
use super::connect_error::{io_error, postgres_error};
use super::group::Group;
use super::introduction;
use super::ledger::Ledger;
use super::link::PgLink;
use super::parting::Parting;
use super::pooler;
#[cfg(feature = "tls")]
use super::security::Mode;
#[cfg(feature = "tls")]
use super::tls::Handshake;
use super::url::{Host, Url, Wanted};
use super::watch::Watching;
#[cfg(feature = "tls")]
use super::wire::{self, Offer};
use super::wire::{Address, Done, Route, Wire};
use crate::error::{ConnectError, ConnectErrorKind};

/// Goes on from a socket, encrypted as the URL asks. A Unix socket never is: nobody is in between.
pub(super) async fn reach(
    url: &Url,
    host: &Host,
    wanted: Wanted,
    socket: Wire,
    address: Address,
) -> Result<PgLink, ConnectError> {
    let place = host.shown();
    let Wire::Tcp(stream) = &socket else {
        return talk(url, wanted, socket, Route::plain(address), &place).await;
    };
    url.socket
        .apply(stream)
        .map_err(|error| io_error(&error, &place))?;
    match url.encryption.mode {
        #[cfg(feature = "tls")]
        Mode::Disable => talk(url, wanted, socket, Route::plain(address), &place).await,
        #[cfg(feature = "tls")]
        _ => negotiate(url, host, wanted, socket, address).await,
        // More than `prefer` was refused before anything was opened.
        #[cfg(not(feature = "tls"))]
        _ => talk(url, wanted, socket, Route::plain(address), &place).await,
    }
}

#[cfg(feature = "tls")]
async fn negotiate(
    url: &Url,
    host: &Host,
    wanted: Wanted,
    socket: Wire,
    address: Address,
) -> Result<PgLink, ConnectError> {
    let place = host.shown();
    let prefers = url.encryption.mode == Mode::Prefer;
    let handshake = Handshake::prepare(&url.encryption, &host.name).await;
    let handshake = handshake.map_err(|error| tls_error(&error, &place))?;
    let encrypted = match wire::encrypt(socket, &handshake).await {
        Ok(Offer::Taken(wire)) => {
            let route = Route {
                address: address.clone(),
                handshake: Some(handshake),
            };
            talk(url, wanted, wire, route, &place).await
        }
        Ok(Offer::Declined(socket)) if prefers => {
            return talk(url, wanted, socket, Route::plain(address), &place).await;
        }
        Ok(Offer::Declined(_)) => return Err(no_tls(&place, "which the server does not have")),
        Err(error) => Err(tls_error(&error, &place)),
    };
    match encrypted {
        Err(error) if prefers && is_about_tls(&error) => {
            let plain = match address.open().await {
                Ok(socket) => talk(url, wanted, socket, Route::plain(address), &place).await,
                Err(error) => Err(io_error(&error, &place)),
            };
            plain.map_err(|second| all_failed(vec![error, second]))
        }
        ended => ended,
    }
}

/// What `prefer` tries again in the clear: no handshake, or a server that lets nobody in this way (28000, which
/// is not a wrong password).
#[cfg(feature = "tls")]
fn is_about_tls(error: &ConnectError) -> bool {
    error.kind() == ConnectErrorKind::Tls || error.sqlstate() == Some("28000")
}

async fn talk(
    url: &Url,
    wanted: Wanted,
    wire: Wire,
    route: Route,
    place: &str,
) -> Result<PgLink, ConnectError> {
    let ledger = Arc::new(Ledger::default());
    let parting = Parting::new(wire, Arc::clone(&ledger), url.permit.clone());
    let watching = Watching::new(parting, Arc::clone(&ledger));
    let (client, connection) = url
        .config
        .connect_raw(watching, Done)
        .await
        .map_err(|error| postgres_error(&error, place))?;
    let group = Group::of(&route.address, url.config.get_user().unwrap_or_default());
    let mut canceller = Canceller::new(client.cancel_token(), route);
    // Ends when the client is dropped; its errors reach the client as well. An attempt that is given up
    // while it waits for an answer would keep it: until the connection is made, that ends it at once.
    let driving = AbortOnDropHandle::new(tokio::spawn(connection));
    let introduced = introduction::introduce(&client, ledger.process(), wanted, place).await?;
    let failed = |error: &dyn std::fmt::Display| {
        let said = ledger.last_error().map(|said| said.to_string());
        ConnectError::new(
            ConnectErrorKind::Other,
            format!(
                "the connection to {place} could not be set up: {}",
                said.unwrap_or_else(|| error.to_string())
            ),
        )
    };
    if introduced.pooled {
        pooler::begin(&client, place).await?;
    }
    // A pooler has many processes. The settings go out behind this question, without waiting.
    let birth = if introduced.pooled {
        None
    } else {
        birth::ask(&client).await
    };
    let mut connection = AsyncPgConnection::try_from(client)
        .await
        .map_err(|error| failed(&error))?;
    if introduced.pooled {
        let committed = connection.batch_execute("COMMIT").await;
        committed.map_err(|error| failed(&error))?;
    }
    if let Some(birth) = birth
        && let Some(backend) = birth.of(ledger.process()).await
    {
        canceller.set_group(group, backend);
    }
    // The settings that diesel makes are those every borrower expects.
    ledger.was_reset();
    ledger.begin_watch();
    let driving = driving.detach().abort_handle();
    let mut link = PgLink::own(connection, ledger, canceller, driving);
    link.set_default_isolation(introduced.isolation);
    if introduced.pooled {
        link.set_pooled();
    }
    Ok(link)
}
