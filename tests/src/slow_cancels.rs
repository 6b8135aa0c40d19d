//! A way to a PostgreSQL server on which requests to cancel take longer than everything else.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Passes everything on, cancel requests after a delay. Gives its address and how many of them it has passed on.
pub async fn slow_cancels(server: SocketAddr, delay: Duration) -> (SocketAddr, Arc<AtomicU32>) {
    const SSL: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    const CANCEL: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let passed = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&passed);
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let counter = Arc::clone(&counter);
            tokio::spawn(async move {
                let mut first = [0; 8];
                client.read_exact(&mut first).await?;
                if first == SSL {
                    client.write_all(b"N").await?;
                    client.read_exact(&mut first).await?;
                }
                let cancels = first == CANCEL;
                if cancels {
                    tokio::time::sleep(delay).await;
                }
                let mut onward = TcpStream::connect(server).await?;
                onward.write_all(&first).await?;
                let passed_on = tokio::io::copy_bidirectional(&mut client, &mut onward).await;
                if cancels {
                    AtomicU32::fetch_add(&counter, 1, Ordering::SeqCst);
                }
                passed_on
            });
        }
    });
    (address, passed)
}

/// Passes the first connection on, and every later one after a delay: on an encrypted line nobody can see which of
/// them ask for a cancellation.
pub async fn slow_but_the_first(server: SocketAddr, delay: Duration) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let mut delays = std::iter::once(Duration::ZERO).chain(std::iter::repeat(delay));
        while let Ok((mut client, _)) = listener.accept().await {
            let delay = delays.next().unwrap_or(delay);
            tokio::spawn(async move {
                tokio::time::sleep(delay).await;
                let mut onward = TcpStream::connect(server).await?;
                tokio::io::copy_bidirectional(&mut client, &mut onward).await
            });
        }
    });
    address
}
