//! Opens a connection and hands its stream over: the bytes behind the startup are the caller's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::error::{all_failed, io_error, postgres_error};
#[cfg(feature = "tls")]
use super::error::{no_tls, tls_error};
use super::hosts::{addresses, prepared};
#[cfg(feature = "tls")]
use super::ssl_mode::Mode;
use super::stream::{Address, Done, Route, ServerStream};
#[cfg(feature = "tls")]
use super::stream::{Offer, encrypt};
use crate::config::Settings;
#[cfg(feature = "tls")]
use crate::driver::postgres::tls::Handshake;
use crate::driver::postgres::url::{Host, Url};
use crate::error::ConnectError;
use crate::sync::Mutex;

/// A connection after its startup.
pub(crate) struct HandedOver {
    pub(crate) stream: ServerStream,
    pub(crate) route: Route,
    /// The `ParameterStatus` messages.
    pub(crate) parameters: Vec<u8>,
    /// The server's process, and its key for cancel requests.
    pub(crate) process: u32,
    pub(crate) key: u32,
}

/// Connects to the first server of the URL that accepts.
pub(crate) async fn connect(settings: &Settings) -> Result<HandedOver, ConnectError> {
    let mut url = prepared(settings)?;
    // `RESET ALL` gives what diesel expects.
    let asked = url.config.get_options().unwrap_or_default();
    let options = format!("{asked} -c TimeZone=UTC");
    url.config.options(options);
    let mut errors = Vec::new();
    for host in &url.hosts {
        match one_host(&url, host).await {
            Ok(connection) => return Ok(connection),
            Err(error) => errors.push(error),
        }
    }
    Err(all_failed(errors))
}

async fn one_host(url: &Url, host: &Host) -> Result<HandedOver, ConnectError> {
    let place = host.shown();
    let count = url.hosts.len();
    let mut last = ConnectError::unknown_host(host.index, count, &"it has no address");
    let found = addresses(host, false).await;
    let found = found.map_err(|error| ConnectError::unknown_host(host.index, count, &error))?;
    for address in found {
        match address.open().await {
            Ok(stream) => {
                let (stream, route) = encrypted(url, host, stream, address, &place).await?;
                return talk(url, stream, route, &place).await;
            }
            Err(error) => last = io_error(&error, &place),
        }
    }
    Err(last)
}

#[cfg(not(feature = "tls"))]
#[allow(clippy::unused_async)] // with TLS it waits
async fn encrypted(
    _url: &Url,
    _host: &Host,
    stream: ServerStream,
    address: Address,
    _place: &str,
) -> Result<(ServerStream, Route), ConnectError> {
    Ok((stream, Route::plain(address)))
}

#[cfg(feature = "tls")]
async fn encrypted(
    url: &Url,
    host: &Host,
    stream: ServerStream,
    address: Address,
    place: &str,
) -> Result<(ServerStream, Route), ConnectError> {
    let is_plain = url.encryption.mode == Mode::Disable || stream.tcp().is_none();
    if is_plain {
        return Ok((stream, Route::plain(address)));
    }
    let handshake = Handshake::prepare(&url.encryption, &host.name).await;
    let handshake = handshake.map_err(|error| tls_error(&error, place))?;
    match encrypt(stream, &handshake).await {
        Ok(Offer::Taken(stream)) => Ok((
            stream,
            Route {
                address,
                handshake: Some(handshake),
            },
        )),
        Ok(Offer::Declined(stream)) if url.encryption.mode == Mode::Prefer => {
            Ok((stream, Route::plain(address)))
        }
        Ok(Offer::Declined(_)) => Err(no_tls(place, "which the server does not have")),
        Err(error) => Err(tls_error(&error, place)),
    }
}

async fn talk(
    url: &Url,
    stream: ServerStream,
    route: Route,
    place: &str,
) -> Result<HandedOver, ConnectError> {
    let lent = Lent(Arc::new(Mutex::new(Read {
        stream,
        read: Vec::new(),
    })));
    let started = url.config.connect_raw(lent.clone(), Done).await;
    let started = started.map_err(|error| postgres_error(&error, place))?;
    // Neither the client nor its connection sends anything when it is dropped without having run.
    drop(started);
    let mut lent = lent.0.lock();
    let stream = lent.stream.take_out();
    let mut connection = HandedOver {
        stream,
        route,
        parameters: Vec::new(),
        process: 0,
        key: 0,
    };
    connection.read(&lent.read);
    Ok(connection)
}

impl HandedOver {
    /// Reads what the server has sent in its startup.
    fn read(&mut self, mut bytes: &[u8]) {
        let number = |bytes: &[u8]| bytes.try_into().map(u32::from_be_bytes).unwrap_or_default();
        while let (Some(tag), Some(length)) = (bytes.first(), bytes.get(1..5)) {
            let end = usize::try_from(number(length))
                .unwrap_or(usize::MAX)
                .saturating_add(1);
            let Some(message) = bytes.get(..end) else {
                return;
            };
            match tag {
                b'S' => self.parameters.extend(message),
                b'K' => {
                    self.process = message.get(5..9).map(number).unwrap_or_default();
                    self.key = message.get(9..13).map(number).unwrap_or_default();
                }
                _ => {}
            }
            bytes = bytes.get(end..).unwrap_or_default();
        }
    }
}

/// A stream that is taken back after the startup, and what was read from it.
#[derive(Clone)]
struct Lent(Arc<Mutex<Read>>);

struct Read {
    stream: ServerStream,
    read: Vec<u8>,
}

impl AsyncRead for Lent {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut lent = self.0.lock();
        let before = buf.filled().len();
        let polled = Pin::new(&mut lent.stream).poll_read(cx, buf);
        let read = buf.filled().get(before..).unwrap_or_default().to_vec();
        lent.read.extend(read);
        polled
    }
}

impl AsyncWrite for Lent {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0.lock().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0.lock().stream).poll_shutdown(cx)
    }
}

impl TlsStream for Lent {
    fn channel_binding(&self) -> ChannelBinding {
        self.0.lock().stream.channel_binding()
    }
}
