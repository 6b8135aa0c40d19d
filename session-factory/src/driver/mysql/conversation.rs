//! Who asked what, and whose each packet of the server is.

use std::collections::{HashMap, VecDeque};

use bytes::BytesMut;
use mysql_async::consts::{CapabilityFlags, StatusFlags};
use tokio::sync::oneshot;

use std::sync::Arc;

use super::ledger::Ledger;
use super::packet::{self, HEADER};
use super::reply::{Reply, Step};
use super::text::Effects;
use crate::error::StatementError;

/// What became of a command of ours.
#[derive(Debug)]
pub(super) enum Answer {
    Done,
    Failed(StatementError),
}

/// The state of the protocol on one connection.
#[derive(Debug)]
pub(super) struct Conversation {
    ledger: Arc<Ledger>,
    phase: Phase,
    /// The client takes no EOF packets.
    short: bool,
    /// What the server still has to answer, in order.
    pending: VecDeque<Exchange>,
    /// What the prepared statements do.
    prepared: HashMap<u32, VecDeque<Effects>>,
    /// An error that is held back until the server has said what became of the transaction.
    held: BytesMut,
    /// The last packet is continued by the next one, which goes the same way.
    continued: Option<Way>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The server speaks first.
    Greeting,
    /// The client's first message says what it can take.
    Hello,
    Login,
    Commands,
}

#[derive(Debug)]
struct Exchange {
    who: Who,
    reply: Reply,
    /// Of each statement that is not answered yet.
    effects: VecDeque<Effects>,
    /// What the statement does that is being prepared: its number is in the first packet.
    prepares: Option<VecDeque<Effects>>,
}

impl Exchange {
    /// Of the statement that is answered now.
    fn effect(&self) -> Effects {
        self.effects.front().copied().unwrap_or_default()
    }

    /// The next one's answer follows. The last stands for all that come behind it.
    fn next(&mut self) {
        if self.effects.len() > 1 {
            self.effects.pop_front();
        }
    }
}

#[derive(Debug)]
enum Who {
    Client,
    Ours(oneshot::Sender<Answer>),
    /// Asks what became of the transaction after an error.
    Probe,
}

/// Where a packet of the server goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Client,
    Nowhere,
    Held,
}

impl Conversation {
    pub(super) fn new(ledger: Arc<Ledger>) -> Self {
        Self {
            ledger,
            phase: Phase::Greeting,
            short: false,
            pending: VecDeque::new(),
            prepared: HashMap::new(),
            held: BytesMut::new(),
            continued: None,
        }
    }

    /// Whether another command may be sent: one at a time, so that each reply is whose it seems to be.
    pub(super) fn is_free(&self) -> bool {
        self.pending.is_empty() && self.phase == Phase::Commands
    }

    /// Whether the client's next message may pass now.
    pub(super) fn lets_client_pass(&self) -> bool {
        match self.phase {
            Phase::Greeting => false,
            Phase::Hello | Phase::Login => true,
            Phase::Commands => match self.pending.front() {
                None => true,
                // A file that the server has asked for.
                Some(exchange) => {
                    exchange.reply == Reply::Simple && matches!(exchange.who, Who::Client)
                }
            },
        }
    }

    /// A message of the client, header included, is on its way.
    pub(super) fn client_sends(&mut self, message: &[u8]) {
        let payload = message.get(HEADER..).unwrap_or_default();
        if self.phase == Phase::Hello {
            let flags = payload.first_chunk().copied().map_or(0, u32::from_le_bytes);
            let flags = CapabilityFlags::from_bits_truncate(flags);
            self.short = flags.contains(CapabilityFlags::CLIENT_DEPRECATE_EOF);
            self.phase = Phase::Login;
        }
        if self.phase != Phase::Commands || !self.pending.is_empty() {
            return;
        }
        let Some((command, body)) = payload.split_first() else {
            return;
        };
        let nothing = VecDeque::new();
        let (reply, effects, prepares) = match *command {
            packet::COM_QUERY => (Reply::Result, Effects::of(body), None),
            packet::COM_STMT_PREPARE => (Reply::Prepared, nothing, Some(Effects::of(body))),
            packet::COM_STMT_EXECUTE => {
                let known = packet::statement_id(body).and_then(|id| self.prepared.get(&id));
                (Reply::Result, known.cloned().unwrap_or_default(), None)
            }
            packet::COM_STMT_CLOSE => {
                packet::statement_id(body).map(|id| self.prepared.remove(&id));
                return;
            }
            packet::COM_STMT_SEND_LONG_DATA | packet::COM_QUIT => return,
            _ => (Reply::Simple, nothing, None),
        };
        self.push(Exchange {
            who: Who::Client,
            reply,
            effects,
            prepares,
        });
    }

    /// A command of ours is on its way.
    pub(super) fn we_send(&mut self, message: &[u8], told: oneshot::Sender<Answer>) {
        let payload = message.get(HEADER..).unwrap_or_default();
        let (reply, effects) = match payload.split_first() {
            Some((&packet::COM_QUERY, sql)) => (Reply::Result, Effects::of(sql)),
            _ => (Reply::Simple, VecDeque::new()),
        };
        if payload.first() == Some(&packet::COM_RESET_CONNECTION) {
            self.prepared.clear();
        }
        self.push(Exchange {
            who: Who::Ours(told),
            reply,
            effects,
            prepares: None,
        });
    }

    fn push(&mut self, exchange: Exchange) {
        self.ledger.asked();
        self.pending.push_back(exchange);
    }

    /// Takes in the server's packets that are whole: what is for the client goes to `to_client`, and a
    /// question of our own to `to_server`.
    pub(super) fn server_sent(
        &mut self,
        bytes: &mut BytesMut,
        to_client: &mut BytesMut,
        to_server: &mut BytesMut,
    ) {
        while let Some((length, continues)) = packet::whole(bytes) {
            let packet = bytes.split_to(length);
            let way = match self.continued {
                Some(way) => way,
                None => self.take(&packet[HEADER..], to_client, to_server),
            };
            self.continued = continues.then_some(way);
            match way {
                Way::Client => to_client.extend_from_slice(&packet),
                Way::Held => self.held.extend_from_slice(&packet),
                Way::Nowhere => {}
            }
        }
    }

    fn take(&mut self, payload: &[u8], to_client: &mut BytesMut, to_server: &mut BytesMut) -> Way {
        match self.phase {
            Phase::Commands => self.take_reply(payload, to_client, to_server),
            Phase::Greeting => {
                match packet::greeting(payload) {
                    Some(version) => self.ledger.greeted(version),
                    None => self.ledger.failed(packet::error(payload)),
                }
                self.phase = Phase::Hello;
                Way::Client
            }
            Phase::Hello | Phase::Login => {
                match payload.first() {
                    Some(0x00) => self.phase = Phase::Commands,
                    Some(0xff) => self.ledger.failed(packet::error(payload)),
                    _ => {}
                }
                Way::Client
            }
        }
    }

    fn take_reply(
        &mut self,
        payload: &[u8],
        to_client: &mut BytesMut,
        to_server: &mut BytesMut,
    ) -> Way {
        let short = self.short;
        let Some(exchange) = self.pending.front_mut() else {
            // The server speaks by itself to say that it hangs up.
            if payload.first() == Some(&0xff) {
                self.ledger.failed(packet::error(payload));
            }
            return Way::Client;
        };
        if let (Some(effects), Some(0x00)) = (exchange.prepares.take(), payload.first()) {
            let id = payload.get(1..).and_then(packet::statement_id);
            self.prepared.extend(id.map(|id| (id, effects)));
        }
        let is_client = matches!(exchange.who, Who::Client);
        let effects = exchange.effect();
        match exchange.reply.feed(payload, short) {
            Step::More => {}
            // What follows the file is one packet.
            Step::File => exchange.reply = Reply::Simple,
            Step::Part(done) => {
                exchange.next();
                self.ledger.done(done, effects);
            }
            Step::End(done) => self.end(done, to_client),
            Step::Failed(error) => {
                self.ledger.failed(error.clone());
                if is_client && self.ledger.must_probe() {
                    self.pending.pop_front();
                    self.pending.push_front(Exchange {
                        who: Who::Probe,
                        reply: Reply::Simple,
                        effects: VecDeque::from([effects]),
                        prepares: None,
                    });
                    to_server.extend_from_slice(&packet::command(packet::COM_PING, b""));
                    return Way::Held;
                }
                self.over(Answer::Failed(error));
            }
        }
        if is_client { Way::Client } else { Way::Nowhere }
    }

    /// A reply is complete, without an error.
    fn end(&mut self, done: Option<packet::Done>, to_client: &mut BytesMut) {
        if let Some(exchange) = self.pending.front() {
            if let Who::Probe = exchange.who {
                let status = done.map_or(StatusFlags::empty(), |done| done.status);
                self.ledger.probed(status, exchange.effect());
                to_client.extend_from_slice(&self.held.split());
            } else if let Some(done) = done {
                self.ledger.done(done, exchange.effect());
            }
        }
        self.over(Answer::Done);
    }

    /// The first exchange is over. Whoever waits for it finds that in the ledger.
    fn over(&mut self, answer: Answer) {
        let exchange = self.pending.pop_front();
        self.ledger.answered();
        if let Some(Who::Ours(told)) = exchange.map(|exchange| exchange.who) {
            let _nobody_waits = told.send(answer);
        }
    }

    /// The connection is over: an error that was held back is the client's now.
    pub(super) fn release(&mut self, to_client: &mut BytesMut) {
        to_client.extend_from_slice(&self.held.split());
    }
}
