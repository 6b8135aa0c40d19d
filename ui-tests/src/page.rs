//! `docs/errors.md`: each mistake, its code, and what the compiler says.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::message::messages;
use crate::snippet::{about, snippet};
use crate::{Case, Kind, cases};

/// A folder of cases.
struct Section {
    folder: &'static str,
    title: &'static str,
}

const fn section(folder: &'static str, title: &'static str) -> Section {
    Section { folder, title }
}

/// In reading order.
const SECTIONS: &[Section] = &[
    section("with_session/fail/signature", "The function"),
    section(
        "with_session/fail/session",
        "The session among its parameters",
    ),
    section("with_session/fail/output", "What it returns"),
    section("with_session/fail/body", "Its body"),
    section(
        "with_session/fail/half_typed",
        "A signature that is still being typed",
    ),
    section(
        "with_session/fail/traits",
        "Functions of a trait, and their implementations",
    ),
    section("with_session/fail/order", "The order of attributes"),
    section("with_session/fail/options", "Options: how they are written"),
    section(
        "with_session/fail/contradictions",
        "Options that contradict each other or the function",
    ),
    section(
        "with_session/fail/arguments",
        "Options and the function's arguments",
    ),
    section(
        "with_session/fail/backend",
        "Options that the backend lacks",
    ),
    section("with_session/fail/builder", "Closures, and their options"),
    section(
        "session_factory/fail/factory",
        "`session_factory!`: the factory",
    ),
    section(
        "session_factory/fail/settings",
        "`session_factory!`: settings",
    ),
    section(
        "session_factory/fail/names_of_other_libraries",
        "`session_factory!`: settings as other libraries call them",
    ),
    section("session_factory/fail/values", "`session_factory!`: values"),
    section(
        "session_factory/fail/own_keys",
        "`session_factory!`: keys of your own",
    ),
    section("session_factory/fail/calls", "What is generated"),
    section("test/fail", "`#[session_factory::test]`"),
];

const HEAD: &str = "\
# Mistakes, and what the compiler says

Each mistake with code that makes it and the compiler's errors, in short: notes about the insides of the crate are left
out. `AppDb` is a factory, `Session` and `with_session` are imported. This page is made from the failing cases of
`ui-tests` by a test (`UPDATE_EXPECT=1 cargo test -p session-factory-ui-tests --test errors_doc`).
";

/// The whole page.
///
/// # Panics
/// When a folder of failing cases has no section, or a case has no message.
#[must_use]
pub fn page() -> String {
    let cases: Vec<Case> = cases()
        .into_iter()
        .filter(|case| case.kind == Kind::Fail)
        .collect();
    let mut page = HEAD.to_owned();
    page.push('\n');
    for section in SECTIONS {
        let _ = writeln!(page, "- [{}](#{})", section.title, anchor(section.title));
    }
    let mut told = 0;
    for Section { folder, title } in SECTIONS {
        let _ = write!(page, "\n## {title}\n");
        for case in cases.iter().filter(|case| is_in(case, folder)) {
            page.push_str(&entry(&case.path));
            told += 1;
        }
    }
    assert_eq!(
        told,
        cases.len(),
        "a folder of cases has no section in page.rs"
    );
    page
}

fn is_in(case: &Case, folder: &str) -> bool {
    case.path.parent() == Some(&Path::new("tests").join(folder))
}

fn entry(path: &Path) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |path: &Path| fs::read_to_string(root.join(path)).unwrap_or_default();
    let (source, stderr) = (read(path), read(&path.with_extension("stderr")));
    let messages = messages(&stderr);
    assert!(!messages.is_empty(), "{}: no message", path.display());
    let messages: Vec<String> = messages.iter().map(ToString::to_string).collect();
    let about = about(&source).map_or_else(String::new, |about| format!("\n{about}\n"));
    format!(
        "\n### {}\n{about}\n```rust,ignore\n{}\n```\n```text\n{}```\n",
        title(path),
        snippet(&source),
        messages.join("\n"),
    )
}

/// `retry_of_zero.rs` as `Retry of zero`.
fn title(path: &Path) -> String {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    let mut words = name.replace('_', " ");
    if let Some(first) = words.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    words
}

/// As Markdown's readers make it of a heading.
fn anchor(title: &str) -> String {
    title
        .to_lowercase()
        .chars()
        .filter_map(|c| match c {
            ' ' => Some('-'),
            c if c.is_alphanumeric() || matches!(c, '-' | '_') => Some(c),
            _ => None,
        })
        .collect()
}
