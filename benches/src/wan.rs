//! A line with the same delay in both directions.
//!
//! Every piece is forwarded after the delay, independently of the others: two messages sent in
//! sequence arrive in sequence, as on a real line. It uses threads, because the asynchronous
//! runtime's timers round to milliseconds.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// A line to a server. Its threads end with the connections.
#[derive(Debug)]
pub(crate) struct Wan {
    address: SocketAddr,
}

impl Wan {
    pub(crate) fn start(server: SocketAddr, delay: Duration) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        thread::spawn(move || {
            for client in listener.incoming() {
                let Ok(client) = client else { return };
                let _refused = connect(client, server, delay);
            }
        });
        Ok(Self { address })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

fn connect(client: TcpStream, server: SocketAddr, delay: Duration) -> std::io::Result<()> {
    let server = TcpStream::connect(server)?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    one_way(client.try_clone()?, server.try_clone()?, delay);
    one_way(server, client, delay);
    Ok(())
}

fn one_way(mut from: TcpStream, mut into: TcpStream, delay: Duration) {
    let (sender, pieces) = mpsc::channel::<(Instant, Vec<u8>)>();
    thread::spawn(move || {
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from.read(&mut buffer) {
            let due = Instant::now() + delay;
            if sender.send((due, buffer[..read].to_vec())).is_err() {
                return;
            }
        }
    });
    thread::spawn(move || {
        for (due, piece) in pieces {
            if let Some(left) = due.checked_duration_since(Instant::now()) {
                thread::sleep(left);
            }
            if into.write_all(&piece).is_err() {
                break;
            }
        }
        let _ended_already = into.shutdown(Shutdown::Both);
    });
}
