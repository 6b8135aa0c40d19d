//! The stream to a server, plain or encrypted, and how to open another one like it.

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
#[cfg(feature = "tls")]
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_postgres::tls::{ChannelBinding, TlsConnect, TlsStream};

#[cfg(feature = "tls")]
use crate::driver::postgres::tls::{Encrypted, Handshake, TlsError};
use crate::runtime::moving::{Moving, Poller};

/// A stream of the protocol's bytes; encryption, if any, is below it. It moves to the runtime that polls it.
pub(crate) struct ServerStream {
    kind: Kind,
    poller: Arc<Poller>,
}

enum Kind {
    Tcp(Moving<TcpStream>),
    #[cfg(unix)]
    Unix(Moving<UnixStream>),
    #[cfg(feature = "tls")]
    Tls(Box<Encrypted>),
    /// The stream was taken out.
    Gone,
}

impl ServerStream {
    fn new(poller: Arc<Poller>, kind: Kind) -> Self {
        Self { kind, poller }
    }

    /// Returns the socket of a plain TCP stream.
    pub(crate) fn tcp(&self) -> Option<&TcpStream> {
        match &self.kind {
            Kind::Tcp(stream) => stream.socket(),
            _ => None,
        }
    }

    /// Returns the value that says which task polls the stream.
    pub(crate) fn poller(&self) -> &Arc<Poller> {
        &self.poller
    }

    /// Takes the stream out; what remains returns only errors.
    pub(crate) fn take_out(&mut self) -> Self {
        let kind = std::mem::replace(&mut self.kind, Kind::Gone);
        Self::new(Arc::clone(&self.poller), kind)
    }

    fn gone<T>() -> Poll<io::Result<T>> {
        Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
    }
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Address {
    Tcp(SocketAddr),
    #[cfg_attr(not(unix), allow(dead_code))]
    Unix(PathBuf),
}

/// How a connection was opened. Its cancel requests use the same address and encryption.
#[derive(Clone)]
pub(crate) struct Route {
    pub(crate) address: Address,
    /// `None`: plain.
    #[cfg(feature = "tls")]
    pub(crate) handshake: Option<Handshake>,
}

impl Route {
    pub(crate) fn plain(address: Address) -> Self {
        Self {
            address,
            #[cfg(feature = "tls")]
            handshake: None,
        }
    }

    /// Opens a new stream to the same server. Fails if the first stream is encrypted and encryption fails here.
    pub(crate) async fn open(&self) -> io::Result<ServerStream> {
        let stream = self.address.open().await?;
        #[cfg(feature = "tls")]
        if let Some(handshake) = &self.handshake {
            return match encrypt(stream, handshake).await {
                Ok(Offer::Taken(stream)) => Ok(stream),
                Ok(Offer::Declined(_)) => Err(io::ErrorKind::ConnectionRefused.into()),
                Err(error) => Err(io::Error::other(error.to_string())),
            };
        }
        Ok(stream)
    }
}

impl Address {
    pub(crate) async fn open(&self) -> io::Result<ServerStream> {
        let poller = Arc::<Poller>::default();
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                // The protocol sends small messages and waits for each answer: Nagle's algorithm would only add delay.
                let _slower_but_works = stream.set_nodelay(true);
                let stream = Moving::new(stream, Arc::clone(&poller));
                Ok(ServerStream::new(poller, Kind::Tcp(stream)))
            }
            #[cfg(unix)]
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).await?;
                let stream = Moving::new(stream, Arc::clone(&poller));
                Ok(ServerStream::new(poller, Kind::Unix(stream)))
            }
            #[cfg(not(unix))]
            Self::Unix(_) => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// The server's answer to `SSLRequest`.
#[cfg(feature = "tls")]
pub(crate) enum Offer {
    Taken(ServerStream),
    /// The server has no TLS; the stream can be used plain.
    Declined(ServerStream),
}

/// Asks the server for TLS. tokio-postgres must not do this itself: the watched stream would then lie below the
/// encryption and see only ciphertext.
#[cfg(feature = "tls")]
pub(crate) async fn encrypt(
    stream: ServerStream,
    handshake: &Handshake,
) -> Result<Offer, TlsError> {
    /// `SSLRequest`: its length and its code.
    const REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    let ServerStream {
        kind: Kind::Tcp(mut stream),
        poller,
    } = stream
    else {
        return Ok(Offer::Declined(stream));
    };
    stream.write_all(&REQUEST).await?;
    // Read one byte only: an attacker could inject plaintext after it, which must not be taken for the server's data.
    let mut answer = [0; 1];
    stream.read_exact(&mut answer).await?;
    match answer {
        [b'S'] => {
            let encrypted = Box::new(handshake.perform(stream).await?);
            Ok(Offer::Taken(ServerStream::new(
                poller,
                Kind::Tls(encrypted),
            )))
        }
        [b'N'] => Ok(Offer::Declined(ServerStream::new(
            poller,
            Kind::Tcp(stream),
        ))),
        _ => Err(TlsError::NotPostgres),
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Gone => Self::gone(),
        }
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Gone => Self::gone(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(stream).poll_flush(cx),
            Kind::Gone => Self::gone(),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Gone => Self::gone(),
        }
    }
}

impl TlsStream for ServerStream {
    fn channel_binding(&self) -> ChannelBinding {
        match &self.kind {
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.channel_binding(),
            _ => ChannelBinding::none(),
        }
    }
}

impl TlsStream for &mut ServerStream {
    fn channel_binding(&self) -> ChannelBinding {
        (**self).channel_binding()
    }
}

/// Makes tokio-postgres use the stream unchanged, because encryption is already decided. The authentication still gets
/// the stream's channel binding.
pub(crate) struct Done;

impl<S: TlsStream + Unpin> TlsConnect<S> for Done {
    type Stream = S;
    type Error = Infallible;
    type Future = Ready<Result<S, Infallible>>;

    fn connect(self, stream: S) -> Self::Future {
        ready(Ok(stream))
    }
}
