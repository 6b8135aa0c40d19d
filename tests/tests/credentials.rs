//! Credentials that change: a provider is called before each connection, and its answer is used.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection as _;
use diesel_async::pooled_connection::AsyncDieselConnectionManager;
use diesel_async::pooled_connection::bb8::Pool;
use session_factory::{ConnectErrorKind, Credentials, Factory, SessionError};
use session_factory_tests::connect::{ask, connect_error};
use session_factory_tests::{PgDb, pg_config};
use testbed::postgres::{Database, PASSWORD};

async fn user(factory: &Factory<PgDb>) -> Result<String, SessionError> {
    ask(factory, "current_user").await
}

/// A vault with users and passwords, outside the configuration.
#[derive(Clone)]
struct Vault {
    password: Arc<Mutex<String>>,
    asked: Arc<AtomicUsize>,
}

impl Vault {
    fn new(password: &str) -> Self {
        Self {
            password: Arc::new(Mutex::new(password.to_owned())),
            asked: Arc::default(),
        }
    }

    fn set(&self, password: &str) {
        password.clone_into(&mut self.password.lock().unwrap());
    }

    async fn fresh(&self) -> Result<String, std::io::Error> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        self.asked.fetch_add(1, Ordering::SeqCst);
        Ok(self.password.lock().unwrap().clone())
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn factory(url: &str, connections: u32) -> Factory<PgDb> {
    Factory::new(pg_config(url, |config| {
        config.pool_size = connections;
        config.max_overflow = 0;
        config.connect_timeout = testbed::PATIENCE;
    }))
}

/// Creates a role with a password, for one test.
async fn role(database: &Database, password: &str) -> String {
    let name = format!("role_{}", database.name());
    let sql = format!("CREATE ROLE {name} LOGIN PASSWORD '{password}' IN ROLE guarded");
    database.admin().execute(&sql).await;
    name
}

#[tokio::test]
async fn a_password_that_changes_while_we_run_is_used_by_new_connections() {
    let database = testbed::postgres::database().await;
    let role = role(&database, "first").await;
    let alter = |password: &str| format!("ALTER ROLE {role} PASSWORD '{password}'");
    let url = format!(
        "postgres://{role}@{}/{}",
        database.endpoint().address(),
        database.name()
    );
    let vault = Vault::new("first");
    let asked = vault.clone();
    let factory =
        factory(&url, 2).with_credentials(async move || asked.fresh().await.map(Credentials::new));
    let held = factory.create_session().await.unwrap();
    assert_eq!(vault.asked(), 1);

    // After a rotation, open connections stay, and new ones use the new password.
    database.admin().execute(&alter("second")).await;
    let error = user(&factory).await.unwrap_err();
    // The token has expired. The error comes at once, although another connection might become
    // free.
    assert_eq!(
        connect_error(&error).kind(),
        ConnectErrorKind::Authentication
    );
    vault.set("second");
    assert_eq!(user(&factory).await.unwrap(), role);
    assert_eq!(vault.asked(), 3);
    drop(held);

    // Rotate again, with a pool whose connections were cut.
    database.admin().execute(&alter("third")).await;
    vault.set("third");
    database.admin().terminate_all().await;
    testbed::eventually(testbed::PATIENCE, "the new one is in use", || async {
        user(&factory).await.is_ok()
    })
    .await;
    assert!(vault.asked() >= 4);
    factory.shutdown(Duration::from_secs(5)).await;
    let admin = database.admin();
    testbed::eventually(testbed::PATIENCE, "nobody is logged in", || async {
        admin.connections().await == 0
    })
    .await;
    admin.execute(&format!("DROP ROLE {role}")).await;
}

#[tokio::test]
async fn a_user_may_come_with_the_password() {
    let database = testbed::postgres::database().await;
    let url = database
        .url_with_password("not-this-one")
        .replace("guarded", "nobody");
    let factory = factory(&url, 1).with_credentials(async || {
        Ok::<_, std::io::Error>(Credentials::new(PASSWORD).with_user("guarded"))
    });
    assert_eq!(user(&factory).await.unwrap(), "guarded");
}

#[tokio::test]
async fn an_error_of_the_providers_is_told_at_once_and_the_next_attempt_asks_again() {
    let database = testbed::postgres::database().await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    let url = database.url_with_password("").replace(":@", "@");
    let factory = factory(&url, 2).with_credentials(async move || {
        match counted.fetch_add(1, Ordering::SeqCst) {
            1 => Err(std::io::Error::other("the vault is sealed")),
            3 => panic!("the provider's own mistake"),
            _ => Ok(PASSWORD.to_owned()),
        }
    });
    let held = factory.create_session().await.unwrap();
    let error = user(&factory).await.unwrap_err();
    let connect = connect_error(&error);
    assert_eq!(connect.kind(), ConnectErrorKind::Credentials);
    assert!(error.to_string().contains("the vault is sealed"), "{error}");
    // The application's own error is the source of ours.
    let source = std::error::Error::source(&connect).unwrap();
    assert!(source.downcast_ref::<std::io::Error>().is_some());
    assert_eq!(user(&factory).await.unwrap(), "guarded");
    drop(held);

    // A panic in the provider costs no permit.
    database.admin().terminate_all().await;
    testbed::eventually(testbed::PATIENCE, "they are gone", || async {
        database.admin().connections().await == 0
    })
    .await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    let error = user(&factory).await.unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    let (one, other) = tokio::join!(factory.create_session(), factory.create_session());
    one.unwrap();
    other.unwrap();
}

#[tokio::test]
async fn a_provider_that_is_silent_is_named_when_pool_timeout_is_over() {
    let database = testbed::postgres::database().await;
    let factory = Factory::<PgDb>::new(pg_config(&database.url(), |config| {
        config.connect_timeout = testbed::PATIENCE;
        config.pool_timeout = Duration::from_millis(300);
    }))
    .with_credentials(std::future::pending::<Result<String, std::io::Error>>);
    let text = user(&factory).await.unwrap_err().to_string();
    assert!(
        text.contains("the provider of credentials (with_credentials) has not answered"),
        "{text}"
    );
    assert!(!text.contains("the database"), "{text}");
}

#[tokio::test]
async fn a_nul_byte_in_credentials_is_named() {
    let database = testbed::postgres::database().await;
    for credentials in [
        Credentials::new("Zq7w\0Xk9v"),
        Credentials::new("Zq7w").with_user("Xk9v\0"),
    ] {
        let factory = factory(&database.url(), 1)
            .with_credentials(async move || Ok::<_, std::io::Error>(credentials.clone()));
        let error = user(&factory).await.unwrap_err();
        assert_eq!(connect_error(&error).kind(), ConnectErrorKind::Credentials);
        let text = error.to_string();
        assert!(text.contains("a NUL byte"), "{text}");
        assert!(!text.contains("Zq7w") && !text.contains("Xk9v"), "{text}");
    }
}

#[tokio::test]
async fn a_provider_that_is_silent_is_named_when_connect_timeout_is_over() {
    let database = testbed::postgres::database().await;
    let (given_up, told) = tokio::sync::mpsc::unbounded_channel::<()>();
    let mut told = told;
    let factory = Factory::<PgDb>::new(pg_config(&database.url(), |config| {
        config.connect_timeout = Duration::from_millis(300);
        config.pool_timeout = testbed::PATIENCE;
    }))
    .with_credentials(async move || {
        // Dropped with the attempt, together with its sender.
        let _running = given_up.clone();
        std::future::pending::<Result<String, std::io::Error>>().await
    });
    let error = user(&factory).await.unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("credentials provider") && text.contains("300ms"),
        "{text}"
    );
    // No task waits for the provider's answer any more.
    factory.shutdown(Duration::from_secs(5)).await;
    drop(factory);
    tokio::time::timeout(testbed::PATIENCE, told.recv())
        .await
        .expect("the provider was dropped");
}

#[tokio::test]
async fn a_provider_that_blocks_holds_up_nobody() {
    let database = testbed::postgres::database().await;
    let url = database.url_with_password("x");
    let entered = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&entered);
    let blocking = Arc::new(AtomicBool::new(true));
    let blocks = Arc::clone(&blocking);
    let slow = factory(&url, 8).with_credentials(async move || {
        counted.fetch_add(1, Ordering::SeqCst);
        while AtomicBool::load(&blocks, Ordering::SeqCst) {
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok::<_, std::io::Error>(PASSWORD.to_owned())
    });
    let quick = factory(&database.url(), 1);
    user(&quick).await.unwrap();
    let blocked = tokio::spawn(async move {
        futures_util::future::join_all((0..8).map(|_| slow.create_session())).await
    });
    testbed::eventually(testbed::PATIENCE, "they block", || async {
        entered.load(Ordering::SeqCst) == 8
    })
    .await;
    let meanwhile = tokio::time::timeout(testbed::PATIENCE / 2, user(&quick)).await;
    blocking.store(false, Ordering::SeqCst);
    meanwhile.expect("it is held up").unwrap();
    for session in blocked.await.unwrap() {
        session.unwrap();
    }
}

#[tokio::test]
async fn no_secret_is_printed() {
    let database = testbed::postgres::database().await;
    let url = database.url_with_password("url-secret");
    let factory = factory(&url, 1).with_credentials(async || {
        Ok::<_, std::io::Error>(Credentials::new("token-secret").with_user("guarded"))
    });
    let error = user(&factory).await.unwrap_err();
    let printed = format!(
        "{error} {error:?} {factory:?} {:?}",
        Credentials::new("token-secret").with_user("user-secret")
    );
    assert!(
        printed.contains("password authentication failed"),
        "{printed}"
    );
    for secret in ["url-secret", "token-secret", "user-secret"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[tokio::test]
async fn a_pool_of_the_applications_opens_its_connections_itself() {
    let database = testbed::postgres::database().await;
    let manager = AsyncDieselConnectionManager::new(database.url());
    let pool = Pool::builder().build(manager).await.unwrap();
    let factory = Factory::<PgDb>::from_pool(pool)
        .with_credentials(async || Ok::<_, std::io::Error>(String::new()));
    let error = user(&factory).await.unwrap_err();
    assert!(error.to_string().contains("Factory::new"), "{error}");
}

#[test]
fn a_factory_with_credentials_can_be_the_global_one() {
    session_factory::session_factory! {
        /// Only this test uses the factory, because it sets the global one.
        pub struct OwnDb(Postgres);
    }
    testbed::block_on(async {
        let database = testbed::postgres::database().await;
        let url = database.url_with_password("not-this-one");
        let vars = |key: &str| (key == "DATABASE_URL").then(|| url.clone());
        let factory = Factory::<OwnDb>::new(OwnDbConfig::from_vars(vars).unwrap())
            .with_credentials(async || Ok::<_, std::io::Error>(Credentials::new(PASSWORD)));
        factory.set_global().unwrap();
        OwnDb::init().await.unwrap();
        // The role needs a password, and the URL's is wrong.
        OwnDb::with_session(async |db| {
            db.batch_execute("SELECT 1")
                .await
                .map_err(SessionError::from)
        })
        .await
        .unwrap();
        // The global factory exists already, and stays.
        let other = Factory::<OwnDb>::new(OwnDbConfig::from_vars(vars).unwrap());
        let refused = other.set_global().unwrap_err().to_string();
        assert!(
            refused.contains("OwnDb has a global factory already"),
            "{refused}"
        );
        assert!(
            refused.contains("call set_global() once, before anything else uses OwnDb"),
            "{refused}"
        );
        OwnDb::health().await.unwrap();
        OwnDb::shutdown(Duration::from_secs(5)).await;
    });
}
