use diesel_async::AsyncConnection;
use session_factory::{Session, SessionError, session_factory, with_session};

session_factory! {
    pub struct AppDb(Sqlite);
}

#[derive(Clone)]
struct User {
    name: String,
}

struct File;

impl File {
    async fn close(&self) {}

    fn after_commit(&self, hook: impl Future<Output = ()>) {
        drop(hook);
    }
}

struct Both {
    db: File,
}

fn send(name: &str) {
    assert!(!name.is_empty());
}

async fn notify(name: String) {
    send(&name);
}

#[with_session]
async fn clear(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.rollback().await
}

// A name that the body binds anew is another one.
#[with_session]
async fn shadowed(db: &mut Session<AppDb>, name: &str) -> Result<(), SessionError> {
    let name = name.to_owned();
    db.after_commit(async move { send(&name) });
    let db = AppDb::create_session().await?;
    db.close().await
}

#[with_session]
async fn before_the_hook(db: &mut Session<AppDb>, user: &User) -> Result<(), SessionError> {
    db.after_commit(notify(user.name.clone()));
    let copy = user.clone();
    db.after_rollback(async move {
        struct Line {
            user: String,
        }
        let line = Line { user: copy.name };
        send(&line.user);
    });
    Ok(())
}

#[with_session]
async fn sessions_of_their_own(db: &mut Session<AppDb>) -> Result<(), SessionError> {
    db.after_commit(async {
        let _ = AppDb::with_session(async |db| clear_in(db).await).await;
    });
    let task = tokio::spawn(async {
        let mut db = AppDb::create_session().await?;
        clear_in(&mut db).await?;
        db.close().await
    });
    drop(task);
    db.transaction::<(), SessionError, _>(async |conn| clear_in(conn).await)
        .await
}

#[with_session]
async fn of_other_types(
    db: &mut Session<AppDb>,
    both: &Both,
    file: &File,
    name: &'static str,
) -> Result<(), SessionError> {
    both.db.close().await;
    both.db.after_commit(async { send(name) });
    file.after_commit(async { both.db.close().await });
    db.after_commit(async { send(name) });
    db.after_commit(Box::pin(async move { panic!("{name}") }));
    db.rollback().await
}

fn main() {
    let _ = (shadowed("Ada"), sessions_of_their_own());
    let _ = of_other_types(&Both { db: File }, &File, "Ada");
    let user = User {
        name: "Ada".to_owned(),
    };
    let _ = before_the_hook(&user);
}
