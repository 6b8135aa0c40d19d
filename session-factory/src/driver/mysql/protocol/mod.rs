//! The client's side of the protocol on one stream: packets, commands, and outstanding replies.
//!
//! All state is stored here and none in a future: whatever is dropped, the next reader knows its position in a reply.

mod binds;
pub(super) mod error_code;
mod row;
pub(super) mod session_state;

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use mysql_common::constants::CapabilityFlags;
use mysql_common::io::ParseBuf;
use mysql_common::packets::{
    CommonOkPacket, ErrPacket, OkPacket, OkPacketDeserializer, ResultSetTerminator,
};
use tokio::io::{AsyncReadExt, AsyncWrite};

pub(super) use self::binds::encode as execute_command;
pub(super) use self::row::{Column, MysqlRow};
use self::session_state::{Purpose, SessionState};
use super::connect::stream::Stream;
use crate::driver::OpenPermit;
use crate::error::{StatementError, StatementErrorKind};
use crate::observe::ServerErrors;

/// The longest packet. After a packet of this length, the next packet continues the same message.
const LONGEST: usize = 0xFF_FFFF;
/// How many bytes to read from the socket at once.
const CHUNK: usize = 16 << 10;

pub(super) const COM_INIT_DB: u8 = 0x02;
pub(super) const COM_QUERY: u8 = 0x03;
pub(super) const COM_PING: u8 = 0x0E;
pub(super) const COM_STMT_PREPARE: u8 = 0x16;
pub(super) const COM_STMT_CLOSE: u8 = 0x19;
pub(super) const COM_RESET_CONNECTION: u8 = 0x1F;

/// The capabilities that every connection requests.
pub(super) const CAPABILITIES: CapabilityFlags = CapabilityFlags::CLIENT_PROTOCOL_41
    .union(CapabilityFlags::CLIENT_LONG_PASSWORD)
    .union(CapabilityFlags::CLIENT_SECURE_CONNECTION)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH)
    .union(CapabilityFlags::CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA)
    .union(CapabilityFlags::CLIENT_TRANSACTIONS)
    .union(CapabilityFlags::CLIENT_MULTI_STATEMENTS)
    .union(CapabilityFlags::CLIENT_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_PS_MULTI_RESULTS)
    .union(CapabilityFlags::CLIENT_FOUND_ROWS)
    .union(CapabilityFlags::CLIENT_SESSION_TRACK)
    .union(CapabilityFlags::CLIENT_DEPRECATE_EOF);

type Result<T> = std::result::Result<T, StatementError>;

/// How a reply is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// The reply to a SQL text or an executed statement: one or several results, each of them OK, an error, or rows.
    Results,
    /// The reply to `COM_STMT_PREPARE`.
    Prepared,
}

/// A reply that was not read to its end yet.
#[derive(Debug)]
struct Reply {
    layout: Layout,
    part: Part,
    /// The number of the reply's next packet.
    sequence: u8,
    purpose: Purpose,
}

/// The reader's position in a reply.
#[derive(Debug)]
enum Part {
    Head,
    Columns { left: u64, read: Vec<Column> },
    Rows,
    Definitions { left: u32, id: u32, parameters: u16 },
}

/// What the reader found in a reply.
#[derive(Debug)]
pub(super) enum Event {
    Columns(Arc<[Column]>),
    Row(Bytes),
    Prepared {
        id: u32,
        parameters: u16,
    },
    /// One statement succeeded. `is_last` is true if the reply ends with it.
    Done {
        affected: u64,
        is_last: bool,
    },
    /// A statement failed, which ends the reply.
    Failed(StatementError),
}

/// A stream, its buffers (bytes read ahead, bytes not written yet), and the expected replies.
pub(super) struct Channel {
    /// `None` during the TLS handshake, and once the channel is dropped.
    stream: Option<Stream>,
    permit: Option<OpenPermit>,
    input: BytesMut,
    /// The parts read so far of a message that is longer than one packet.
    joined: BytesMut,
    output: BytesMut,
    /// False while TLS may still hold bytes that were written to it.
    is_flushed: bool,
    sequence: u8,
    expected: VecDeque<Reply>,
    lost: Option<StatementError>,
    pub(super) state: SessionState,
    /// The server's `max_allowed_packet`. If a command is longer, the server closes the connection.
    pub(super) longest_command: usize,
}

impl Channel {
    pub(super) fn new(stream: Stream, permit: Option<OpenPermit>) -> Self {
        Self {
            stream: Some(stream),
            permit,
            input: BytesMut::new(),
            joined: BytesMut::new(),
            output: BytesMut::new(),
            is_flushed: true,
            sequence: 0,
            expected: VecDeque::new(),
            lost: None,
            state: SessionState::default(),
            longest_command: usize::MAX,
        }
    }

    pub(super) fn stream(&self) -> Option<&Stream> {
        self.stream.as_ref()
    }

    /// Takes the stream for the TLS handshake. `None` if bytes were read ahead, which were not encrypted.
    #[cfg(feature = "tls")]
    pub(super) fn take_stream(&mut self) -> Option<Stream> {
        self.stream.take().filter(|_| self.input.is_empty())
    }

    #[cfg(feature = "tls")]
    pub(super) fn put_stream(&mut self, stream: Stream) {
        self.stream = Some(stream);
    }

    /// Queues a command and the reply that it will have.
    ///
    /// # Errors
    /// If the connection is lost, or the server would not accept a message of that length. The latter error has the
    /// server's own message and number, and nothing is sent.
    pub(super) fn send(
        &mut self,
        command: u8,
        body: &[u8],
        layout: Layout,
        purpose: Purpose,
    ) -> Result<()> {
        if let Some(lost) = &self.lost {
            return Err(lost.clone());
        }
        if body.len() >= self.longest_command {
            return Err(StatementError {
                kind: StatementErrorKind::Unknown,
                message: "Got a packet bigger than 'max_allowed_packet' bytes".into(),
                sqlstate: Some("08S01".into()),
                code: Some(error_code::PACKET_TOO_LARGE),
                detail: None,
            });
        }
        self.sequence = 0;
        self.write_message(Some(command), body);
        self.expected.push_back(Reply {
            layout,
            part: Part::Head,
            sequence: self.sequence,
            purpose,
        });
        if purpose == Purpose::Users {
            self.state.statement_sent();
        }
        Ok(())
    }

    /// Queues a command that has no reply.
    pub(super) fn tell(&mut self, command: u8, body: &[u8]) {
        self.sequence = 0;
        self.write_message(Some(command), body);
    }

    /// Queues one message of the connection phase.
    pub(super) fn answer(&mut self, body: &[u8]) {
        self.write_message(None, body);
    }

    fn write_message(&mut self, command: Option<u8>, body: &[u8]) {
        let mut left = body.len() + usize::from(command.is_some());
        let mut rest = body;
        let mut first = command;
        loop {
            let length = left.min(LONGEST);
            // The length has three bytes, so the cast loses nothing.
            self.output.put_uint_le(length as u64, 3);
            self.output.put_u8(self.sequence);
            self.sequence = self.sequence.wrapping_add(1);
            let mut here = length;
            if let Some(command) = first.take() {
                self.output.put_u8(command);
                here -= 1;
            }
            let (now, later) = rest.split_at(here);
            self.output.extend_from_slice(now);
            rest = later;
            left -= length;
            if length < LONGEST {
                return;
            }
        }
    }

    /// True if everything was sent, and every reply was read to its end.
    pub(super) fn is_quiet(&self) -> bool {
        self.expected.is_empty() && self.output.is_empty() && self.is_flushed
    }

    /// Returns why the connection cannot be used any more, if it cannot.
    pub(super) fn lost(&self) -> Option<&StatementError> {
        self.lost.as_ref()
    }

    /// True if the connection is closed or about to be: unasked, the server sent something that is not TLS's own.
    pub(super) fn is_closed(&self) -> bool {
        let Some(stream) = &self.stream else {
            return true;
        };
        self.lost.is_some() || stream.is_hung_up() || self.is_quiet() && !stream.is_silent()
    }

    /// Reads, without waiting, what the server sent unasked: that it closes the connection, and why.
    pub(super) fn look(&mut self) -> Option<StatementError> {
        if self.is_quiet() {
            let mut cx = Context::from_waker(std::task::Waker::noop());
            while let Poll::Ready(Ok(_said)) = self.poll_next(&mut cx) {}
        }
        self.lost.clone()
    }

    /// Marks the connection as lost. If the server said why before it closed the connection, that replaces `why`.
    pub(super) fn lose(&mut self, why: &dyn std::fmt::Display) -> StatementError {
        let said = self.state.last_error().last_error();
        let error = said.filter(StatementError::is_connection);
        let error = error.unwrap_or_else(|| StatementError::connection(why.to_string()));
        self.lost.get_or_insert(error).clone()
    }

    /// Reads the server's next event.
    pub(super) async fn next(&mut self) -> Result<Event> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Event>> {
        loop {
            let packet = ready!(self.poll_packet(cx))?;
            let event = self.take(packet).map_err(|error| self.lose(&error))?;
            if let Some(event) = event {
                return Poll::Ready(Ok(event));
            }
        }
    }

    /// Reads the oldest outstanding reply to its end, and returns its row count. `None` if no reply is outstanding.
    ///
    /// # Errors
    /// The server's error for the statement, or the error with which the connection was lost.
    pub(super) async fn finish(&mut self) -> Result<Option<u64>> {
        if self.expected.is_empty() {
            return Ok(None);
        }
        loop {
            match self.next().await? {
                Event::Done {
                    affected,
                    is_last: true,
                } => return Ok(Some(affected)),
                Event::Prepared { .. } => return Ok(Some(0)),
                Event::Failed(error) => return Err(error),
                Event::Columns(_) | Event::Row(_) | Event::Done { .. } => {}
            }
        }
    }

    /// Reads all outstanding replies.
    ///
    /// # Errors
    /// If the connection is lost.
    pub(super) async fn drain(&mut self) -> Result<()> {
        while !self.is_quiet() {
            if self.expected.is_empty() {
                poll_fn(|cx| self.poll_flush(cx)).await?;
            }
            let _failed = self.finish().await;
            if let Some(lost) = &self.lost {
                return Err(lost.clone());
            }
        }
        Ok(())
    }

    /// Reads the end of the rows if it has arrived already, so that the reply is over once the caller has the last row.
    pub(super) fn read_end(&mut self) -> Option<Event> {
        let (head, rest) = self.input.split_at_checked(4)?;
        let length = length(head);
        let is_end = rest.first() == Some(&0xFE) && length < LONGEST && rest.len() >= length;
        if !is_end || !self.joined.is_empty() {
            return None;
        }
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match self.poll_next(&mut cx) {
            Poll::Ready(Ok(event)) => Some(event),
            _ => None,
        }
    }

    /// Sends one of the driver's own SQL texts, and reads its reply.
    pub(super) async fn run(&mut self, sql: &str) -> Result<()> {
        self.send(COM_QUERY, sql.as_bytes(), Layout::Results, Purpose::Drivers)?;
        while self.expected.len() > 1 {
            let _earlier = self.finish().await;
        }
        self.finish().await.map(drop)
    }

    /// Sends one of the driver's own queries, and returns its rows, with each value as the server prints it.
    pub(super) async fn ask(&mut self, sql: &str) -> Result<Vec<Vec<Option<String>>>> {
        self.send(COM_QUERY, sql.as_bytes(), Layout::Results, Purpose::Drivers)?;
        self.rows().await
    }

    /// Returns the rows of the oldest outstanding reply.
    pub(super) async fn rows(&mut self) -> Result<Vec<Vec<Option<String>>>> {
        let mut rows = Vec::new();
        loop {
            match self.next().await? {
                Event::Row(row) => rows.push(row::texts(&row)),
                Event::Done { is_last: true, .. } => return Ok(rows),
                Event::Failed(error) => return Err(error),
                _ => {}
            }
        }
    }

    /// Reads one message of the connection phase.
    pub(super) async fn message(&mut self) -> Result<Bytes> {
        poll_fn(|cx| self.poll_packet(cx)).await
    }

    #[cfg(feature = "tls")]
    pub(super) async fn flush(&mut self) -> Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<()>> {
        if self.output.is_empty() && self.is_flushed {
            return Poll::Ready(Ok(()));
        }
        let written = ready!(self.poll_write_out(cx));
        Poll::Ready(written.map_err(|error| self.lose(&error)))
    }

    fn poll_write_out(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        self.is_flushed = false;
        while !self.output.is_empty() {
            match ready!(Pin::new(&mut *stream).poll_write(cx, &self.output))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.output.advance(written),
            }
        }
        ready!(Pin::new(stream).poll_flush(cx))?;
        self.is_flushed = true;
        Poll::Ready(Ok(()))
    }

    /// Writes what is queued, then reads one message.
    fn poll_packet(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes>> {
        if let Some(lost) = &self.lost {
            return Poll::Ready(Err(lost.clone()));
        }
        ready!(self.poll_flush(cx))?;
        loop {
            match self.buffered() {
                Ok(Some(message)) => return Poll::Ready(Ok(message)),
                Ok(None) => {}
                Err(wrong) => return Poll::Ready(Err(self.lose(&wrong))),
            }
            let Some(stream) = &mut self.stream else {
                return Poll::Ready(Err(self.lose(&"the connection is closed")));
            };
            self.input.reserve(CHUNK);
            match ready!(pin!(stream.read_buf(&mut self.input)).poll(cx)) {
                Ok(0) => return Poll::Ready(Err(self.lose(&"the server closed the connection"))),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Err(self.lose(&error))),
            }
        }
    }

    /// Returns the next message, if it has arrived completely.
    fn buffered(&mut self) -> std::result::Result<Option<Bytes>, &'static str> {
        loop {
            let Some((head, rest)) = self.input.split_at_checked(4) else {
                return Ok(None);
            };
            let (length, number) = (length(head), head[3]);
            if rest.len() < length {
                return Ok(None);
            }
            let sequence = match self.expected.front_mut() {
                Some(reply) => &mut reply.sequence,
                None => &mut self.sequence,
            };
            if number != *sequence {
                return Err("the server's packets are out of order");
            }
            *sequence = number.wrapping_add(1);
            self.input.advance(4);
            let part = self.input.split_to(length);
            if length < LONGEST && self.joined.is_empty() {
                return Ok(Some(part.freeze()));
            }
            self.joined.unsplit(part);
            if length < LONGEST {
                return Ok(Some(self.joined.split().freeze()));
            }
        }
    }

    /// Processes one message of the oldest outstanding reply.
    fn take(&mut self, message: Bytes) -> io::Result<Option<Event>> {
        let Some(reply) = self.expected.front_mut() else {
            // Unasked: the server says why it is about to close the connection.
            return match message.first() {
                Some(0xFF) => Ok(Some(Event::Failed(
                    self.failed(&message, Purpose::Drivers)?,
                ))),
                _ => Err(io::Error::other(
                    "the server said something that it was not asked",
                )),
            };
        };
        let purpose = reply.purpose;
        let first = message.first().copied().unwrap_or(0xFB);
        if first == 0xFF {
            self.expected.pop_front();
            return Ok(Some(Event::Failed(self.failed(&message, purpose)?)));
        }
        match (&mut reply.part, reply.layout) {
            (Part::Head, Layout::Prepared) => {
                let mut head = message.get(1..9).ok_or(io::ErrorKind::UnexpectedEof)?;
                let (id, columns, parameters) =
                    (head.get_u32_le(), head.get_u16_le(), head.get_u16_le());
                let left = u32::from(columns) + u32::from(parameters);
                reply.part = Part::Definitions {
                    left,
                    id,
                    parameters,
                };
                Ok(self.defined())
            }
            (Part::Definitions { left, .. }, _) => {
                *left = left.saturating_sub(1);
                Ok(self.defined())
            }
            (Part::Head, Layout::Results) => match first {
                0x00 => self.done::<CommonOkPacket>(&message, purpose).map(Some),
                // LOAD DATA LOCAL, which the client did not offer. The protocol requires a file: send an empty one.
                0xFB => {
                    self.sequence = reply.sequence;
                    reply.sequence = reply.sequence.wrapping_add(1);
                    self.write_message(None, b"");
                    Ok(None)
                }
                _ => {
                    let left = row::length_encoded(&mut &message[..]).unwrap_or_default();
                    let read = Vec::with_capacity(left.min(4096) as usize);
                    reply.part = Part::Columns { left, read };
                    Ok(None)
                }
            },
            (Part::Columns { left, read }, _) => {
                read.push(Column::parse(&message)?);
                *left = left.saturating_sub(1);
                if *left > 0 {
                    return Ok(None);
                }
                let columns = std::mem::take(read).into();
                reply.part = Part::Rows;
                Ok(Some(Event::Columns(columns)))
            }
            (Part::Rows, _) if first == 0xFE && message.len() < LONGEST => self
                .done::<ResultSetTerminator>(&message, purpose)
                .map(Some),
            (Part::Rows, _) => Ok(Some(Event::Row(message))),
        }
    }

    /// Returns the prepared statement once all its definitions are read.
    fn defined(&mut self) -> Option<Event> {
        let Some(Part::Definitions {
            left: 0,
            id,
            parameters,
        }) = self.expected.front().map(|reply| &reply.part)
        else {
            return None;
        };
        let (id, parameters) = (*id, *parameters);
        self.expected.pop_front();
        Some(Event::Prepared { id, parameters })
    }

    fn done<K: mysql_common::packets::OkPacketKind>(
        &mut self,
        message: &[u8],
        purpose: Purpose,
    ) -> io::Result<Event> {
        let ok = parse_ok::<K>(message)?;
        let is_last = !self.state.done(&ok, purpose);
        if is_last {
            self.expected.pop_front();
        } else if let Some(reply) = self.expected.front_mut() {
            reply.part = Part::Head;
        }
        let affected = ok.affected_rows();
        Ok(Event::Done { affected, is_last })
    }

    fn failed(&mut self, message: &[u8], purpose: Purpose) -> io::Result<StatementError> {
        let error = parse_error(message)?;
        self.state.failed(&error, purpose);
        Ok(error)
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if let Some(stream) = self.stream.take() {
            stream.part(self.permit.take(), self.state.is_logged_in());
        }
    }
}

fn length(head: &[u8]) -> usize {
    head.iter()
        .take(3)
        .rev()
        .fold(0, |length, byte| length << 8 | usize::from(*byte))
}

pub(super) fn parse_ok<K: mysql_common::packets::OkPacketKind>(
    message: &[u8],
) -> io::Result<OkPacket<'_>> {
    let parsed = ParseBuf(message).parse::<OkPacketDeserializer<'_, K>>(CAPABILITIES)?;
    Ok(parsed.into_inner())
}

/// Parses the server's error, and determines its kind.
pub(super) fn parse_error(message: &[u8]) -> io::Result<StatementError> {
    let ErrPacket::Error(said) = ParseBuf(message).parse(CAPABILITIES)? else {
        return Err(io::ErrorKind::InvalidData.into());
    };
    let sqlstate = said
        .sql_state_ref()
        .map(|state| state.as_str().into_owned());
    Ok(StatementError {
        kind: error_code::kind(said.error_code()),
        message: said.message_str().into_owned(),
        sqlstate,
        code: Some(said.error_code()),
        detail: None,
    })
}
