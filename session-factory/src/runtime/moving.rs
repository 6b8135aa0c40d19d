//! A socket that registers itself with whichever runtime polls it.
//!
//! tokio registers a socket with the I/O driver of one runtime. When another runtime takes the connection over, or the
//! first one has ended, the socket is registered again. No bytes are lost, and a stream's wrapper (TLS) is unaffected.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Identifies the task that polls a stream. The stream and its driver share this value.
///
/// `Relaxed` is enough: only one task polls at a time, and handing the stream over (by mutex or spawn) orders accesses.
#[derive(Debug, Default)]
pub(crate) struct Poller {
    number: AtomicU64,
    /// True if no other runtime is left to take the stream when this one refuses it.
    is_last: AtomicBool,
    /// True if the runtime refused to register the stream.
    refused: AtomicBool,
}

impl Poller {
    /// The number of the task that drains a closed connection.
    pub(crate) const DRAIN: u64 = u64::MAX;

    /// Call before each poll: records that the task with this number polls the stream, on its own runtime.
    pub(crate) fn begin(&self, number: u64, is_last: bool) {
        self.number.store(number, Ordering::Relaxed);
        self.is_last.store(is_last, Ordering::Relaxed);
    }

    /// Returns, and clears, whether the poller's runtime refused the stream because it is shutting down.
    pub(super) fn take_refused(&self) -> bool {
        self.refused.load(Ordering::Relaxed) && self.refused.swap(false, Ordering::Relaxed)
    }
}

/// A kind of socket.
pub(crate) trait Socket: AsyncRead + AsyncWrite + Unpin + Sized {
    type Unregistered: Unpin;

    fn unregister(self) -> io::Result<Self::Unregistered>;

    fn duplicate(socket: &Self::Unregistered) -> io::Result<Self::Unregistered>;

    /// Registers the socket with the current runtime.
    fn register(socket: Self::Unregistered) -> io::Result<Self>;
}

impl Socket for TcpStream {
    type Unregistered = std::net::TcpStream;

    fn unregister(self) -> io::Result<Self::Unregistered> {
        self.into_std()
    }

    fn duplicate(socket: &Self::Unregistered) -> io::Result<Self::Unregistered> {
        socket.try_clone()
    }

    fn register(socket: Self::Unregistered) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

#[cfg(unix)]
impl Socket for UnixStream {
    type Unregistered = std::os::unix::net::UnixStream;

    fn unregister(self) -> io::Result<Self::Unregistered> {
        self.into_std()
    }

    fn duplicate(socket: &Self::Unregistered) -> io::Result<Self::Unregistered> {
        socket.try_clone()
    }

    fn register(socket: Self::Unregistered) -> io::Result<Self> {
        Self::from_std(socket)
    }
}

/// A stream that registers itself with the runtime of its [`Poller`].
pub(crate) struct Moving<S: Socket> {
    stream: State<S>,
    /// The poller's number at the last registration.
    registered: u64,
    poller: Arc<Poller>,
}

enum State<S: Socket> {
    Registered(S),
    /// The poller's runtime refused the socket.
    Unregistered(S::Unregistered),
    Lost,
}

impl<S: Socket> Moving<S> {
    /// Wraps a stream that the current runtime has registered.
    pub(crate) fn new(stream: S, poller: Arc<Poller>) -> Self {
        Self {
            stream: State::Registered(stream),
            registered: poller.number.load(Ordering::Relaxed),
            poller,
        }
    }

    /// Returns the socket, or `None` while no runtime has registered it.
    pub(crate) fn socket(&self) -> Option<&S> {
        match &self.stream {
            State::Registered(stream) => Some(stream),
            State::Unregistered(_) | State::Lost => None,
        }
    }

    /// Returns the stream, registered with the poller's runtime. Pending if that runtime refuses it; the driver then
    /// learns of the refusal from [`Poller::take_refused`].
    fn here(&mut self) -> Poll<io::Result<Pin<&mut S>>> {
        let number = self.poller.number.load(Ordering::Relaxed);
        if self.registered != number {
            ready!(self.register(number))?;
        }
        match &mut self.stream {
            State::Registered(stream) => Poll::Ready(Ok(Pin::new(stream))),
            State::Unregistered(_) | State::Lost => {
                Poll::Ready(Err(io::ErrorKind::NotConnected.into()))
            }
        }
    }

    #[cold]
    fn register(&mut self, number: u64) -> Poll<io::Result<()>> {
        let socket = match std::mem::replace(&mut self.stream, State::Lost) {
            State::Registered(stream) => stream.unregister()?,
            State::Unregistered(socket) => socket,
            State::Lost => return Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        };
        let is_last = self.poller.is_last.load(Ordering::Relaxed);
        // tokio closes a socket that it cannot register, so keep a duplicate for the next runtime.
        let spare = if is_last {
            None
        } else {
            S::duplicate(&socket).ok()
        };
        match (S::register(socket), spare) {
            (Ok(stream), _) => {
                self.stream = State::Registered(stream);
                self.registered = number;
                Poll::Ready(Ok(()))
            }
            (Err(_), Some(spare)) => {
                self.stream = State::Unregistered(spare);
                self.poller.refused.store(true, Ordering::Relaxed);
                Poll::Pending
            }
            (Err(error), None) => Poll::Ready(Err(error)),
        }
    }
}

impl<S: Socket> AsyncRead for Moving<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        ready!(self.here())?.poll_read(cx, buf)
    }
}

impl<S: Socket> AsyncWrite for Moving<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        ready!(self.here())?.poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.here())?.poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket().is_some_and(S::is_write_vectored)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.here())?.poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.here())?.poll_shutdown(cx)
    }
}
