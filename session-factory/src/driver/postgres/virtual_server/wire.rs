//! The one real connection.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncWriteExt as _, ReadHalf};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::frame::{Frame, Reader};
use crate::driver::postgres::connect::stream::ServerStream;

/// The connection whose transaction contains all others.
pub(super) struct Wire {
    input: Reader<ReadHalf<ServerStream>>,
    /// Unbounded: to wait here while the server waits for its answers to be read would be for ever.
    output: UnboundedSender<Bytes>,
    /// What the server's last ReadyForQuery said.
    pub(super) status: u8,
    /// Queries of our own whose answers were not read yet.
    own: usize,
    /// Why the connection or its transaction has gone.
    pub(super) lost: Option<String>,
}

impl Wire {
    pub(super) fn new(stream: ServerStream) -> Self {
        let (input, mut stream) = tokio::io::split(stream);
        let (output, mut frames) = unbounded_channel::<Bytes>();
        tokio::spawn(async move {
            while let Some(frame) = frames.recv().await {
                if stream.write_all(&frame).await.is_err() || stream.flush().await.is_err() {
                    return;
                }
            }
            let _closed_before = stream.shutdown().await;
        });
        Self {
            input: Reader::new(input),
            output,
            status: b'I',
            own: 0,
            lost: None,
        }
    }

    /// Sends a client's message.
    pub(super) fn send(&self, frame: Frame) {
        // If the writer has ended, reading fails.
        let _lost = self.output.send(frame.into_bytes());
    }

    /// Sends a query of our own, whose answer is skipped.
    pub(super) fn send_own(&mut self, sql: &str) {
        self.send(Frame::query(sql));
        self.own += 1;
    }

    /// The next message for a client. May be dropped.
    pub(super) async fn frame(&mut self) -> io::Result<Frame> {
        loop {
            let frame = self.any_frame().await?;
            match (frame.tag(), self.own) {
                (_, 0) => return Ok(frame),
                (b'Z', _) => self.own -= 1,
                _ => {}
            }
        }
    }

    async fn any_frame(&mut self) -> io::Result<Frame> {
        let frame = match self.input.frame().await {
            Ok(Some(frame)) => frame,
            Ok(None) => return Err(self.is_lost("the server has closed the connection")),
            Err(error) => return Err(self.is_lost(&error.to_string())),
        };
        match frame.tag() {
            b'Z' => self.status = frame.body().first().copied().unwrap_or(b'I'),
            b'E' if matches!(frame.field(b'V'), Some("FATAL" | "PANIC")) => {
                let said = frame.field(b'M').unwrap_or_default().to_owned();
                self.lost = Some(said);
            }
            _ => {}
        }
        Ok(frame)
    }

    fn is_lost(&mut self, why: &str) -> io::Error {
        let why = self.lost.get_or_insert_with(|| why.to_owned());
        io::Error::other(why.clone())
    }

    /// Reads the answers of our own queries.
    pub(super) async fn settle(&mut self) -> io::Result<()> {
        while self.own > 0 {
            if self.any_frame().await?.tag() == b'Z' {
                self.own -= 1;
            }
        }
        Ok(())
    }

    /// Runs a query of our own: the rows' first columns, or the server's error.
    pub(super) async fn run(&mut self, sql: &str) -> io::Result<Result<Vec<String>, Frame>> {
        self.settle().await?;
        self.send(Frame::query(sql));
        let mut result = Ok(Vec::new());
        loop {
            let frame = self.any_frame().await?;
            match frame.tag() {
                b'Z' => return Ok(result),
                b'E' => result = Err(frame),
                b'D' => {
                    if let Ok(rows) = &mut result {
                        rows.push(first_column(&frame));
                    }
                }
                _ => {}
            }
        }
    }
}

fn first_column(row: &Frame) -> String {
    let mut column = row.body().get(2..).unwrap_or_default();
    let length = column
        .split_off(..4)
        .and_then(|length| Some(i32::from_be_bytes(length.try_into().ok()?)))
        .and_then(|length| usize::try_from(length).ok());
    let text = length.and_then(|length| column.get(..length));
    String::from_utf8_lossy(text.unwrap_or_default()).into_owned()
}
