//! Finds out whether a runtime can drive sockets.

use std::collections::VecDeque;

use tokio::net::UdpSocket;
use tokio::runtime::{Handle, Id};

use crate::panics::contained;
use crate::sync::Mutex;

/// So many runtimes' answers are kept.
const KEPT: usize = 64;

static KNOWN: Mutex<VecDeque<(Id, bool)>> = Mutex::new(VecDeque::new());

/// True if the runtime was built with `enable_io` (or `enable_all`) and is not shutting down.
///
/// tokio answers by a panic alone. It is contained here, once for each runtime without I/O; the panic hook prints it.
/// A build that aborts at a panic must not ask, so there the answer is no.
pub(super) fn has_io(runtime: &Handle) -> bool {
    if cfg!(panic = "abort") {
        return false;
    }
    let id = runtime.id();
    let known = KNOWN.lock().iter().find(|known| known.0 == id).copied();
    if let Some((_, answer)) = known {
        return answer;
    }
    let Some(socket) = socket() else {
        return false;
    };
    let registered = contained(|| {
        let _context = runtime.enter();
        UdpSocket::from_std(socket)
    });
    let answer = match registered {
        Some(Ok(_)) => true,
        // It is shutting down.
        Some(Err(_)) => return false,
        None => false,
    };
    let mut known = KNOWN.lock();
    if known.len() == KEPT {
        known.pop_front();
    }
    known.push_back((id, answer));
    answer
}

/// Any socket; it has no address. `None`: the process has as many open files as it may.
fn socket() -> Option<std::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket.into())
}
