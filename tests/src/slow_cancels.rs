//! Forwards to a PostgreSQL server, but delays cancel requests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;

/// Forwards everything, cancel requests after a delay. Returns its address, and the number of
/// cancel requests that it has forwarded.
pub async fn slow_cancels(server: SocketAddr, delay: Duration) -> (SocketAddr, Arc<AtomicU32>) {
    let passed = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&passed);
    let address = forward(move |client| {
        let counter = Arc::clone(&counter);
        async move {
            let (mut client, mut onward, cancels) = begun(client, server, delay).await?;
            let passed_on = copy_bidirectional(&mut client, &mut onward).await;
            if cancels {
                AtomicU32::fetch_add(&counter, 1, Ordering::SeqCst);
            }
            passed_on.map(drop)
        }
    });
    (address.await, passed)
}

/// Forwards everything, cancel requests after a delay, and the SQL of group cancels after another
/// delay. Returns its address, and the number of group cancels that it has forwarded.
pub async fn slow_for_others(
    server: SocketAddr,
    delay: Duration,
    for_others: Duration,
) -> (SocketAddr, Arc<AtomicU32>) {
    let passed = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&passed);
    let address = forward(move |client| {
        let counter = Arc::clone(&counter);
        async move {
            let (client, onward, _cancels) = begun(client, server, delay).await?;
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = onward.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            let mut buffer = vec![0; 64 * 1024];
            loop {
                let read = from_client.read(&mut buffer).await?;
                if read == 0 {
                    return Ok(());
                }
                let text = b"pg_cancel_backend";
                if buffer[..read].windows(text.len()).any(|part| part == text) {
                    sleep(for_others).await;
                    AtomicU32::fetch_add(&counter, 1, Ordering::SeqCst);
                }
                to_server.write_all(&buffer[..read]).await?;
            }
        }
    });
    (address.await, passed)
}

/// Forwards the first connection at once, and every later one after a delay, because TLS hides
/// which of them are cancel requests.
pub async fn slow_but_the_first(server: SocketAddr, delay: Duration) -> SocketAddr {
    let later = Arc::new(AtomicU32::new(0));
    forward(move |mut client| {
        let later = Arc::clone(&later);
        async move {
            if AtomicU32::fetch_add(&later, 1, Ordering::SeqCst) > 0 {
                sleep(delay).await;
            }
            let mut onward = TcpStream::connect(server).await?;
            copy_bidirectional(&mut client, &mut onward).await.map(drop)
        }
    })
    .await
}

/// Listens, and serves each connection independently.
async fn forward<S, F>(serve: S) -> SocketAddr
where
    S: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = std::io::Result<()>> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client));
        }
    });
    address
}

/// Reads a client's first message, and connects to the server: after the delay if it is a cancel
/// request.
async fn begun(
    mut client: TcpStream,
    server: SocketAddr,
    delay: Duration,
) -> std::io::Result<(TcpStream, TcpStream, bool)> {
    const SSL: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
    const CANCEL: [u8; 8] = [0, 0, 0, 16, 4, 210, 22, 46];
    let mut first = [0; 8];
    client.read_exact(&mut first).await?;
    if first == SSL {
        client.write_all(b"N").await?;
        client.read_exact(&mut first).await?;
    }
    let cancels = first == CANCEL;
    if cancels {
        sleep(delay).await;
    }
    let mut onward = TcpStream::connect(server).await?;
    onward.write_all(&first).await?;
    Ok((client, onward, cancels))
}
