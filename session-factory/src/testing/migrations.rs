//! The SQL of diesel's migrations, which a template depends on.

use std::any::Any;
use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::connection::{BoxableConnection, SimpleConnection};
use diesel::migration::{CREATE_MIGRATIONS_TABLE, Migration, MigrationSource};
use diesel::result::QueryResult;

use super::databases::{Databases, Setup};
use crate::config::Settings;

/// One migration.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Script {
    name: String,
    version: String,
    texts: Vec<String>,
    in_transaction: bool,
}

/// What `migrations = …` may name.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`migrations` names migrations for another database, or none: `{Self}`",
    label = "this is no `MigrationSource` of the factory's database",
    note = "write `const MIGRATIONS: EmbeddedMigrations = embed_migrations!();` with the crate `diesel_migrations`"
)]
pub trait TestMigrations<B: Backend>: MigrationSource<B> {}

impl<B: Backend, M: MigrationSource<B>> TestMigrations<B> for M {}

/// Stands in for a connection, and keeps the SQL that a migration would run.
struct Recorder<B> {
    texts: Vec<String>,
    backend: PhantomData<fn() -> B>,
}

impl<B> SimpleConnection for Recorder<B> {
    fn batch_execute(&mut self, query: &str) -> QueryResult<()> {
        self.texts.push(query.to_owned());
        Ok(())
    }
}

impl<B: Backend + 'static> BoxableConnection<B> for Recorder<B> {
    fn as_any(&self) -> &dyn Any {
        self
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

/// Reads the migrations, in the order of their versions.
pub(super) fn read<B: Backend + 'static>(source: &dyn MigrationSource<B>) -> Setup<Vec<Script>> {
    let in_words = |error: Box<dyn std::error::Error + Send + Sync>| error.to_string();
    let migrations = source.migrations().map_err(in_words)?;
    let scripts = migrations.iter().map(|migration| script(&**migration));
    let mut scripts = scripts.collect::<Setup<Vec<_>>>()?;
    scripts.sort_by(|one, other| one.version.cmp(&other.version));
    Ok(scripts)
}

fn script<B: Backend + 'static>(migration: &dyn Migration<B>) -> Setup<Script> {
    let mut recorder = Recorder {
        texts: Vec::new(),
        backend: PhantomData::<fn() -> B>,
    };
    let name = migration.name().to_string();
    let ran = migration.run(&mut recorder);
    ran.map_err(|error| format!("the migration `{name}`: {error}"))?;
    Ok(Script {
        version: migration.name().version().to_string(),
        name,
        texts: recorder.texts,
        in_transaction: migration.metadata().run_in_transaction(),
    })
}

/// Runs the migrations on one of the databases, and lists them where diesel looks for them.
pub(super) async fn run<D: Databases>(scripts: &[Script], settings: &Settings) -> Setup<()> {
    D::run(settings, CREATE_MIGRATIONS_TABLE).await?;
    for script in scripts {
        let ran = script.run::<D>(settings).await;
        ran.map_err(|error| format!("the migration `{}` failed: {error}", script.name))?;
    }
    Ok(())
}

impl Script {
    async fn run<D: Databases>(&self, settings: &Settings) -> Setup<()> {
        let insert = format!(
            "INSERT INTO __diesel_schema_migrations (version) VALUES ('{}')",
            self.version.replace('\'', "''")
        );
        // MySQL's DDL commits, so a transaction would be none; it also refuses a text without a statement, which two
        // semicolons in a row would be.
        if self.in_transaction && D::COPIES {
            let texts = self.texts.join("\n;\n");
            let text = format!("BEGIN; {texts}\n; {insert}; COMMIT");
            return D::run(settings, &text).await;
        }
        for text in &self.texts {
            D::run(settings, text).await?;
        }
        D::run(settings, &insert).await
    }
}
