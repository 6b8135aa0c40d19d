//! The connection phase: the server's greeting, and the client's login.

use bytes::Bytes;
use mysql_common::constants::CapabilityFlags;
use mysql_common::crypto;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    AuthPlugin, AuthSwitchRequest, CommonOkPacket, HandshakePacket, HandshakeResponse,
};
use mysql_common::proto::MySerialize;

use super::super::protocol::{CAPABILITIES, Channel, parse_error, parse_ok};
use super::address::Address;
use super::error::refused;
use super::stream::Stream;
use crate::error::{ConnectError, ConnectErrorKind, StatementError};
use crate::panics::contained;

/// `utf8mb4_general_ci`, which servers of all versions have.
#[cfg(feature = "tls")]
const COLLATION: u8 = 45;
/// The longest message that the client accepts.
const LONGEST_REPLY: u32 = 1 << 30;

/// Messages of `caching_sha2_password`: the server has cached the password's hash, or asks for the password itself.
const FAST_PATH: &[u8] = &[3];
const FULL_PATH: &[u8] = &[4];
const ASK_FOR_KEY: &[u8] = &[2];

/// Who logs in, and to which database.
pub(super) struct Who<'a> {
    pub(super) user: Option<&'a str>,
    pub(super) password: Option<&'a str>,
    pub(super) database: Option<&'a str>,
}

/// The server's first message.
pub(in super::super) struct Greeting(HandshakePacket<'static>);

/// Why the login failed: the server's error, or the client's own reason to refuse.
pub(super) enum NotIn {
    Said(StatementError),
    Ours(&'static str),
}

impl From<StatementError> for NotIn {
    fn from(error: StatementError) -> Self {
        Self::Said(error)
    }
}

impl NotIn {
    pub(super) fn at(&self, address: &Address) -> ConnectError {
        match self {
            Self::Said(error) => refused(address, error),
            Self::Ours(why) => ConnectError::new(
                ConnectErrorKind::Authentication,
                format!("MySQL at {address} {why}"),
            ),
        }
    }
}

impl Greeting {
    pub(super) fn tracks_sessions(&self) -> bool {
        let needed = CapabilityFlags::CLIENT_SESSION_TRACK | CapabilityFlags::CLIENT_DEPRECATE_EOF;
        self.0.capabilities().contains(needed)
    }

    pub(super) fn has_tls(&self) -> bool {
        self.0.capabilities().contains(CapabilityFlags::CLIENT_SSL)
    }

    pub(in super::super) fn is_mariadb(&self) -> bool {
        self.0.server_version_str().contains("MariaDB")
    }
}

pub(super) async fn greeting(channel: &mut Channel) -> Result<Greeting, StatementError> {
    let message = channel.message().await?;
    if message.first() == Some(&0xFF) {
        // Such as too many connections, or a host that may not connect.
        let said = parse_error(&message).map_err(|error| channel.lose(&error))?;
        return Err(said);
    }
    let packet: HandshakePacket<'_> = ParseBuf(&message)
        .parse(())
        .map_err(|error| channel.lose(&error))?;
    Ok(Greeting(packet.into_owned()))
}

/// Announces that the next bytes are TLS. MariaDB takes the capabilities from here, not from the login that follows.
#[cfg(feature = "tls")]
pub(super) async fn ask_for_tls(
    channel: &mut Channel,
    with_database: bool,
) -> Result<(), StatementError> {
    let mut capabilities = CAPABILITIES | CapabilityFlags::CLIENT_SSL;
    capabilities.set(CapabilityFlags::CLIENT_CONNECT_WITH_DB, with_database);
    let request = mysql_common::packets::SslRequest::new(capabilities, LONGEST_REPLY, COLLATION);
    channel.answer(&serialized(&request));
    channel.flush().await
}

fn serialized(packet: &impl MySerialize) -> Vec<u8> {
    let mut body = Vec::new();
    packet.serialize(&mut body);
    body
}

/// Answers the greeting, and each further request of the login.
pub(super) async fn log_in(
    channel: &mut Channel,
    greeting: &Greeting,
    who: &Who<'_>,
    encrypted: bool,
) -> Result<(), NotIn> {
    let mut nonce = greeting.0.nonce();
    nonce.truncate(20);
    let mut plugin = match greeting.0.auth_plugin() {
        Some(AuthPlugin::CachingSha2Password) => AuthPlugin::CachingSha2Password,
        // If the user has another plugin, the server asks for that one.
        _ => AuthPlugin::MysqlNativePassword,
    };
    let mut capabilities = CAPABILITIES;
    capabilities.set(CapabilityFlags::CLIENT_SSL, encrypted);
    let proof = proof(&plugin, who.password, &nonce, channel)?;
    let response = HandshakeResponse::new(
        Some(proof),
        (5, 7, 0),
        who.user.map(str::as_bytes),
        who.database.map(str::as_bytes),
        Some(plugin.clone()),
        capabilities,
        None,
        LONGEST_REPLY,
    );
    channel.answer(&serialized(&response));
    loop {
        let message = channel.message().await?;
        match message.first() {
            Some(0x00) => {
                let _greeted =
                    parse_ok::<CommonOkPacket>(&message).map_err(|error| channel.lose(&error))?;
                return Ok(());
            }
            Some(0x01) => more(channel, &plugin, &message, who.password, &nonce).await?,
            Some(0xFE) if message.len() > 1 => {
                let switch: AuthSwitchRequest<'_> = ParseBuf(&message)
                    .parse(())
                    .map_err(|error| channel.lose(&error))?;
                plugin = switch.auth_plugin().into_owned();
                nonce = switch.plugin_data().to_vec();
                if nonce.last() == Some(&0) {
                    nonce.pop();
                }
                let answer = self::proof(&plugin, who.password, &nonce, channel)?;
                channel.answer(&answer);
            }
            Some(0xFF) => {
                let said = parse_error(&message).map_err(|error| channel.lose(&error))?;
                return Err(said.into());
            }
            _ => {
                return Err(NotIn::Ours(
                    "asks for a password in a form that is too old to be safe",
                ));
            }
        }
    }
}

/// Returns what proves the password to a plugin. Refuses to send the password itself where others could read it.
fn proof(
    plugin: &AuthPlugin<'_>,
    password: Option<&str>,
    nonce: &[u8],
    channel: &Channel,
) -> Result<Vec<u8>, NotIn> {
    match plugin {
        AuthPlugin::MysqlClearPassword => {
            if !is_private(channel) {
                return Err(NotIn::Ours(
                    "asks for the password in clear text, which is sent over TLS alone: write ssl-mode=VERIFY_IDENTITY",
                ));
            }
            Ok([password.unwrap_or_default().as_bytes(), &[0]].concat())
        }
        AuthPlugin::MysqlOldPassword => Err(NotIn::Ours(
            "asks for a proof of the password that is too weak (mysql_old_password)",
        )),
        AuthPlugin::Other(_) => Err(NotIn::Ours(
            "asks for an authentication plugin that is not known here: mysql_native_password, caching_sha2_password, \
             client_ed25519 and, over TLS, mysql_clear_password are",
        )),
        _ => Ok(plugin
            .gen_data(password, nonce)
            .map_or_else(Vec::new, |data| data.to_vec())),
    }
}

fn is_private(channel: &Channel) -> bool {
    channel.stream().is_some_and(Stream::is_private)
}

/// Handles the second part of `caching_sha2_password`.
async fn more(
    channel: &mut Channel,
    plugin: &AuthPlugin<'_>,
    message: &Bytes,
    password: Option<&str>,
    nonce: &[u8],
) -> Result<(), NotIn> {
    let said = message.get(1..).unwrap_or_default();
    if *plugin != AuthPlugin::CachingSha2Password || said == FAST_PATH {
        return Ok(());
    }
    if said != FULL_PATH {
        return Err(NotIn::Ours(
            "said something during the login that it was not asked",
        ));
    }
    let mut secret = password.unwrap_or_default().as_bytes().to_vec();
    secret.push(0);
    if is_private(channel) {
        channel.answer(&secret);
        return Ok(());
    }
    channel.answer(ASK_FOR_KEY);
    let key = channel.message().await?;
    for (byte, mask) in secret.iter_mut().zip(nonce.iter().cycle()) {
        *byte ^= mask;
    }
    // The library panics if the key is malformed.
    let encrypted = contained(|| crypto::encrypt(&secret, key.get(1..).unwrap_or_default()));
    channel.answer(&encrypted.ok_or(NotIn::Ours("gave a public key that is not one"))?);
    Ok(())
}
