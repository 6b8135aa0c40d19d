//! Resets a connection to the state that every borrower expects.

use super::connection::Own;
use super::protocol::session_state::Purpose;
use super::protocol::{COM_INIT_DB, COM_QUERY, COM_RESET_CONNECTION, Layout};

impl Own {
    /// Makes the server discard everything about the session except its user, in one round trip. False if the
    /// connection has to be closed instead.
    pub(super) async fn reset(&mut self) -> bool {
        let cannot_return_to_none =
            self.setup.database.is_none() && self.channel.state.has_other_schema();
        // A Galera node (MariaDB 10.11) ignores `wsrep_sync_wait` after a reset, so its connection is closed.
        if cannot_return_to_none || self.channel.state.is_clustered() {
            return false;
        }
        let mut messages = vec![(COM_RESET_CONNECTION, &b""[..])];
        messages.extend(
            self.setup
                .database
                .as_ref()
                .map(|name| (COM_INIT_DB, name.as_bytes())),
        );
        messages.push((COM_QUERY, self.setup.sql().as_bytes()));
        for (command, body) in &messages {
            if self
                .channel
                .send(*command, body, Layout::Results, Purpose::Drivers)
                .is_err()
            {
                return false;
            }
        }
        for _ in 0..messages.len() {
            if self.channel.finish().await.is_err() {
                return false;
            }
        }
        self.channel.state.is_ready();
        self.cache.was_reset();
        true
    }
}
