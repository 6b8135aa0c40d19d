//! The driver's hand on the relay.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::conversation::Answer;
use super::error_code;
use super::ledger::Ledger;
use super::packet;
use super::relay::Order;
use crate::error::StatementError;

/// Gives orders to the relay of one connection. When it is dropped the relay says goodbye and ends.
#[derive(Debug)]
pub(super) struct Wire {
    ledger: Arc<Ledger>,
    orders: mpsc::UnboundedSender<Order>,
    relay: AbortHandle,
}

impl Wire {
    pub(super) fn new(
        ledger: Arc<Ledger>,
        orders: mpsc::UnboundedSender<Order>,
        relay: AbortHandle,
    ) -> Self {
        Self {
            ledger,
            orders,
            relay,
        }
    }

    pub(super) fn ledger(&self) -> &Arc<Ledger> {
        &self.ledger
    }

    /// Ends the connection at once, whatever is under way.
    pub(super) fn cutter(&self) -> impl Fn() + Send + Sync + 'static {
        let relay = self.relay.clone();
        move || relay.abort()
    }

    /// Runs a statement that gives no rows, independently of the client's state. None when the connection
    /// ended without an answer.
    ///
    /// Sent at the first poll; dropped after that, it runs all the same.
    pub(super) async fn run(&self, sql: &str) -> Option<Result<(), StatementError>> {
        self.ask(packet::COM_QUERY, sql.as_bytes()).await
    }

    /// The same for any command that is answered with OK or an error.
    pub(super) async fn ask(&self, command: u8, body: &[u8]) -> Option<Result<(), StatementError>> {
        let message = packet::command(command, body);
        let (told, answer) = oneshot::channel();
        self.orders.send(Order::Ask { message, told }).ok()?;
        match answer.await {
            Ok(Answer::Done) => Some(Ok(())),
            Ok(Answer::Failed(error)) => Some(Err(error)),
            Err(_) => None,
        }
    }

    /// ROLLBACK. On a cluster its answer may be that the transaction has lost a conflict and is gone: that is as
    /// good, and another one tells.
    pub(super) async fn roll_back(&self) -> Option<Result<(), StatementError>> {
        match self.run("ROLLBACK").await? {
            Err(error) if error.code.is_some_and(error_code::rolls_back) => {
                self.run("ROLLBACK").await
            }
            answer => Some(answer),
        }
    }

    /// From here on nothing of the client reaches the server: what it sent is sent, and what it had not sent
    /// never is.
    pub(super) async fn leave_client(&self) {
        let (done, left) = oneshot::channel();
        if self.orders.send(Order::LeaveClient { done }).is_ok() {
            let _gone_as_well = left.await;
        }
    }

    /// Why there is no answer: what the server said last, if it said that it hangs up.
    pub(super) fn why_closed(&self) -> StatementError {
        let said = self.ledger.last_error();
        said.filter(StatementError::is_connection)
            .unwrap_or_else(|| StatementError::connection("the connection to the server is lost"))
    }
}
