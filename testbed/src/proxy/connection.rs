//! One connection through the proxy.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use super::fault::Action;
use super::handle::Shared;
use super::ledger::{Entry, Opening, Verdict};
use super::settings::Settings;
use super::{Direction, Protocol};

/// Serves one client until its connection ends.
pub(crate) async fn serve(client: TcpStream, shared: Arc<Shared>) {
    let settings = shared.settings.subscribe();
    let opening = if shared.protocol == Protocol::Postgres {
        opening(&client).await
    } else {
        Opening::Connection
    };
    let entry = shared.ledger().open(shared.protocol, opening);
    let connection = Connection {
        entry: Mutex::new(entry),
        shared,
        settings,
    };
    connection.run(client).await;
    let mut entry = connection
        .entry
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    connection.shared.ledger().close(&mut entry);
}

/// Reads the first packet without consuming it, because cancel requests do not count as
/// connections.
async fn opening(client: &TcpStream) -> Opening {
    let mut start = [0; 8];
    // A silent client counts as a connection; nothing is forwarded for it.
    let look = async {
        loop {
            match client.peek(&mut start).await {
                Ok(8) => {
                    let [_, _, _, _, code @ ..] = start;
                    return Opening::of(u32::from_be_bytes(code));
                }
                Ok(1..) => sleep(Duration::from_millis(1)).await,
                _ => return Opening::Connection,
            }
        }
    };
    let looked = timeout(Duration::from_secs(1), look).await;
    looked.unwrap_or(Opening::Connection)
}

struct Connection {
    entry: Mutex<Entry>,
    shared: Arc<Shared>,
    settings: watch::Receiver<Settings>,
}

impl Connection {
    async fn run(&self, mut client: TcpStream) {
        let _ = client.set_nodelay(true);
        let Ok(mut server) = TcpStream::connect(self.shared.upstream).await else {
            // A reset is the nearest thing to the server's refusal that an accepted connection can
            // show.
            let _ = client.set_zero_linger();
            return;
        };
        let _ = server.set_nodelay(true);
        let end = {
            let (from_client, to_client) = client.split();
            let (from_server, to_server) = server.split();
            let both = async {
                tokio::try_join!(
                    self.pump(Direction::ToServer, from_client, to_server),
                    self.pump(Direction::ToClient, from_server, to_client),
                )
            };
            tokio::select! {
                biased;
                action = self.severed() => action,
                ended = both => match ended {
                    Ok(((), ())) => return,
                    Err(action) => action,
                },
            }
        };
        if end == Action::Reset {
            let _ = (client.set_zero_linger(), server.set_zero_linger());
            return;
        }
        // Both peers get a FIN. Read what they still send: closing with unread data would send a
        // reset.
        let _ = (client.shutdown().await, server.shutdown().await);
        let drained = async { tokio::join!(drain(&mut client), drain(&mut server)) };
        let _ = timeout(Duration::from_secs(1), drained).await;
    }

    /// Forwards one direction, to the stream's end (`Ok`) or until the connection must end.
    async fn pump(
        &self,
        to: Direction,
        mut from: ReadHalf<'_>,
        mut into: WriteHalf<'_>,
    ) -> Result<(), Action> {
        let mut settings = self.settings.clone();
        let mut buffer = vec![0; 16 * 1024];
        loop {
            let Ok(read) = from.read(&mut buffer).await else {
                return Err(Action::Reset);
            };
            // Read the settings after the bytes, so that a change made in between applies to these
            // bytes.
            let (delay, throttle) = {
                let settings = settings.borrow_and_update();
                (settings.delay[to.index()], settings.throttle[to.index()])
            };
            if !delay.is_zero() {
                sleep(delay).await;
            }
            if read == 0 {
                self.passable(&mut settings, to).await?;
                if self.entry().stalled {
                    return Err(Action::Close);
                }
                let _ = into.shutdown().await;
                return Ok(());
            }
            let (largest, pause) = throttle.unwrap_or((read, Duration::ZERO));
            for piece in buffer[..read].chunks(largest.max(1)) {
                let stalled = self.passable(&mut settings, to).await?;
                let Some(verdict) = self.verdict(to, piece, stalled) else {
                    continue;
                };
                if into.write_all(&piece[..verdict.pass]).await.is_err() {
                    return Err(Action::Reset);
                }
                match verdict.then {
                    Some(Action::Stall) | None => {}
                    Some(action) => return Err(action),
                }
                if !pause.is_zero() {
                    sleep(pause).await;
                }
            }
        }
    }

    /// Waits while this direction is held. Returns true if all bytes are swallowed.
    async fn passable(
        &self,
        settings: &mut watch::Receiver<Settings>,
        to: Direction,
    ) -> Result<bool, Action> {
        let open = settings
            .wait_for(|settings| !settings.held[to.index()])
            .await;
        open.map(|settings| settings.stalled)
            .map_err(|_| Action::Reset)
    }

    /// Decides about a chunk; `None` if it is swallowed.
    fn verdict(&self, to: Direction, chunk: &[u8], stalled: bool) -> Option<Verdict> {
        let mut entry = self.entry();
        entry.stalled |= stalled;
        if entry.stalled {
            return None;
        }
        Some(self.shared.ledger().enter(&mut entry, to, chunk))
    }

    /// Waits until the test ends this connection.
    async fn severed(&self) -> Action {
        let mut settings = self.settings.clone();
        loop {
            // Read it each time: a connection loses its number when it turns out to be a cancel
            // request.
            let number = self.entry().number;
            match settings
                .borrow_and_update()
                .severed
                .filter(|(below, _)| number < *below)
            {
                Some((_, Action::Stall)) => self.entry().stalled = true,
                Some((_, action)) => return action,
                None => {}
            }
            if settings.changed().await.is_err() {
                return Action::Reset;
            }
        }
    }

    fn entry(&self) -> std::sync::MutexGuard<'_, Entry> {
        self.entry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn drain(stream: &mut TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}
