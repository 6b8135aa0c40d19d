//! Opens a stream to a server and logs in.

pub(super) mod address;
pub(super) mod error;
mod login;
pub(super) mod stream;

#[cfg(feature = "tls")]
use std::fmt::Display;
use std::time::Duration;

use secrecy::ExposeSecret;

use self::address::Address;
use self::error::{no_tracking, refused};
pub(super) use self::login::Greeting;
use self::stream::Stream;
use super::protocol::Channel;
#[cfg(feature = "tls")]
use super::tls::Handshake;
use super::url::{Mode, Target};
use crate::config::{Credentials, Settings};
use crate::driver::OpenPermit;
use crate::error::{ConnectError, ConnectErrorKind};

/// The longest wait for an answer that the server can give at once.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Opens a stream and logs in.
pub(super) async fn open(
    settings: &Settings,
    target: &Target,
    address: &Address,
    database: Option<&str>,
    permit: Option<OpenPermit>,
) -> Result<(Channel, Greeting), ConnectError> {
    let wants_tls = address.wants_tls(target.encryption.mode) && cfg!(feature = "tls");
    let attempt = login(
        settings,
        target,
        address,
        database,
        permit.clone(),
        wants_tls,
    );
    match attempt.await {
        // PREFERRED: if the server's TLS does not work, connect without TLS, as to a server that has none.
        Err(error)
            if wants_tls
                && error.kind() == ConnectErrorKind::Tls
                && target.encryption.mode == Mode::Preferred =>
        {
            login(settings, target, address, database, permit, false).await
        }
        ended => ended,
    }
}

async fn login(
    settings: &Settings,
    target: &Target,
    address: &Address,
    database: Option<&str>,
    permit: Option<OpenPermit>,
    wants_tls: bool,
) -> Result<(Channel, Greeting), ConnectError> {
    let socket = address.open().await.map_err(|error| {
        ConnectError::new(
            ConnectErrorKind::Refused,
            format!("MySQL at {address} cannot be reached: {error}"),
        )
    })?;
    let mut channel = Channel::new(Stream::Plain(socket), permit);
    let greeting = login::greeting(&mut channel)
        .await
        .map_err(|error| refused(address, &error))?;
    if !greeting.tracks_sessions() {
        return Err(no_tracking(address));
    }
    let mut encrypted = false;
    if wants_tls {
        if greeting.has_tls() {
            #[cfg(feature = "tls")]
            encrypt(&mut channel, target, address, database.is_some()).await?;
            encrypted = true;
        } else if target.encryption.mode > Mode::Preferred {
            return Err(ConnectError::new(
                ConnectErrorKind::Tls,
                format!("MySQL at {address} has no TLS, which the URL's ssl-mode asks for"),
            ));
        }
    }
    let credentials = settings.credentials.as_ref();
    let user = credentials
        .and_then(|given| given.user())
        .or(target.user.as_deref());
    let password = credentials
        .map(Credentials::expose_password)
        .or_else(|| target.password.as_ref().map(ExposeSecret::expose_secret));
    let who = login::Who {
        user,
        password,
        database,
    };
    login::log_in(&mut channel, &greeting, &who, encrypted)
        .await
        .map_err(|error| error.at(address))?;
    channel.state.logged_in();
    Ok((channel, greeting))
}

#[cfg(feature = "tls")]
async fn encrypt(
    channel: &mut Channel,
    target: &Target,
    address: &Address,
    with_database: bool,
) -> Result<(), ConnectError> {
    let failed = |error: &dyn Display| {
        ConnectError::new(
            ConnectErrorKind::Tls,
            format!("no TLS with MySQL at {address}: {error}"),
        )
    };
    let handshake = Handshake::prepare(&target.encryption, address.name()).await;
    let handshake = handshake.map_err(|error| failed(&error))?;
    login::ask_for_tls(channel, with_database)
        .await
        .map_err(|error| refused(address, &error))?;
    let Some(Stream::Plain(socket)) = channel.take_stream() else {
        return Err(failed(&"the server spoke before it was asked"));
    };
    let stream = handshake
        .perform(socket)
        .await
        .map_err(|error| failed(&error))?;
    channel.put_stream(Stream::Tls(Box::new(stream)));
    Ok(())
}
