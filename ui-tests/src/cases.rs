//! The cases, as they lie in the folders.

use std::fs;
use std::path::{Path, PathBuf};

/// One case: a file.
#[derive(Debug)]
pub struct Case {
    /// From the package's folder.
    pub path: PathBuf,
    /// What is to become of it.
    pub kind: Kind,
}

/// What is to become of a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Does not compile, with the message in the `.stderr` beside it.
    Fail,
    /// Compiles, and runs to its end.
    Pass,
}

/// All cases, in the order of their paths.
#[must_use]
pub fn cases() -> Vec<Case> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    for name in ["with_session", "session_factory", "test"] {
        for (folder, kind) in [("fail", Kind::Fail), ("pass", Kind::Pass)] {
            let mut files = Vec::new();
            collect(&root.join("tests").join(name).join(folder), &mut files);
            files.sort();
            cases.extend(files.into_iter().map(|file| Case {
                path: file.strip_prefix(root).unwrap_or(&file).to_owned(),
                kind,
            }));
        }
    }
    cases
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
