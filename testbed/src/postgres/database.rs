//! What only PostgreSQL's databases can do.

use super::kind::create_like;
use super::{Admin, Database, Endpoint};
use crate::names;

impl Endpoint {
    /// An administrator connected to this database; on a standby, to the standby's copy.
    pub fn admin_of(self, database: &str) -> Admin {
        Admin::new(self.address(), Some(database))
    }

    /// A fresh database that is a copy of `other`. Cheaper than creating the same tables again.
    ///
    /// No client may be connected to `other` during the copy.
    pub async fn database_like(self, other: &Database) -> Database {
        other.admin().disconnect().await;
        let name = names::unused();
        self.admin()
            .execute(&create_like(&name, other.name()))
            .await;
        Database::new(self, name)
    }
}
