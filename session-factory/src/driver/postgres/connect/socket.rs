//! Socket options.

use std::io;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

/// The socket options in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Socket {
    /// The limit for one host. Without it the hosts share the pool's connect timeout.
    pub(crate) connect_timeout: Option<Duration>,
    pub(crate) keepalives: bool,
    pub(crate) keepalives_idle: Option<Duration>,
    pub(crate) keepalives_interval: Option<Duration>,
    pub(crate) keepalives_retries: Option<u32>,
    pub(crate) user_timeout: Option<Duration>,
}

impl Default for Socket {
    fn default() -> Self {
        Self {
            connect_timeout: None,
            keepalives: true,
            keepalives_idle: None,
            keepalives_interval: None,
            keepalives_retries: None,
            user_timeout: None,
        }
    }
}

impl Socket {
    pub(crate) fn apply(&self, stream: &TcpStream) -> io::Result<()> {
        let socket = SockRef::from(stream);
        if self.keepalives {
            socket.set_tcp_keepalive(&self.keepalive())?;
        }
        #[cfg(any(target_os = "android", target_os = "linux"))]
        if self.user_timeout.is_some() {
            socket.set_tcp_user_timeout(self.user_timeout)?;
        }
        Ok(())
    }

    fn keepalive(&self) -> TcpKeepalive {
        let mut keepalive = TcpKeepalive::new();
        if let Some(idle) = self.keepalives_idle {
            keepalive = keepalive.with_time(idle);
        }
        if let Some(interval) = self.keepalives_interval {
            keepalive = keepalive.with_interval(interval);
        }
        #[cfg(not(windows))]
        if let Some(retries) = self.keepalives_retries {
            keepalive = keepalive.with_retries(retries);
        }
        keepalive
    }
}
