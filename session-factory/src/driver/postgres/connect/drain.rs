//! Closes a connection: reads its stream until the server has closed its side.
//!
//! The server counts a connection against `max_connections` until its backend has exited, and the backend closes the
//! socket last. So once the stream has ended, the pool may open a new connection in its place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::timeout;
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::stream::ServerStream;
use crate::driver::OpenPermit;
use crate::driver::postgres::protocol::state::ProtocolState;
use crate::driver::postgres::protocol::stream::WatchedStream;
use crate::runtime::moving::Poller;

/// How long to wait for the server to close its side.
const PATIENCE: Duration = Duration::from_secs(5);
/// [`PATIENCE`] for a server that has not completed the startup.
const PATIENCE_AT_THE_DOOR: Duration = Duration::from_secs(1);
/// The Terminate message. tokio-postgres sends it as well, unless its task is aborted first.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// A stream that, however its connection ended, sends Terminate when dropped and reads until the server closes it.
pub(crate) struct DrainOnDrop {
    stream: ServerStream,
    protocol_state: Arc<ProtocolState>,
    /// Held until the server has closed its side.
    permit: Option<OpenPermit>,
}

impl DrainOnDrop {
    pub(crate) fn new(
        stream: ServerStream,
        protocol_state: Arc<ProtocolState>,
        permit: Option<OpenPermit>,
    ) -> Self {
        Self {
            stream,
            protocol_state,
            permit,
        }
    }
}

impl Drop for DrainOnDrop {
    fn drop(&mut self) {
        let is_inside = self.protocol_state.process() != 0;
        let permit = self.permit.take();
        let stream = self.stream.take_out();
        let patience = if is_inside {
            PATIENCE
        } else {
            PATIENCE_AT_THE_DOOR
        };
        // The connection could not exist without the background runtime, so this error cannot occur here.
        let _no_runtime = crate::runtime::spawn(async move {
            stream.poller().begin(Poller::DRAIN, true);
            let _given_up = timeout(patience, take_leave(stream, is_inside)).await;
            drop(permit);
        });
    }
}

async fn take_leave(mut stream: ServerStream, is_inside: bool) {
    if is_inside {
        let _said_before = stream.write_all(&TERMINATE).await;
    }
    let _closed_before = stream.shutdown().await;
    let mut rest = [0; 4096];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}

impl AsyncRead for DrainOnDrop {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for DrainOnDrop {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

impl TlsStream for DrainOnDrop {
    fn channel_binding(&self) -> ChannelBinding {
        self.stream.channel_binding()
    }
}

impl TlsStream for WatchedStream<DrainOnDrop> {
    fn channel_binding(&self) -> ChannelBinding {
        self.inner().channel_binding()
    }
}
