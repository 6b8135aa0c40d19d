// mistakes: 2
use session_factory::Isolation;
use session_factory::driver::isolation::Level;
use session_factory::driver::{Sqlite, SupportsIsolation};

struct Snapshot;

impl Level for Snapshot {
    fn level(self) -> Isolation {
        Isolation::RepeatableRead
    }
}

impl SupportsIsolation<Snapshot> for Sqlite {}

fn main() {}
