//! A TCP gate that stops at a chosen packet, so that a test can act at that point.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use testbed::proxy::Direction;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

/// Forwards everything, packet by packet.
#[derive(Debug)]
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: AbortHandle,
}

#[derive(Debug)]
struct Shared {
    point: Mutex<Option<Point>>,
    stage: watch::Sender<Stage>,
}

#[derive(Debug)]
struct Point {
    direction: Direction,
    /// How many packets of that direction still pass.
    left: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Open,
    /// The chosen packet waits.
    Reached,
}

/// The code of a cancel request. Other startup packets have the protocol version in its place.
const CANCEL: [u8; 4] = 80_877_102_u32.to_be_bytes();

impl Gate {
    pub(crate) async fn start(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0")
            .await
            .expect("there is a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let shared = Arc::new(Shared {
            point: Mutex::new(None),
            stage: watch::Sender::new(Stage::Open),
        });
        let accepting = Arc::clone(&shared);
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, upstream, Arc::clone(&accepting)));
            }
        });
        Self {
            address,
            shared,
            listening: listening.abort_handle(),
        }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops at the packet of this number. The next packet has the number 0.
    pub(crate) fn stop_at(&self, direction: Direction, number: u64) {
        self.shared.stage.send_replace(Stage::Open);
        *self.shared.point() = Some(Point {
            direction,
            left: number,
        });
    }

    /// Waits until the packet has arrived.
    pub(crate) async fn reached(&self) {
        let mut stage = self.shared.stage.subscribe();
        let _open_for_good = stage.wait_for(|stage| *stage == Stage::Reached).await;
    }

    /// Forwards the packet and all that follow.
    pub(crate) fn open(&self) {
        *self.shared.point() = None;
        self.shared.stage.send_replace(Stage::Open);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.listening.abort();
        self.open();
    }
}

impl Shared {
    fn point(&self) -> MutexGuard<'_, Option<Point>> {
        self.point.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True if this is the chosen packet.
    fn stops(&self, direction: Direction) -> bool {
        let mut point = self.point();
        match point.as_mut() {
            Some(at) if at.direction == direction && at.left == 0 => {
                *point = None;
                true
            }
            Some(at) if at.direction == direction => {
                at.left -= 1;
                false
            }
            _ => false,
        }
    }

    async fn wait(&self) {
        let mut stage = self.stage.subscribe();
        self.stage.send_replace(Stage::Reached);
        let _open_for_good = stage.wait_for(|stage| *stage == Stage::Open).await;
    }
}

async fn serve(client: TcpStream, upstream: SocketAddr, shared: Arc<Shared>) {
    let Ok(server) = TcpStream::connect(upstream).await else {
        return;
    };
    let _slower = (client.set_nodelay(true), server.set_nodelay(true));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let other = Arc::clone(&shared);
    tokio::join!(
        pump(Direction::ToServer, from_client, to_server, shared),
        pump(Direction::ToClient, from_server, to_client, other),
    );
}

async fn pump(
    direction: Direction,
    mut from: OwnedReadHalf,
    mut into: OwnedWriteHalf,
    shared: Arc<Shared>,
) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(read @ 1..) = from.read(&mut buffer).await {
        let packet = &buffer[..read];
        let cancels = direction == Direction::ToServer && packet.get(4..8) == Some(&CANCEL[..]);
        if !cancels && shared.stops(direction) {
            shared.wait().await;
        }
        if into.write_all(packet).await.is_err() {
            break;
        }
    }
    let _gone_already = into.shutdown().await;
}
