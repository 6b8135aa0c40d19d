//! Tests' databases on SQLite: files in one folder. A lock is a transaction on a separate file. It ends with the process.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use diesel::connection::{Connection as _, Instrumentation, SimpleConnection as _};
use diesel::sqlite::SqliteConnection;

use super::databases::{Databases, Found, OpenError, Setup, Tested};
use super::names::PREFIX;
use crate::config::Settings;
use crate::driver::Sqlite;
use crate::error::StatementError;

impl Tested for Sqlite {
    type Databases = Files;

    fn conflict() -> StatementError {
        StatementError::conflict("database is locked")
    }
}

/// The files of one folder, and the locks that are held.
#[doc(hidden)]
#[allow(missing_debug_implementations)] // diesel's connection has none
pub struct Files {
    folder: PathBuf,
    locks: HashMap<String, SqliteConnection>,
}

/// Where the files are: in the folder that the test was built in, which is the project's own and large enough.
fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    let is_target = |folder: &&Path| folder.join("CACHEDIR.TAG").is_file();
    let target = program.ancestors().find(is_target);
    let folder = target.map_or_else(std::env::temp_dir, Path::to_owned);
    folder.join("session-factory-tests")
}

impl Files {
    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.db"))
    }

    fn note_file(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.note"))
    }
}

fn establish(file: &Path) -> Setup<SqliteConnection> {
    let file = file.display().to_string();
    let mut connection =
        SqliteConnection::establish(&file).map_err(|error| format!("{file}: {error}"))?;
    connection.set_instrumentation(None::<Box<dyn Instrumentation>>);
    Ok(connection)
}

fn remove(file: &Path) -> Setup<()> {
    match fs::remove_file(file) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(format!("{}: {error}", file.display()))
        }
        _ => Ok(()),
    }
}

fn beside(file: &Path, suffix: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Databases for Files {
    const COPIES: bool = true;
    const IS_FILE: bool = true;

    async fn open(_settings: &Settings) -> Result<Self, OpenError> {
        let folder = folder();
        fs::create_dir_all(&folder)
            .map_err(|error| OpenError(format!("{}: {error}", folder.display())))?;
        Ok(Self {
            folder,
            locks: HashMap::new(),
        })
    }

    async fn version(&mut self) -> Setup<String> {
        // Every version of SQLite reads every other version's files.
        Ok("SQLite 3".to_owned())
    }

    async fn list(&mut self) -> Setup<Vec<Found>> {
        let entries = fs::read_dir(&self.folder)
            .map_err(|error| format!("{}: {error}", self.folder.display()))?;
        let mut found = Vec::new();
        for entry in entries.flatten() {
            let file = entry.file_name();
            let name = file.to_str().and_then(|file| file.strip_suffix(".db"));
            if let Some(name) = name.filter(|name| name.starts_with(PREFIX)) {
                found.push(Found {
                    name: name.to_owned(),
                    note: fs::read_to_string(self.note_file(name)).ok(),
                });
            }
        }
        found.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(found)
    }

    async fn try_lock(&mut self, name: &str) -> Setup<bool> {
        if self.locks.contains_key(name) {
            return Ok(true);
        }
        let mut lock = establish(&self.folder.join(format!("{name}.lock")))?;
        // Busy: another process has it. The file itself has no content, and stays: its name may be locked.
        let taken = lock
            .batch_execute("PRAGMA busy_timeout = 0; PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE")
            .is_ok();
        if taken {
            self.locks.insert(name.to_owned(), lock);
        }
        Ok(taken)
    }

    async fn unlock(&mut self, name: &str) -> Setup<()> {
        self.locks.remove(name);
        Ok(())
    }

    async fn disconnect(&mut self, name: &str) -> Setup<()> {
        // Other connections may stay open, so copy their commits from the write-ahead log into the file.
        let file = self.file(name);
        // The mode is the file's, so that no copy has to change it.
        let moved = establish(&file)?.batch_execute(
            "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA wal_checkpoint(TRUNCATE)",
        );
        moved.map_err(|error| format!("{}: {error}", file.display()))
    }

    async fn create(&mut self, name: &str, template: Option<&str>) -> Setup<()> {
        let file = self.file(name);
        let created = match template {
            Some(template) => fs::copy(self.file(template), &file).map(drop),
            None => File::create(&file).map(drop),
        };
        created.map_err(|error| format!("{}: {error}", file.display()))
    }

    async fn note(&mut self, name: &str, note: &str) -> Setup<()> {
        let file = self.note_file(name);
        fs::write(&file, note).map_err(|error| format!("{}: {error}", file.display()))
    }

    async fn rename(&mut self, from: &str, to: &str) -> Setup<()> {
        self.disconnect(from).await?;
        let notes = (self.note_file(from), self.note_file(to));
        let (from, to) = (self.file(from), self.file(to));
        fs::rename(&from, &to).map_err(|error| format!("{}: {error}", from.display()))?;
        let (from, to) = notes;
        match fs::rename(&from, &to) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(format!("{}: {error}", from.display()))
            }
            _ => Ok(()),
        }
    }

    async fn drop(&mut self, name: &str) -> Setup<()> {
        let file = self.file(name);
        for suffix in ["-wal", "-shm", "-journal"] {
            remove(&beside(&file, suffix))?;
        }
        remove(&file)?;
        remove(&self.note_file(name))
    }

    async fn run(settings: &Settings, statements: &str) -> Setup<()> {
        let url = settings.url.expose();
        let mut connection = establish(Path::new(url.strip_prefix("sqlite:").unwrap_or(url)))?;
        connection
            .batch_execute(&format!(
                "PRAGMA busy_timeout = 5000; PRAGMA foreign_keys = ON; {statements}"
            ))
            .map_err(|error| error.to_string())
    }

    fn url(_server: &str, name: &str) -> String {
        format!("sqlite:{}", folder().join(format!("{name}.db")).display())
    }

    fn shown(server: &str, name: &str) -> String {
        Self::url(server, name)
    }
}
