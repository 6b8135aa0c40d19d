//! Ports that nobody else will take.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// Below the range from which the kernel gives ports to outgoing connections (32768 and up on
/// Linux): a server that is down for a restart finds its port free when it comes back.
const FIRST: u32 = 17_000;
const COUNT: u32 = 15_000;

/// A port on 127.0.0.1 that was free a moment ago.
///
/// Two processes may still choose the same one at the same time: who binds it tries again.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Every process starts elsewhere, so that tests running side by side rarely meet.
    let offset = std::process::id().wrapping_mul(97);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + offset.wrapping_add(step) % COUNT;
        let port = u16::try_from(port).expect("the range ends below 65536");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!(
        "no free port on 127.0.0.1 from {FIRST} to {}",
        FIRST + COUNT
    );
}
