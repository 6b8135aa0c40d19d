//! Opens a file, and prepares the connection.

use std::io;
use std::path::Path;
use std::sync::Arc;

use diesel::QueryResult;
use diesel::connection::{Connection as _, Instrumentation, SimpleConnection};
use diesel::sqlite::SqliteConnection;
use tokio::sync::oneshot;

use super::anchor::Anchor;
use super::connection::LiteConnection;
use super::state::ConnectionState;
use super::threads::readers::{self, Worker};
use super::threads::writer;
use super::transaction;
use super::url::{self, Database};
use crate::config::Settings;
use crate::error::{ConnectError, ConnectErrorKind};

/// With these and WAL, readers do not wait for the writer, and foreign keys are checked. A commit survives a crash of
/// the process and a power loss, because `synchronous` keeps SQLite's default, `FULL`. (With WAL, `NORMAL` never
/// corrupts the file, but a power loss may undo the last commits.) The busy timeout is short, because the driver
/// itself waits, in steps that it can stop.
pub(super) const PRAGMAS: &str = "PRAGMA busy_timeout = 20; PRAGMA foreign_keys = ON; \
     PRAGMA read_uncommitted = OFF; PRAGMA recursive_triggers = OFF; PRAGMA query_only = OFF";
const WAL: &str = "PRAGMA journal_mode = WAL";

pub(super) async fn connect(settings: &Settings) -> Result<LiteConnection, ConnectError> {
    let path = url::resolve(settings.url.expose())
        .map_err(|wrong| ConnectError::new(ConnectErrorKind::Url, wrong))?;
    let file = url::file(&path);
    if let Some(folder) = file.as_deref().and_then(|file| Path::new(file).parent())
        && !folder.as_os_str().is_empty()
        && !folder.is_dir()
    {
        let readings = if url::is_read_in_two_ways(settings.url.expose()) {
            ", neither as a relative nor as an absolute path"
        } else {
            ""
        };
        return Err(ConnectError::new(
            ConnectErrorKind::Database,
            format!(
                "the folder of the file that the URL names does not exist{readings}: create it first \
                 (a relative path begins at {})",
                here()
            ),
        ));
    }
    let worker = Worker::hire().map_err(|error| no_thread(&error))?;
    let database = url::database(&path);
    let anchored = matches!(database, Database::SharedMemory { .. });
    let state = ConnectionState::own(database.shares_cache());
    let (answer, opened) = oneshot::channel();
    readers::start(Box::new(move |_| {
        // If the caller was dropped, the connection is closed here.
        let _closed = answer.send(open(&path, state, anchored));
    }));
    let opened = opened
        .await
        .unwrap_or_else(|_| Err("its thread has ended".to_owned()));
    let (connection, state, anchor) = opened.map_err(|wrong| {
        ConnectError::new(ConnectErrorKind::Database, format!("SQLite cannot {wrong}"))
    })?;
    // The file exists now, so its canonical name can be found.
    let writers = match &database {
        Database::File { path, .. } => Some(writer::of(path)),
        Database::SharedMemory { name, .. } => Some(writer::of_memory(name)),
        Database::Private => None,
    };
    let writers = writers.transpose().map_err(|error| no_thread(&error))?;
    let is_private = database == Database::Private;
    let mut lite = LiteConnection::own(Box::new(connection), worker, writers, state, is_private);
    lite.set_anchor(anchor);
    Ok(lite)
}

fn no_thread(error: &io::Error) -> ConnectError {
    ConnectError::new(
        ConnectErrorKind::Resources,
        format!("the connection's thread could not be started: {error}"),
    )
}

type Opened = (SqliteConnection, ConnectionState, Option<Arc<Anchor>>);

/// Opens a connection, and finds or opens the anchor of an in-memory database.
fn open(path: &str, state: ConnectionState, anchored: bool) -> Result<Opened, String> {
    let establish = || {
        SqliteConnection::establish(path).map_err(|error| format!("open {}: {error}", shown(path)))
    };
    let mut connection = establish()?;
    // The following statements are the driver's own; the application's instrumentation is installed
    // later.
    connection.set_instrumentation(None::<Box<dyn Instrumentation>>);
    prepare(&mut connection, &state).map_err(|error| format!("use {}: {error}", shown(path)))?;
    let anchor = anchored.then(|| Anchor::of(path, establish)).transpose()?;
    Ok((connection, state, anchor))
}

/// Returns the part of the path that exists on this machine. The rest, and parameters such as `?key=…`, may
/// be a secret.
fn shown(path: &str) -> String {
    let Some(file) = url::file(path) else {
        return "the database in memory".to_owned();
    };
    let file = Path::new(&file);
    if file.exists() {
        return file.display().to_string();
    }
    let folder = file.parent().and_then(|folder| folder.canonicalize().ok());
    let folder = folder.map_or_else(here, |folder| folder.display().to_string());
    format!("the file that the URL names, in {folder}")
}

fn here() -> String {
    std::env::current_dir().map_or_else(
        |_| "the working directory".to_owned(),
        |folder| folder.display().to_string(),
    )
}

fn prepare(connection: &mut SqliteConnection, state: &ConnectionState) -> QueryResult<()> {
    connection.batch_execute("PRAGMA busy_timeout = 5000")?;
    // A read-only file or folder cannot change to WAL, and works without it.
    let _read_only = connection.batch_execute(WAL);
    // Opening reads nothing. This statement reads, and fails if the file is not a database.
    transaction::patiently(connection, state, |connection| {
        connection.batch_execute("PRAGMA schema_version")
    })?;
    connection.batch_execute(PRAGMAS)
}
