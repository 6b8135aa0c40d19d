//! The stream of a connection: TCP, a Unix socket, or TLS over either.
//!
//! The stream registers itself with the runtime that polls it. So the caller's own future drives the connection, which
//! outlives the runtime on which it was opened.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::task::AtomicWaker;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::runtime::{Handle, Id};
use tokio::time::timeout;

use crate::driver::OpenPermit;
use crate::panics::contained;

/// The longest wait for the server to close its side.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same wait for a server that has not accepted the login.
const PATIENCE_AT_THE_DOOR: Duration = Duration::from_secs(1);
/// `COM_QUIT` as a packet.
const QUIT: [u8; 5] = [1, 0, 0, 0, 1];

enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Ends a connection from outside: every later read or write on it fails.
#[derive(Debug, Default)]
pub(in super::super) struct Hangup {
    done: AtomicBool,
    reader: AtomicWaker,
}

impl Hangup {
    pub(in super::super) fn now(&self) {
        self.done.store(true, Ordering::SeqCst);
        self.reader.wake();
    }

    fn is_done(&self) -> bool {
        self.done.load(Ordering::SeqCst)
    }
}

/// A socket that registers itself with the runtime that polls it.
pub(in super::super) struct Homing {
    /// `None` after the socket could not be registered with a runtime.
    socket: Option<Socket>,
    home: Option<Id>,
    hangup: Arc<Hangup>,
}

impl Homing {
    fn new(socket: Socket) -> Self {
        Self {
            socket: Some(socket),
            home: Handle::try_current().ok().map(|runtime| runtime.id()),
            hangup: Arc::default(),
        }
    }

    pub(in super::super) async fn connect_tcp(address: std::net::SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address).await?;
        // No delay, because messages are small and the client waits for each reply. Keep-alive, to notice a peer that
        // vanished. A connection works without either, so errors are ignored.
        let _slower = stream.set_nodelay(true);
        let _later = SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new());
        Ok(Self::new(Socket::Tcp(stream)))
    }

    #[cfg(unix)]
    pub(in super::super) async fn connect_unix(path: &std::path::Path) -> io::Result<Self> {
        Ok(Self::new(Socket::Unix(UnixStream::connect(path).await?)))
    }

    fn here(&mut self) -> io::Result<&mut Socket> {
        if self.hangup.is_done() {
            return Err(io::ErrorKind::ConnectionAborted.into());
        }
        let current = Handle::try_current().ok();
        let id = current.as_ref().map(Handle::id);
        if id.is_none() || id != self.home {
            self.move_to(current)?;
        }
        self.socket
            .as_mut()
            .ok_or_else(|| io::ErrorKind::NotConnected.into())
    }

    /// Moves the socket to the current runtime. If there is none, or it has no I/O driver: to the background runtime.
    fn move_to(&mut self, current: Option<Handle>) -> io::Result<()> {
        let background = crate::runtime::handle().map_err(io::Error::other)?;
        if current.is_none() && self.home == Some(background.id()) {
            return Ok(());
        }
        let here = current.unwrap_or_else(|| background.clone());
        let socket = self.socket.take().ok_or(io::ErrorKind::NotConnected)?;
        let moved = match socket {
            Socket::Tcp(stream) => {
                let stream = stream.into_std()?;
                register(&here, background, || {
                    TcpStream::from_std(stream.try_clone()?)
                })
                .map(Socket::Tcp)
            }
            #[cfg(unix)]
            Socket::Unix(stream) => {
                let stream = stream.into_std()?;
                register(&here, background, || {
                    UnixStream::from_std(stream.try_clone()?)
                })
                .map(Socket::Unix)
            }
        };
        self.socket = Some(moved?);
        self.home = Some(here.id());
        Ok(())
    }

    /// Asks the operating system: true if there is nothing to read, not even the end. `talks`: bytes do not count.
    fn is_silent(&self, talks: bool) -> bool {
        if self.hangup.is_done() {
            return false;
        }
        let mut byte = [std::mem::MaybeUninit::uninit()];
        let read = match &self.socket {
            Some(Socket::Tcp(stream)) => SockRef::from(stream).peek(&mut byte),
            #[cfg(unix)]
            Some(Socket::Unix(stream)) => SockRef::from(stream).peek(&mut byte),
            None => return false,
        };
        match read {
            Ok(bytes) => talks && bytes > 0,
            Err(error) => error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}

/// Registers a socket with `here`. If that runtime has no I/O driver, tokio panics: then with `background`.
fn register<S>(
    here: &Handle,
    background: &Handle,
    make: impl Fn() -> io::Result<S>,
) -> io::Result<S> {
    let on = |runtime: &Handle| {
        let _context = runtime.enter();
        make()
    };
    contained(|| on(here)).unwrap_or_else(|| on(background))
}

impl AsyncRead for Homing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.hangup.reader.register(cx.waker());
        match self.here()? {
            Socket::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(unix)]
            Socket::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Homing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.hangup.reader.register(cx.waker());
        match self.here()? {
            Socket::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(unix)]
            Socket::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.here()? {
            Socket::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(unix)]
            Socket::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A stream, encrypted or not.
pub(in super::super) enum Stream {
    Plain(Homing),
    #[cfg(feature = "tls")]
    Tls(Box<tokio_rustls::client::TlsStream<Homing>>),
}

impl Stream {
    fn socket(&self) -> &Homing {
        match self {
            Self::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Self::Tls(stream) => stream.get_ref().0,
        }
    }

    pub(in super::super) fn is_silent(&self) -> bool {
        // TLS sends messages of its own, such as session tickets, so bytes alone do not mean that the server closes.
        let talks = !matches!(self, Self::Plain(_));
        self.socket().is_silent(talks)
    }

    /// True if the connection was ended from outside.
    pub(in super::super) fn is_hung_up(&self) -> bool {
        self.socket().hangup.is_done()
    }

    pub(in super::super) fn hangup(&self) -> Arc<Hangup> {
        Arc::clone(&self.socket().hangup)
    }

    /// True if nobody else can read the stream: it is encrypted, or a Unix socket.
    pub(in super::super) fn is_private(&self) -> bool {
        match self {
            #[cfg(unix)]
            Self::Plain(socket) => matches!(socket.socket, Some(Socket::Unix(_))),
            #[cfg(not(unix))]
            Self::Plain(_) => false,
            #[cfg(feature = "tls")]
            Self::Tls(_) => true,
        }
    }

    /// Closes the connection in a task. The task holds the permit until the server has closed its side, because the
    /// connection counts towards the server's limit until then.
    pub(in super::super) fn part(mut self, permit: Option<OpenPermit>, is_inside: bool) {
        let patience = if is_inside {
            PATIENCE
        } else {
            PATIENCE_AT_THE_DOOR
        };
        let _no_runtime = crate::runtime::spawn(async move {
            let leave = async {
                if is_inside {
                    let _gone_before = self.write_all(&QUIT).await;
                }
                let _closed_before = self.shutdown().await;
                let mut rest = [0; 4096];
                while matches!(self.read(&mut rest).await, Ok(1..)) {}
            };
            let _given_up = timeout(patience, leave).await;
            drop(permit);
        });
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_write(cx, buf),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            #[cfg(feature = "tls")]
            Self::Tls(stream) => Pin::new(&mut **stream).poll_shutdown(cx),
        }
    }
}
