//! Encryption as `ssl-mode` says, and nothing in clear text where it is asked for.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use diesel::sql_types::Text;
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use session_factory::{ConnectErrorKind, Factory, SessionError};
use session_factory_tests::{AppError, MyDb, my_config};
use tempfile::TempDir;
use testbed::certificates::{Authority, Certificate};
use testbed::mysql::{Database, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use Outcome::{Encrypted, Plain, Refused};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Plain,
    Encrypted,
    Refused(ConnectErrorKind),
}

fn factory(url: &str) -> Factory<MyDb> {
    Factory::new(my_config(url, |config| {
        config.pool_size = 1;
        config.max_overflow = 0;
    }))
}

async fn outcome(url: &str) -> Outcome {
    let version = "(SELECT variable_value FROM information_schema.session_status WHERE variable_name = 'SSL_VERSION')";
    let asked = factory(url)
        .with_session(async |db| {
            let question = diesel::select(diesel::dsl::sql::<Text>(version));
            Ok::<String, AppError>(question.get_result(db).await?)
        })
        .await;
    match asked {
        Ok(version) if version.is_empty() => Plain,
        Ok(_) => Encrypted,
        Err(AppError::Session(SessionError::Acquire(error))) => {
            let error = error.connect_error().expect("why it could not connect");
            assert!(!error.to_string().contains("correct horse"), "{error}");
            Refused(error.kind())
        }
        Err(other) => panic!("{other}"),
    }
}

/// A server with a certificate, and the folder where that lies.
struct Bed {
    _server: Server,
    database: Database,
    folder: TempDir,
}

impl Bed {
    async fn new(authority: &Authority, certificate: Option<&Certificate>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
        let copy = |from: &Path, name: &str| {
            let to = folder.path().join(name);
            std::fs::copy(from, &to).unwrap();
            std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o644)).unwrap();
            to.display().to_string()
        };
        let ca = copy(&authority.file(), "ca.pem");
        let mut builder = Server::builder();
        if let Some(certificate) = certificate {
            builder = builder
                .config("ssl-ca", &ca)
                .config(
                    "ssl-cert",
                    &copy(&certificate.certificate_file(), "cert.pem"),
                )
                .config("ssl-key", &copy(&certificate.key_file(), "key.pem"));
        }
        let server = builder.start().await;
        let database = server.database().await;
        Self {
            _server: server,
            database,
            folder,
        }
    }

    fn url(&self, options: &str) -> String {
        format!(
            "{}?{options}",
            self.database.url().replace("127.0.0.1", "localhost")
        )
    }

    fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

#[tokio::test]
async fn each_mode_encrypts_as_it_says() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("localhost"))).await;
    let ca = format!("&ssl-ca={}", bed.ca().display());
    for (options, expected) in [
        (String::new(), Encrypted),
        ("ssl-mode=DISABLED".into(), Plain),
        ("ssl-mode=PREFERRED".into(), Encrypted),
        ("ssl-mode=REQUIRED".into(), Encrypted),
        ("sslmode=require".into(), Encrypted),
        ("ssl-mode=VERIFY_CA".into(), Refused(ConnectErrorKind::Tls)),
        (format!("ssl-mode=VERIFY_CA{ca}"), Encrypted),
        (format!("ssl-mode=VERIFY_IDENTITY{ca}"), Encrypted),
        (ca.trim_start_matches('&').to_owned(), Encrypted),
    ] {
        assert_eq!(outcome(&bed.url(&options)).await, expected, "{options}");
    }
}

#[tokio::test]
async fn a_server_without_tls_is_taken_only_where_the_mode_allows_it() {
    let bed = Bed::new(&Authority::new(), None).await;
    let ca = format!("&ssl-ca={}", bed.ca().display());
    for (options, expected) in [
        (String::new(), Plain),
        ("ssl-mode=DISABLED".into(), Plain),
        ("ssl-mode=REQUIRED".into(), Refused(ConnectErrorKind::Tls)),
        (
            format!("ssl-mode=VERIFY_CA{ca}"),
            Refused(ConnectErrorKind::Tls),
        ),
        (
            format!("ssl-mode=VERIFY_IDENTITY{ca}"),
            Refused(ConnectErrorKind::Tls),
        ),
    ] {
        assert_eq!(outcome(&bed.url(&options)).await, expected, "{options}");
    }
}

#[tokio::test]
async fn a_certificate_for_another_name_or_of_the_past_is_refused_where_it_is_looked_at() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("elsewhere"))).await;
    let ca = format!("&ssl-ca={}", bed.ca().display());
    let refused = Refused(ConnectErrorKind::Tls);
    assert_eq!(
        outcome(&bed.url(&format!("ssl-mode=VERIFY_CA{ca}"))).await,
        Encrypted
    );
    assert_eq!(
        outcome(&bed.url(&format!("ssl-mode=VERIFY_IDENTITY{ca}"))).await,
        refused
    );
    let bed = Bed::new(&authority, Some(&authority.issue_expired("localhost"))).await;
    assert_eq!(
        outcome(&bed.url(&format!("ssl-mode=VERIFY_CA{ca}"))).await,
        refused
    );
    assert_eq!(outcome(&bed.url("ssl-mode=REQUIRED")).await, Encrypted);
}

#[tokio::test]
async fn a_client_with_a_certificate_is_let_in_and_one_without_is_not() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("localhost"))).await;
    bed.database
        .admin()
        .rows("ALTER USER app@'127.0.0.1' REQUIRE X509")
        .await;
    let ours = authority.issue("app");
    let options = format!(
        "ssl-mode=REQUIRED&ssl-cert={}&ssl-key={}",
        ours.certificate_file().display(),
        ours.key_file().display()
    );
    assert_eq!(outcome(&bed.url(&options)).await, Encrypted);
    let without = outcome(&bed.url("ssl-mode=REQUIRED")).await;
    assert_eq!(without, Refused(ConnectErrorKind::Authentication));
    let wrong = format!(
        "ssl-mode=REQUIRED&ssl-cert={0}&ssl-key={0}",
        ours.certificate_file().display()
    );
    assert_eq!(
        outcome(&bed.url(&wrong)).await,
        Refused(ConnectErrorKind::Tls)
    );
}

#[tokio::test]
async fn kill_goes_the_same_way() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("localhost"))).await;
    let admin = bed.database.admin();
    admin.rows("ALTER USER app@'127.0.0.1' REQUIRE SSL").await;
    let factory = factory(&bed.url("ssl-mode=REQUIRED"));
    let call = factory
        .with_session(async |db| Ok::<_, AppError>(db.batch_execute("SELECT SLEEP(60)").await?));
    let dropped = tokio::time::timeout(Duration::from_millis(300), call).await;
    assert!(dropped.is_err());
    testbed::eventually(testbed::PATIENCE, "cancelled", || async {
        let status = factory.status();
        status.in_use == 0 && status.recovering == 0
    })
    .await;
    assert!(
        !admin
            .activity()
            .await
            .iter()
            .any(|one| one.query.contains("SLEEP(60)"))
    );
}

/// Passes on what comes, and keeps it.
async fn capture(upstream: std::net::SocketAddr) -> (std::net::SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let captured = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&captured);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(upstream).await.unwrap();
            let ((cr, cw), (sr, sw)) = (client.into_split(), server.into_split());
            for (mut from, mut to) in [(cr, sw), (sr, cw)] {
                let kept = Arc::clone(&kept);
                tokio::spawn(async move {
                    let mut bytes = [0; 4096];
                    while let Ok(read @ 1..) = from.read(&mut bytes).await {
                        kept.lock().unwrap().extend_from_slice(&bytes[..read]);
                        if to.write_all(&bytes[..read]).await.is_err() {
                            return;
                        }
                    }
                    let _closed = to.shutdown().await;
                });
            }
        }
    });
    (address, captured)
}

#[tokio::test]
async fn nothing_of_a_call_is_on_the_wire_in_clear_text() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("localhost"))).await;
    let (address, captured) = capture(bed.database.endpoint().address()).await;
    let holds = |word: &str| {
        let captured = captured.lock().unwrap();
        captured
            .windows(word.len())
            .any(|window| window == word.as_bytes())
    };
    for (mode, in_clear) in [("REQUIRED", false), ("DISABLED", true)] {
        let url = format!("{}?ssl-mode={mode}", bed.database.url_at(address));
        factory(&url)
            .with_session(async |db| {
                Ok::<_, AppError>(db.batch_execute("SELECT 'of nobody else'").await?)
            })
            .await
            .unwrap();
        for word in ["of nobody else", bed.database.name(), "autocommit"] {
            assert_eq!(holds(word), in_clear, "{mode}: {word}");
        }
    }
}

#[tokio::test]
async fn ed25519_proves_the_password_and_clear_text_is_sent_over_tls_alone() {
    let authority = Authority::new();
    let bed = Bed::new(&authority, Some(&authority.issue("localhost"))).await;
    let admin = bed.database.admin();
    let mut users = vec![(
        "native",
        "mysql_native_password USING PASSWORD('correct horse')",
    )];
    if admin
        .try_rows("INSTALL SONAME 'auth_ed25519'")
        .await
        .is_ok()
    {
        users.push(("modern", "ed25519 USING PASSWORD('correct horse')"));
    }
    for (user, via) in users {
        admin
            .rows(&format!(
                "CREATE USER {user}@'127.0.0.1' IDENTIFIED VIA {via}"
            ))
            .await;
        admin
            .rows(&format!("GRANT ALL ON `t%`.* TO {user}@'127.0.0.1'"))
            .await;
        for (options, expected) in [
            ("ssl-mode=DISABLED", Plain),
            ("ssl-mode=REQUIRED", Encrypted),
        ] {
            let url = bed.url(options);
            let right = url.replace("app@", &format!("{user}:correct%20horse@"));
            assert_eq!(outcome(&right).await, expected, "{user}");
            let wrong = url.replace("app@", &format!("{user}:wrong@"));
            assert_eq!(
                outcome(&wrong).await,
                Refused(ConnectErrorKind::Authentication),
                "{user}"
            );
        }
    }
}
