//! However a call ends, its work is committed or rolled back, on every backend and over TLS.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::time::Duration;

use diesel::prelude::*;
use diesel_async::{AsyncConnection, RunQueryDsl};
use futures_util::FutureExt;
use session_factory::{AbortReason, Session, SessionError, with_session};
use session_factory_tests::encrypted::TlsBed;
use session_factory_tests::{
    AppError, LiteBed, LiteDb, MyBed, MyDb, PgBed, PgDb, exit_paths, items,
};

macro_rules! suite {
    ($backend:ident, $db:ident, $bed:ident) => {
        exit_paths!(
            $backend,
            $db,
            $bed,
            #[tokio::test],
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        );
    };
}

suite!(postgres, PgDb, PgBed);
suite!(postgres_over_tls, PgDb, TlsBed);
suite!(mysql, MyDb, MyBed);
suite!(sqlite, LiteDb, LiteBed);
