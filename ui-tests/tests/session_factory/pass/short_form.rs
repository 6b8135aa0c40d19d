#![deny(warnings, clippy::pedantic, unreachable_pub)]
#![allow(
    clippy::missing_errors_doc,
    clippy::multiple_bound_locations,
    clippy::needless_lifetimes,
    clippy::no_effect_underscore_binding,
    clippy::unused_async,
    clippy::used_underscore_binding,
    reason = "of the functions as they are written here, not of what the macro makes of them"
)]
//! The short form, several at once, with any visibility.

use std::time::Duration;

use session_factory::{Session, SessionError, session_factory};

session_factory! {
    /// The first.
    pub(crate) struct One(Sqlite);
    struct Two(Postgres);
    /// With a block, and nothing in it.
    pub(crate) struct Three(Sqlite) {}
}

mod inner {
    session_factory::session_factory! {
        pub(super) struct Four(Sqlite) {
            crate = ::session_factory,
            url = env("FOUR_URL",),
        }
    }
}

async fn everything() -> Result<(), SessionError> {
    One::init().await?;
    let mut db = One::create_session().await?;
    db.commit().await?;
    let three: i32 = One::with_session(async |db: &mut Session<One>| {
        let _ = db.in_transaction();
        Ok::<_, SessionError>(3)
    })
    .await?;
    assert_eq!(three, 3);
    let factory = One::factory().await?;
    let _ = factory.status();
    let _ = One::status();
    One::health().await?;
    One::shutdown(Duration::from_secs(1)).await;
    Ok(())
}

fn spawned<T: Send>(_: T) {}

#[allow(clippy::unwrap_used)]
fn main() {
    spawned(everything());
    let settings = One::KEYS.iter().filter(|key| key.part.is_none());
    assert_eq!(settings.count(), 17);
    assert!(Two::env_example().contains("DATABASE_URL="));
    assert_eq!(Three::KEYS[0].name, "DATABASE_URL");
    assert_eq!(inner::Four::KEYS[0].name, "FOUR_URL");
    let config =
        OneConfig::from_vars(|key| (key == "DATABASE_URL").then(|| "sqlite::memory:".into()));
    let config = config.unwrap();
    assert_eq!(config.pool_timeout, Duration::from_secs(30));
    assert_eq!(config.slow_acquire, Some(Duration::from_secs(2)));
}
