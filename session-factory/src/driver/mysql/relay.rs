//! Carries the packets between mysql_async and the server, one command at a time.
//!
//! mysql_async takes no stream of ours, so it is given an address of ours: a socket on the loopback interface
//! that takes this one connection. What passes is read on the way (see [`Conversation`]), and commands of our
//! own go between the client's: COMMIT, ROLLBACK and the reset do not depend on the state in which a dropped
//! statement left the client.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::conversation::{Answer, Conversation};
use super::ledger::Ledger;
use super::packet;

/// What is read at once, and what a side may be behind before the other one has to wait.
const CHUNK: usize = 64 * 1024;
/// For the goodbye.
const PATIENCE: Duration = Duration::from_secs(1);

/// The server's side of the connection.
pub(super) struct Server {
    pub(super) from: Box<dyn AsyncRead + Send + Unpin>,
    pub(super) to: Box<dyn AsyncWrite + Send + Unpin>,
}

/// What the driver asks of the relay.
#[derive(Debug)]
pub(super) enum Order {
    /// Sends a command of ours once the server is free, and tells the answer.
    Ask {
        message: Vec<u8>,
        told: oneshot::Sender<Answer>,
    },
    /// Lets nothing of the client pass any more.
    LeaveClient { done: oneshot::Sender<()> },
}

pub(super) struct Relay {
    client: Option<(OwnedReadHalf, OwnedWriteHalf)>,
    server: Server,
    talk: Conversation,
    orders: mpsc::UnboundedReceiver<Order>,
    /// Commands of ours that wait for the server to be free.
    waiting: VecDeque<(Vec<u8>, oneshot::Sender<Answer>)>,
    from_client: BytesMut,
    to_client: BytesMut,
    from_server: BytesMut,
    to_server: BytesMut,
    /// Marks the end when the task is aborted, too.
    end: End,
}

struct End(Arc<Ledger>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.closed();
    }
}

impl Relay {
    pub(super) fn new(
        server: Server,
        ledger: Arc<Ledger>,
        orders: mpsc::UnboundedReceiver<Order>,
    ) -> Self {
        Self {
            client: None,
            server,
            talk: Conversation::new(Arc::clone(&ledger)),
            orders,
            waiting: VecDeque::new(),
            from_client: BytesMut::new(),
            to_client: BytesMut::new(),
            from_server: BytesMut::new(),
            to_server: BytesMut::new(),
            end: End(ledger),
        }
    }

    /// Waits for the client, then carries until one side is gone.
    pub(super) async fn run(mut self, listener: TcpListener) {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Whoever wanted the connection has given up.
            _ = self.orders.recv() => return,
        };
        let Ok((client, _)) = accepted else { return };
        // One connection is all it takes.
        drop(listener);
        let _slower_but_works = client.set_nodelay(true);
        self.client = Some(client.into_split());
        while let Ok(true) = self.carry().await {
            self.pass();
        }
        self.end.0.closed();
        self.talk.release(&mut self.to_client);
        let _gone_as_well = timeout(PATIENCE, self.say_goodbye()).await;
    }

    /// Moves what is whole. The answers come first: they may let the next command pass, and nothing else
    /// might ever wake this task.
    fn pass(&mut self) {
        self.talk.server_sent(
            &mut self.from_server,
            &mut self.to_client,
            &mut self.to_server,
        );
        if self.client.is_none() {
            self.to_client.clear();
        }
        if self.talk.is_free()
            && let Some((message, told)) = self.waiting.pop_front()
        {
            self.talk.we_send(&message, told);
            self.to_server.extend_from_slice(&message);
        }
        while self.talk.lets_client_pass()
            && let Some(length) = packet::whole_message(&self.from_client)
        {
            let message = self.from_client.split_to(length);
            self.talk.client_sends(&message);
            self.to_server.extend_from_slice(&message);
        }
    }

    /// Waits until something moved. False when one side is gone.
    async fn carry(&mut self) -> io::Result<bool> {
        self.from_client.reserve(CHUNK);
        self.from_server.reserve(CHUNK);
        let (mut client_from, mut client_to) = match &mut self.client {
            Some((from, to)) => (Some(from), Some(to)),
            None => (None, None),
        };
        let has_client = client_from.is_some();
        let client_reads = has_client
            && (self.from_client.len() < CHUNK
                || packet::whole_message(&self.from_client).is_none());
        let server_reads = self.to_client.len() < CHUNK;
        tokio::select! {
            read = self.server.from.read_buf(&mut self.from_server), if server_reads => {
                Ok(read? > 0)
            }
            wrote = self.server.to.write_buf(&mut self.to_server), if !self.to_server.is_empty() => {
                Ok(wrote? > 0)
            }
            read = read(&mut client_from, &mut self.from_client), if client_reads => {
                if !matches!(read, Ok(1..)) {
                    self.leave_client();
                }
                Ok(true)
            }
            wrote = write(&mut client_to, &mut self.to_client), if has_client && !self.to_client.is_empty() => {
                if !matches!(wrote, Ok(1..)) {
                    self.leave_client();
                }
                Ok(true)
            }
            order = self.orders.recv() => match order {
                Some(Order::Ask { message, told }) => {
                    self.waiting.push_back((message, told));
                    Ok(true)
                }
                Some(Order::LeaveClient { done }) => {
                    self.leave_client();
                    let _nobody_waits = done.send(());
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    /// What the client still wants to say or hear is dropped; the server is heard to the end.
    fn leave_client(&mut self) {
        self.client = None;
        self.from_client.clear();
        self.to_client.clear();
    }

    async fn say_goodbye(&mut self) {
        if let Some((_, to)) = &mut self.client {
            let _gone = to.write_all(&self.to_client).await;
            let _gone = to.shutdown().await;
        }
        if self.talk.is_free() && self.to_server.is_empty() {
            let quit = packet::command(packet::COM_QUIT, b"");
            if self.server.to.write_all(&quit).await.is_ok() {
                // The server closes once its session is gone.
                let _gone = self.server.from.read(&mut [0; 1]).await;
            }
        }
    }
}

async fn read(from: &mut Option<&mut OwnedReadHalf>, into: &mut BytesMut) -> io::Result<usize> {
    match from {
        Some(from) => from.read_buf(into).await,
        None => std::future::pending().await,
    }
}

async fn write(to: &mut Option<&mut OwnedWriteHalf>, bytes: &mut BytesMut) -> io::Result<usize> {
    match to {
        Some(to) => to.write_buf(bytes).await,
        None => std::future::pending().await,
    }
}

/// A listener for one connection of this process.
pub(super) async fn listen() -> io::Result<TcpListener> {
    match TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await {
        Ok(listener) => Ok(listener),
        Err(_) => TcpListener::bind((std::net::Ipv6Addr::LOCALHOST, 0)).await,
    }
}

impl From<TcpStream> for Server {
    fn from(stream: TcpStream) -> Self {
        let (from, to) = stream.into_split();
        Self {
            from: Box::new(from),
            to: Box::new(to),
        }
    }
}

#[cfg(unix)]
impl From<tokio::net::UnixStream> for Server {
    fn from(stream: tokio::net::UnixStream) -> Self {
        let (from, to) = stream.into_split();
        Self {
            from: Box::new(from),
            to: Box::new(to),
        }
    }
}
