//! The protocol's messages, as whole frames.

use std::io;

use bytes::{Buf as _, BufMut as _, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt as _};

/// One message: its tag, its length and its body.
#[derive(Debug, Clone)]
pub(super) struct Frame(Bytes);

impl Frame {
    pub(super) fn new(tag: u8, body: &[u8]) -> Self {
        let mut frame = BytesMut::with_capacity(body.len() + 5);
        frame.put_u8(tag);
        // A body that large does not fit into the protocol, nor into memory.
        frame.put_u32(u32::try_from(body.len() + 4).unwrap_or(u32::MAX));
        frame.put_slice(body);
        Self(frame.freeze())
    }

    /// A simple query.
    pub(super) fn query(sql: &str) -> Self {
        Self::new(b'Q', &terminated(sql))
    }

    /// A CommandComplete.
    pub(super) fn complete(tag: &str) -> Self {
        Self::new(b'C', &terminated(tag))
    }

    /// An ErrorResponse.
    pub(super) fn error(severity: &str, code: &str, message: &str) -> Self {
        let mut body = BytesMut::new();
        for (field, value) in [
            (b'S', severity),
            (b'V', severity),
            (b'C', code),
            (b'M', message),
        ] {
            body.put_u8(field);
            body.put_slice(&terminated(value));
        }
        body.put_u8(0);
        Self::new(b'E', &body)
    }

    /// A ReadyForQuery.
    pub(super) fn ready(status: u8) -> Self {
        Self::new(b'Z', &[status])
    }

    pub(super) fn tag(&self) -> u8 {
        self.0.first().copied().unwrap_or_default()
    }

    pub(super) fn body(&self) -> &[u8] {
        self.0.get(5..).unwrap_or_default()
    }

    pub(super) fn into_bytes(self) -> Bytes {
        self.0
    }

    /// The text at `from` in the body, up to its zero, and what is behind it.
    pub(super) fn text_at(&self, from: usize) -> (&str, &[u8]) {
        let body = self.body().get(from..).unwrap_or_default();
        let end = body
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(body.len());
        let (text, rest) = body.split_at(end);
        let rest = rest.get(1..).unwrap_or_default();
        (std::str::from_utf8(text).unwrap_or_default(), rest)
    }

    /// A field of an ErrorResponse.
    pub(super) fn field(&self, wanted: u8) -> Option<&str> {
        let mut at = 0;
        while let Some(field) = self.body().get(at).filter(|field| **field != 0) {
            let (value, _) = self.text_at(at + 1);
            if *field == wanted {
                return Some(value);
            }
            at += value.len() + 2;
        }
        None
    }
}

pub(super) fn terminated(text: &str) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    bytes.push(0);
    bytes
}

/// Reads frames. A read that is dropped loses nothing.
#[derive(Debug)]
pub(super) struct Reader<R> {
    stream: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    pub(super) fn new(stream: R) -> Self {
        Self {
            stream,
            buffer: BytesMut::new(),
        }
    }

    /// The next message; `None` at the stream's end.
    pub(super) async fn frame(&mut self) -> io::Result<Option<Frame>> {
        self.read(1).await.map(|bytes| bytes.map(Frame))
    }

    /// The next message before the startup's end, which has no tag: its code and its body.
    pub(super) async fn untagged(&mut self) -> io::Result<Option<(u32, Bytes)>> {
        let Some(mut bytes) = self.read(0).await? else {
            return Ok(None);
        };
        if bytes.len() < 8 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        bytes.advance(4);
        Ok(Some((bytes.get_u32(), bytes)))
    }

    /// A message whose length stands at `at`.
    async fn read(&mut self, at: usize) -> io::Result<Option<Bytes>> {
        loop {
            if let Some(mut length) = self.buffer.get(at..at + 4) {
                let length = usize::try_from(length.get_u32()).unwrap_or(usize::MAX);
                if length < 4 {
                    return Err(io::ErrorKind::InvalidData.into());
                }
                let length = length.saturating_add(at);
                if self.buffer.len() >= length {
                    return Ok(Some(self.buffer.split_to(length).freeze()));
                }
            }
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }
}
