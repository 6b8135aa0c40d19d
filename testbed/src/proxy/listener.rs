//! The proxy's thread, which accepts connections unless the test forbids it.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::connection;
use super::handle::Shared;

/// Runs until the handle is dropped, which also ends its connections.
pub(crate) async fn listen(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let address = listener.local_addr().expect("a listener has an address");
    let mut listener = Some(TcpListener::from_std(listener).expect("it is not blocking"));
    let mut settings = shared.settings.subscribe();
    let mut connections = JoinSet::new();
    loop {
        let wanted = {
            let settings = settings.borrow_and_update();
            if settings.stopped {
                return;
            }
            !settings.refusing
        };
        if wanted != listener.is_some() {
            listener = if wanted {
                Some(bind(address).await)
            } else {
                None
            };
        }
        shared.listening.send_replace(wanted);
        tokio::select! {
            changed = settings.changed() => if changed.is_err() { return },
            client = accept(listener.as_ref()) => {
                connections.spawn(connection::serve(client, Arc::clone(&shared)));
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn accept(listener: Option<&TcpListener>) -> tokio::net::TcpStream {
    let Some(listener) = listener else {
        return std::future::pending().await;
    };
    loop {
        // `accept` fails if the client has left already or file handles run out. Try again.
        match listener.accept().await {
            Ok((client, _)) => return client,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(5)).await,
        }
    }
}

/// Binds the same port again. The kernel does not assign it to other sockets.
async fn bind(address: SocketAddr) -> TcpListener {
    TcpListener::bind(address)
        .await
        .expect("the proxy's port is still free")
}
