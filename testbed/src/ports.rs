//! Finds ports that no other process is likely to take.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU32, Ordering};

/// The range lies below the kernel's ports for outgoing connections (32768 and up on Linux). So a
/// server that restarts finds its port still free.
const FIRST: u32 = 17_000;
const COUNT: u32 = 15_000;

/// A port on 127.0.0.1 that was free a moment ago.
///
/// Two processes may still choose the same one. The process that fails to bind it tries another
/// one.
pub(crate) fn free() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    // Each process starts at another port, so that parallel tests rarely collide.
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
