//! Parses PostgreSQL's messages from a stream that arrives in arbitrary chunks.

/// Longer bodies are skipped: they contain copied data or long values, not SQL.
const LONGEST: usize = 1 << 20;

/// One direction of a connection.
#[derive(Debug)]
pub(crate) struct Frames {
    /// True if the next message is a startup packet, which has no type byte.
    startup: bool,
    header: Vec<u8>,
    body: Vec<u8>,
    /// How many bytes of the body are missing.
    missing: usize,
    /// True if the stream is encrypted, so that it cannot be parsed.
    pub(crate) opaque: bool,
}

/// A whole message.
#[derive(Debug)]
pub(crate) struct Frame {
    /// The type byte; `None` for a startup packet.
    pub(crate) kind: Option<u8>,
    /// The body; empty if it was too long.
    pub(crate) body: Vec<u8>,
}

/// The codes at the start of a startup packet's body.
pub(crate) const CANCEL: u32 = 80_877_102;
pub(crate) const TLS: u32 = 80_877_103;
pub(crate) const GSS: u32 = 80_877_104;

impl Frames {
    /// A client's stream, which begins with a startup packet.
    pub(crate) fn from_client() -> Self {
        Self {
            startup: true,
            ..Self::from_server()
        }
    }

    /// A server's stream.
    pub(crate) fn from_server() -> Self {
        Self {
            startup: false,
            header: Vec::new(),
            body: Vec::new(),
            missing: 0,
            opaque: false,
        }
    }

    /// Expects another startup packet, because the server declined the client's request for TLS.
    pub(crate) fn expect_startup(&mut self) {
        self.startup = true;
    }

    /// Adds bytes, and returns the messages that they complete.
    pub(crate) fn feed(&mut self, mut bytes: &[u8]) -> Vec<Frame> {
        let mut frames = Vec::new();
        while !self.opaque && !bytes.is_empty() {
            let header = if self.startup { 4 } else { 5 };
            if self.header.len() < header {
                let taken = bytes.len().min(header - self.header.len());
                self.header.extend_from_slice(&bytes[..taken]);
                bytes = &bytes[taken..];
                if self.header.len() < header {
                    break;
                }
                let length = &self.header[header - 4..];
                let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]);
                // The length includes its own four bytes.
                self.missing = (length as usize).saturating_sub(4);
            }
            let taken = bytes.len().min(self.missing);
            if self.body.len() + taken <= LONGEST {
                self.body.extend_from_slice(&bytes[..taken]);
            }
            self.missing -= taken;
            bytes = &bytes[taken..];
            if self.missing == 0 {
                let kind = (!self.startup).then(|| self.header[0]);
                self.startup = false;
                self.header.clear();
                frames.push(Frame {
                    kind,
                    body: std::mem::take(&mut self.body),
                });
            }
        }
        frames
    }
}

impl Frame {
    /// The code of a startup packet.
    pub(crate) fn code(&self) -> u32 {
        self.body
            .first_chunk()
            .map_or(0, |bytes| u32::from_be_bytes(*bytes))
    }

    /// The zero-terminated texts at the start of the body.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> + '_ {
        self.body
            .split(|byte| *byte == 0)
            .map(|text| String::from_utf8_lossy(text).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap();
        [&[kind], &length.to_be_bytes()[..], body].concat()
    }

    #[test]
    fn finds_the_messages_however_the_stream_is_cut() {
        let startup = [
            &12_u32.to_be_bytes()[..],
            &196_608_u32.to_be_bytes(),
            b"user",
        ]
        .concat();
        let query = message(b'Q', b"SELECT 1\0");
        let stream = [startup, query, message(b'S', b""), message(b'X', b"")].concat();
        for size in 1..stream.len() {
            let mut frames = Frames::from_client();
            let found: Vec<_> = stream
                .chunks(size)
                .flat_map(|chunk| frames.feed(chunk))
                .collect();
            let kinds: Vec<_> = found.iter().map(|frame| frame.kind).collect();
            assert_eq!(
                kinds,
                [None, Some(b'Q'), Some(b'S'), Some(b'X')],
                "chunks of {size}"
            );
            assert_eq!(found[0].code(), 196_608);
            assert_eq!(found[1].texts().next().as_deref(), Some("SELECT 1"));
        }
    }

    #[test]
    fn skips_a_body_that_is_too_long_and_finds_the_next_message() {
        let mut frames = Frames::from_client();
        frames.startup = false;
        let stream = [message(b'd', &vec![7; 2 * LONGEST]), message(b'c', b"")].concat();
        let found: Vec<_> = stream
            .chunks(9000)
            .flat_map(|chunk| frames.feed(chunk))
            .collect();
        let kinds: Vec<_> = found.iter().map(|frame| frame.kind).collect();
        assert_eq!(kinds, [Some(b'd'), Some(b'c')]);
    }
}
