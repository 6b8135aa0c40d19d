//! The end of a connection: its stream is read until the server has closed its side.
//!
//! A server counts a connection until its backend is gone, and closes the socket last. So the end of the stream says
//! that another connection may be opened in its place.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::runtime::Handle;
use tokio::time::timeout;
use tokio_postgres::tls::{ChannelBinding, TlsStream};

use super::ledger::Ledger;
use super::wire::Wire;
use crate::driver::OpenPermit;

/// A server that has not closed its side by then is not waited for.
const PATIENCE: Duration = Duration::from_secs(5);
/// The same for one that has not let us in.
const PATIENCE_AT_THE_DOOR: Duration = Duration::from_secs(1);
/// "Terminate". tokio-postgres says it too, where it is not stopped before.
const TERMINATE: [u8; 5] = [b'X', 0, 0, 0, 4];

/// A stream that takes its leave when it is dropped, however its connection ended.
pub(super) struct Parting {
    /// Gone once it was dropped.
    wire: Wire,
    ledger: Arc<Ledger>,
    /// Kept until the server has closed its side.
    permit: Option<OpenPermit>,
    /// Where the stream is driven.
    runtime: Handle,
}

impl Parting {
    /// To be called on the runtime where the stream was opened.
    pub(super) fn new(wire: Wire, ledger: Arc<Ledger>, permit: Option<OpenPermit>) -> Self {
        Self {
            wire,
            ledger,
            permit,
            runtime: Handle::current(),
        }
    }
}

impl Drop for Parting {
    fn drop(&mut self) {
        let is_inside = self.ledger.process() != 0;
        if let Some(permit) = self.permit.take() {
            let wire = std::mem::replace(&mut self.wire, Wire::Gone);
            let patience = if is_inside {
                PATIENCE
            } else {
                PATIENCE_AT_THE_DOOR
            };
            self.runtime.spawn(async move {
                let _given_up = timeout(patience, take_leave(wire, is_inside)).await;
                drop(permit);
            });
        }
    }
}

async fn take_leave(mut wire: Wire, is_inside: bool) {
    if is_inside {
        let _said_before = wire.write_all(&TERMINATE).await;
    }
    let _closed_before = wire.shutdown().await;
    let mut rest = [0; 4096];
    while matches!(wire.read(&mut rest).await, Ok(1..)) {}
}

impl AsyncRead for Parting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_read(cx, buf)
    }
}

impl AsyncWrite for Parting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.wire).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.wire).poll_shutdown(cx)
    }
}

impl TlsStream for Parting {
    fn channel_binding(&self) -> ChannelBinding {
        self.wire.channel_binding()
    }
}
