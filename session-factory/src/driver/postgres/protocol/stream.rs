//! Reads the protocol's messages off the stream. So the driver sees what the server says about the transaction, no
//! matter whether the session or the body's raw connection sent the statement.
//!
//! [`WatchedStream`] sits between tokio-postgres and the socket and reads every frame's header. From the server it also
//! reads the bodies of `ReadyForQuery` (transaction status), `ErrorResponse` (SQLSTATE and text), `CommandComplete`
//! (command tag) and `BackendKeyData`, and of `DataRow` while the driver's own log position query is under way.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::outgoing::LONGEST_TEXT;
use super::state::ProtocolState;

/// In bytes. A longer body from the server is truncated, which is safe: the fields that the driver reads come first.
const LONGEST_BODY: usize = 16 * 1024;

/// A stream that passes each frame it carries to a [`ProtocolState`].
#[derive(Debug)]
pub(crate) struct WatchedStream<S> {
    inner: S,
    protocol_state: Arc<ProtocolState>,
    incoming: Frames,
    outgoing: Frames,
}

impl<S> WatchedStream<S> {
    pub(crate) fn new(inner: S, protocol_state: Arc<ProtocolState>) -> Self {
        Self {
            inner,
            protocol_state,
            incoming: Frames::tagged(),
            // The startup message has no tag.
            outgoing: Frames::untagged_first(),
        }
    }

    pub(crate) fn inner(&self) -> &S {
        &self.inner
    }

    fn has_read(&mut self, fresh: &[u8]) {
        let protocol_state = &*self.protocol_state;
        if fresh.is_empty() {
            protocol_state.closed();
        }
        let mut held = None;
        self.incoming.feed(
            fresh,
            |tag| protocol_state.wants_incoming(tag),
            |tag, body| protocol_state.incoming(tag, body, &mut held),
        );
    }

    fn has_written(&mut self, fresh: &[u8]) {
        let protocol_state = &*self.protocol_state;
        let (mut held, mut now) = (None, None);
        self.outgoing.feed(
            fresh,
            |tag| protocol_state.wants_outgoing(tag),
            |tag, body| protocol_state.outgoing(tag, body, &mut held, &mut now),
        );
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WatchedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let polled = Pin::new(&mut self.inner).poll_read(cx, buf);
        match &polled {
            Poll::Ready(Ok(())) => self.has_read(&buf.filled()[before..]),
            Poll::Ready(Err(_)) => self.protocol_state.closed(),
            Poll::Pending => {}
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WatchedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.inner).poll_write(cx, buf);
        match &polled {
            Poll::Ready(Ok(accepted)) => self.has_written(&buf[..*accepted]),
            Poll::Ready(Err(_)) => self.protocol_state.closed(),
            Poll::Pending => {}
        }
        polled
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl<S> Drop for WatchedStream<S> {
    fn drop(&mut self) {
        self.protocol_state.closed();
    }
}

/// Splits a byte stream into the protocol's frames, independent of where reads and writes split it.
#[derive(Debug)]
struct Frames {
    /// The current frame's tag and length.
    header: [u8; 5],
    have: usize,
    /// Bytes of the current body that have not arrived.
    left: usize,
    /// The current body, up to `longest` bytes, if it is wanted.
    body: Vec<u8>,
    wanted: bool,
    in_body: bool,
    /// The most bytes of a body to pass on.
    longest: usize,
}

impl Frames {
    fn tagged() -> Self {
        Self {
            header: [0; 5],
            have: 0,
            left: 0,
            body: Vec::new(),
            wanted: false,
            in_body: false,
            longest: LONGEST_BODY,
        }
    }

    fn untagged_first() -> Self {
        Self {
            have: 1,
            longest: LONGEST_TEXT,
            ..Self::tagged()
        }
    }

    /// Calls `frame` with each wanted frame once it is complete.
    fn feed(
        &mut self,
        mut bytes: &[u8],
        wants: impl Fn(u8) -> bool,
        mut frame: impl FnMut(u8, &[u8]),
    ) {
        loop {
            if self.have == 0 {
                // Most frames arrive whole and are passed on without a copy.
                while let Some((tag, body, rest)) = whole(bytes) {
                    if wants(tag) {
                        frame(tag, body.get(..self.longest).unwrap_or(body));
                    }
                    bytes = rest;
                }
            }
            if bytes.is_empty() {
                return;
            }
            bytes = self.piece(bytes, &wants);
            if self.in_body && self.left == 0 {
                if self.wanted {
                    frame(self.header[0], &self.body);
                }
                self.in_body = false;
                self.have = 0;
            }
        }
    }

    /// Consumes the current frame's bytes and returns the rest.
    fn piece<'bytes>(
        &mut self,
        mut bytes: &'bytes [u8],
        wants: &impl Fn(u8) -> bool,
    ) -> &'bytes [u8] {
        if !self.in_body {
            let take = bytes.len().min(self.header.len() - self.have);
            self.header[self.have..self.have + take].copy_from_slice(&bytes[..take]);
            self.have += take;
            bytes = &bytes[take..];
            if self.have < self.header.len() {
                return bytes;
            }
            let [tag, length @ ..] = self.header;
            self.left = (u32::from_be_bytes(length) as usize).saturating_sub(4);
            self.wanted = wants(tag);
            self.body.clear();
            // Free the buffer that one long message left behind.
            self.body.shrink_to(LONGEST_BODY);
            self.in_body = true;
        }
        let take = bytes.len().min(self.left);
        if self.wanted {
            let room = self.longest.saturating_sub(self.body.len());
            self.body.extend_from_slice(&bytes[..take.min(room)]);
        }
        self.left -= take;
        &bytes[take..]
    }
}

/// Returns the first frame's tag and body, and the bytes after it; `None` unless the frame is complete.
fn whole(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&[tag, a, b, c, d], rest) = bytes.split_first_chunk()?;
    let length = (u32::from_be_bytes([a, b, c, d]) as usize).saturating_sub(4);
    let (body, rest) = rest.split_at_checked(length)?;
    Some((tag, body, rest))
}

#[cfg(test)]
mod tests;
