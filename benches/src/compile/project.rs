//! The two projects, as generated text.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::functions::{COLUMNS, FUNCTIONS, Function, TABLES};
use crate::results::root;

/// How the functions are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Style {
    ByHand,
    Annotated,
}

impl Style {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ByHand => "diesel-async + bb8",
            Self::Annotated => "session-factory",
        }
    }

    /// The package's name.
    fn package(self) -> &'static str {
        match self {
            Self::ByHand => "by-hand",
            Self::Annotated => "annotated",
        }
    }

    fn dependencies(self) -> String {
        match self {
            Self::ByHand => "bb8 = \"0.9\"\n\
                 diesel-async = { version = \"0.9\", features = [\"bb8\", \"postgres\"] }\n"
                .to_owned(),
            Self::Annotated => format!(
                "diesel-async = {{ version = \"0.9\", features = [\"postgres\"] }}\n\
                 session-factory = {{ path = {:?}, features = [\"postgres\"] }}\n",
                root().join("session-factory")
            ),
        }
    }

    /// `src/main.rs` without its modules.
    fn main(self) -> &'static str {
        match self {
            Self::ByHand => include_str!("by_hand.txt"),
            Self::Annotated => include_str!("annotated.txt"),
        }
    }

    /// One function, written as each style documents it.
    fn function(self, function: &Function) -> String {
        let Function {
            name,
            parameters,
            output,
            body,
            ..
        } = function;
        match self {
            Self::ByHand => {
                let body = body.replace('\n', "\n    ");
                format!(
                    "pub async fn {name}(pool: &Pool, {parameters}) -> Result<{output}, AppError> {{\n    \
                     let mut connection = pool.get().await?;\n    \
                     connection.transaction(async |db| {{{body}\n    }}).await\n}}\n\n"
                )
            }
            Self::Annotated => format!(
                "#[with_session]\n\
                 pub async fn {name}(db: &mut Session<AppDb>, {parameters}) -> Result<{output}, AppError> {{{body}\n}}\n\n"
            ),
        }
    }

    /// The first argument of a call.
    fn pool(self) -> &'static str {
        match self {
            Self::ByHand => "pool, ",
            Self::Annotated => "",
        }
    }
}

/// A project on disk.
pub(super) struct Project {
    pub(super) style: Style,
    pub(super) folder: PathBuf,
}

impl Project {
    pub(super) fn generate(style: Style, folder: &Path) -> Result<Self> {
        let folder = folder.join(style.package());
        let sources = folder.join("src");
        fs::create_dir_all(&sources)?;
        write(&folder.join("Cargo.toml"), &manifest(style))?;
        // The same versions as in all other benchmarks.
        fs::copy(root().join("benches/Cargo.lock"), folder.join("Cargo.lock"))?;
        let mut main = String::new();
        let mut calls = String::new();
        for number in 0..TABLES {
            let table = format!("things_{number}");
            writeln!(main, "mod {table};")?;
            writeln!(
                calls,
                "        {number} => {table}::call({}number).await,",
                style.pool()
            )?;
            write(
                &sources.join(format!("{table}.rs")),
                &module(style, number, &table),
            )?;
        }
        let text = style
            .main()
            .replace("// MODULES\n", &main)
            .replace("        // CALLS\n", &calls);
        write(&sources.join("main.rs"), &text)?;
        Ok(Self { style, folder })
    }

    /// The package's name: the crate's name with dashes.
    pub(super) fn package(&self) -> &'static str {
        self.style.package()
    }

    /// Changes the body of one function.
    pub(super) fn change_one_body(&self, run: u32) -> Result<()> {
        let file = self.folder.join("src/things_7.rs");
        let number = 7;
        let table = format!("things_{number}");
        let text = module(self.style, number, &table);
        let changed = text.replacen(
            &format!("{table}::amount - 1"),
            &format!("{table}::amount - {}", run + 2),
            1,
        );
        ensure!(changed != text, "there is no such body");
        fs::write(file, changed)?;
        Ok(())
    }
}

/// Writes the file only if its content changes, so that cargo does not rebuild for it.
fn write(file: &Path, text: &str) -> Result<()> {
    if fs::read_to_string(file).is_ok_and(|written| written == text) {
        return Ok(());
    }
    Ok(fs::write(file, text)?)
}

fn manifest(style: Style) -> String {
    format!(
        "[workspace]\n\n\
         [package]\nname = {:?}\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\n\
         diesel = {{ version = \"2.3\", default-features = false, features = [\"postgres_backend\"] }}\n\
         futures-util = {{ version = \"0.3\", default-features = false, features = [\"std\"] }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\n\
         {}\n\
         [profile.dev.package.\"*\"]\ndebug = false\n\n\
         [profile.release]\nstrip = true\n",
        style.package(),
        style.dependencies()
    )
}

/// The module of one table and its functions.
fn module(style: Style, number: usize, table: &str) -> String {
    let mut functions = String::new();
    let mut calls = String::new();
    for (column, name) in COLUMNS.iter().enumerate() {
        for (kind, function) in FUNCTIONS.iter().enumerate() {
            functions.push_str(&style.function(function).replace("COLUMN", name));
            calls.push_str(&format!(
                "        {} => {}({}{}).map_ok(drop).boxed(),\n",
                column * FUNCTIONS.len() + kind,
                function.name.replace("COLUMN", name),
                style.pool(),
                function.arguments
            ));
        }
    }
    let (imports, pool) = match style {
        Style::ByHand => ("use crate::{AppError, Pool};", "pool: &Pool, "),
        Style::Annotated => (
            "use session_factory::{Session, with_session};\n\nuse crate::{AppDb, AppError};",
            "",
        ),
    };
    let text = format!(
        "//! Table {number}.\n\n\
         use diesel::prelude::*;\nuse diesel_async::{{{}RunQueryDsl}};\n\
         use futures_util::future::{{BoxFuture, FutureExt, TryFutureExt}};\n{imports}\n\n{TABLE}\n\
         {functions}\
         /// As a router calls handlers: boxed, by number.\n\
         pub fn call({pool}number: u32) -> BoxFuture<'{}, Result<(), AppError>> {{\n    match number {{\n{calls}        \
         _ => async {{ Ok(()) }}.boxed(),\n    }}\n}}\n",
        if style == Style::ByHand {
            "AsyncConnection, "
        } else {
            ""
        },
        if style == Style::ByHand {
            "_"
        } else {
            "static"
        },
    );
    text.replace("things", table)
}

const TABLE: &str = "diesel::table! {
    things (id) {
        id -> Integer,
        name -> Nullable<Text>,
        city -> Nullable<Text>,
        kind -> Nullable<Text>,
        label -> Nullable<Text>,
        note -> Nullable<Text>,
        amount -> Integer,
    }
}

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = things, check_for_backend(diesel::pg::Pg))]
#[expect(dead_code, reason = \"read by nobody here\")]
pub struct Thing {
    id: i32,
    name: Option<String>,
    city: Option<String>,
    kind: Option<String>,
    label: Option<String>,
    note: Option<String>,
    amount: i32,
}
";
