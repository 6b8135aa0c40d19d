//! What the clients of one server share.

use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::turns::Turns;
use super::wire::Wire;
use crate::call::{VirtualSession, VirtualSessions};
use crate::driver::postgres::connect::stream::Route;
use crate::sync::Mutex;

/// The code of a cancel request.
pub(super) const CANCEL: u32 = 80_877_102;
/// How long a client waits for its turn while no test runs.
const WITHIN: Duration = Duration::from_secs(5);

pub(super) struct Shared {
    pub(super) wire: tokio::sync::Mutex<Wire>,
    pub(super) turns: Turns,
    pub(super) test: Mutex<Option<Arc<VirtualSessions>>>,
    /// What a client has to send as its password.
    pub(super) password: String,
    /// The parameters that the real server announced.
    pub(super) parameters: Vec<u8>,
    pub(super) route: Route,
    /// The real process, and its key.
    pub(super) real: (u32, u32),
    /// The clients' keys, by their processes.
    pub(super) keys: Mutex<HashMap<u32, u32>>,
    pub(super) client_gone: Notify,
    /// The process that uses the wire now, or 0.
    pub(super) running: AtomicU32,
    /// Makes the constraints that are initially deferred so again.
    pub(super) deferred: String,
}

impl Shared {
    /// The test has done something that it cannot show.
    pub(super) fn fail(&self, why: &str) {
        if let Some(test) = &*self.test.lock() {
            test.fail(format!(
                "{why}; a rolled-back test cannot show that, so write `fresh`"
            ));
        }
    }

    /// The function whose session uses the client's connection.
    pub(super) fn function(&self, process: u32) -> String {
        let session = self.session(process);
        session.map_or_else(
            || "a session".to_owned(),
            |session| format!("`{}`", session.function()),
        )
    }

    pub(super) fn session(&self, process: u32) -> Option<VirtualSession> {
        self.test.lock().as_ref()?.find(process)
    }

    pub(super) fn within(&self) -> Duration {
        let test = self.test.lock();
        test.as_ref().map_or(WITHIN, |test| test.within)
    }

    /// Carries out a cancel request, if the client's statement runs now.
    pub(super) async fn cancel(&self, process: u32, key: u32) -> io::Result<()> {
        let is_known = self.keys.lock().get(&process) == Some(&key);
        if !is_known || self.running.load(Ordering::SeqCst) != process {
            return Ok(());
        }
        let mut stream = self.route.open().await?;
        let mut request = Vec::from([0, 0, 0, 16]);
        request.extend(CANCEL.to_be_bytes());
        request.extend(self.real.0.to_be_bytes());
        request.extend(self.real.1.to_be_bytes());
        stream.write_all(&request).await?;
        // The server closes it when it has sent the signal.
        let mut rest = [0; 16];
        while stream.read(&mut rest).await? > 0 {}
        Ok(())
    }
}
