//! Finds out whether a runtime can drive sockets.

use std::collections::VecDeque;

use tokio::net::UdpSocket;
use tokio::runtime::{Handle, Id};

use crate::panics::contained;
use crate::sync::Mutex;

/// The number of runtimes whose answers are cached.
const KEPT: usize = 64;

static KNOWN: Mutex<VecDeque<(Id, bool)>> = Mutex::new(VecDeque::new());

/// True if the runtime was built with `enable_io` (or `enable_all`) and is not shutting down.
///
/// tokio reports a missing I/O driver only by a panic. It is caught here, once for each such runtime; the panic hook
/// still prints it. A build with `panic = "abort"` cannot catch it, so there the answer is always false.
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
        // The runtime is shutting down.
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

/// Returns a socket without an address, or `None` if the process may not open more files.
fn socket() -> Option<std::net::UdpSocket> {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).ok()?;
    socket.set_nonblocking(true).ok()?;
    Some(socket.into())
}
