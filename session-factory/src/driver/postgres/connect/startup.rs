//! From an open socket to a connection: encryption, authentication, probe.

use std::sync::Arc;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use futures_util::FutureExt;

use super::drain::DrainOnDrop;
#[cfg(feature = "tls")]
use super::error::{all_failed, no_tls, tls_error};
use super::error::{io_error, postgres_error};
use super::pooler;
use super::probe;
#[cfg(feature = "tls")]
use super::ssl_mode::Mode;
#[cfg(feature = "tls")]
use super::stream::{self, Offer};
use super::stream::{Address, Done, Route, ServerStream};
use crate::driver::postgres::cancel::Canceller;
use crate::driver::postgres::cancel::backend_id;
use crate::driver::postgres::cancel::group::Group;
use crate::driver::postgres::connection::PgConnection;
use crate::driver::postgres::protocol::state::ProtocolState;
use crate::driver::postgres::protocol::stream::WatchedStream;
#[cfg(feature = "tls")]
use crate::driver::postgres::tls::Handshake;
use crate::driver::postgres::url::{Host, Url, Wanted};
use crate::error::{ConnectError, ConnectErrorKind};
use crate::runtime::driven::Driven;

/// Makes a connection from a socket, with the URL's encryption. A Unix socket is never encrypted, because its bytes do
/// not leave the machine.
pub(crate) async fn start_up(
    url: &Url,
    host: &Host,
    wanted: Wanted,
    socket: ServerStream,
    address: Address,
) -> Result<PgConnection, ConnectError> {
    let place = host.shown();
    let Some(stream) = socket.tcp() else {
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
        // Without the feature, `hosts::connect` has already refused the modes that require TLS.
        #[cfg(not(feature = "tls"))]
        _ => talk(url, wanted, socket, Route::plain(address), &place).await,
    }
}

#[cfg(feature = "tls")]
async fn negotiate(
    url: &Url,
    host: &Host,
    wanted: Wanted,
    socket: ServerStream,
    address: Address,
) -> Result<PgConnection, ConnectError> {
    let place = host.shown();
    let prefers = url.encryption.mode == Mode::Prefer;
    let handshake = Handshake::prepare(&url.encryption, &host.name).await;
    let handshake = handshake.map_err(|error| tls_error(&error, &place))?;
    let encrypted = match stream::encrypt(socket, &handshake).await {
        Ok(Offer::Taken(stream)) => {
            let route = Route {
                address: address.clone(),
                handshake: Some(handshake),
            };
            talk(url, wanted, stream, route, &place).await
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

/// True for errors after which `prefer` retries without TLS: the handshake failed, or the server refuses this user over
/// TLS (28000; a wrong password has another code).
#[cfg(feature = "tls")]
fn is_about_tls(error: &ConnectError) -> bool {
    error.kind() == ConnectErrorKind::Tls || error.sqlstate() == Some("28000")
}

async fn talk(
    url: &Url,
    wanted: Wanted,
    stream: ServerStream,
    route: Route,
    place: &str,
) -> Result<PgConnection, ConnectError> {
    let protocol_state = Arc::new(ProtocolState::default());
    let poller = Arc::clone(stream.poller());
    let draining = DrainOnDrop::new(stream, Arc::clone(&protocol_state), url.permit.clone());
    let watched = WatchedStream::new(draining, Arc::clone(&protocol_state));
    let (client, connection) = url
        .config
        .connect_raw(watched, Done)
        .await
        .map_err(|error| postgres_error(&error, place))?;
    let group = Group::of(&route.address, url.config.get_user().unwrap_or_default());
    let mut canceller = Canceller::new(client.cancel_token(), route);
    let is_owed = {
        let protocol_state = Arc::clone(&protocol_state);
        move || !protocol_state.is_quiet()
    };
    // Ignore the connection's errors here: the client sees them too.
    let connection = connection.map(drop);
    // If this attempt is dropped while it waits for an answer, `unready` closes the connection.
    let unready = Driven::start(connection, poller, is_owed)?;
    let probed = probe::probe(&client, protocol_state.process(), wanted, place).await?;
    let failed = |error: &dyn std::fmt::Display| {
        let said = protocol_state.last_error().map(|said| said.to_string());
        ConnectError::new(
            ConnectErrorKind::Other,
            format!(
                "the connection to {place} could not be set up: {}",
                said.unwrap_or_else(|| error.to_string())
            ),
        )
    };
    if probed.pooled {
        pooler::begin(&client, place).await?;
    }
    // Behind a pooler the backend can change, so do not ask. The next messages do not wait for this answer.
    let backend_id = if probed.pooled {
        None
    } else {
        backend_id::ask(&client).await
    };
    let mut diesel = AsyncPgConnection::try_from(client)
        .await
        .map_err(|error| failed(&error))?;
    if probed.pooled {
        let committed = diesel.batch_execute("COMMIT").await;
        committed.map_err(|error| failed(&error))?;
    }
    if let Some(backend_id) = backend_id
        && let Some(backend) = backend_id.of(protocol_state.process()).await
    {
        canceller.set_group(group, backend);
    }
    // diesel's settings are not side effects, because every borrower expects them.
    protocol_state.was_reset();
    protocol_state.begin_watch();
    let driven = unready.keep();
    let mut connection = PgConnection::watched(diesel, protocol_state, canceller, driven);
    connection.set_default_isolation(probed.isolation);
    if probed.pooled {
        connection.set_pooled();
    }
    Ok(connection)
}
