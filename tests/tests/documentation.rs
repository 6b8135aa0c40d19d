//! Every link in the documentation has a target.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{Event, Tag};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .canonicalize()
        .unwrap()
}

fn collect_pages(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect_pages(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
}

/// The targets of a page's links and images, except in code blocks.
fn targets(text: &str) -> Vec<String> {
    pulldown_cmark::Parser::new(text)
        .filter_map(|event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.into_string())
            }
            _ => None,
        })
        .collect()
}

/// The beginning of a link to a file in the repository, on pages that are also read elsewhere.
const REPOSITORY: &str = "https://github.com/session-factory/session-factory/blob/main/";

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let root = root();
    let mut found = [
        "README.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "examples/README.md",
        "ui-tests/README.md",
        "session-factory-macros/README.md",
    ]
    .map(|page| root.join(page))
    .to_vec();
    collect_pages(&root.join("docs"), &mut found);
    collect_pages(&root.join("session-factory/docs"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let mut dead = Vec::new();
    for page in found {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            let file = target.split('#').next().unwrap();
            let file = match target.strip_prefix(REPOSITORY) {
                Some(_) => root.join(&file[REPOSITORY.len()..]),
                None if target.contains("://") || target.starts_with('#') => continue,
                None => page.parent().unwrap().join(file),
            };
            if !file.exists() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

/// docs.rs shows the front page and the guide without the repository's files. `links.md` precedes
/// each page there, and of two definitions of one link, the first one counts.
#[test]
fn no_link_of_the_front_page_and_the_guide_is_relative() {
    let package = root().join("session-factory");
    let links = fs::read_to_string(package.join("docs/links.md")).unwrap();
    let mut found = vec![package.join("README.md")];
    collect_pages(&package.join("docs/guide"), &mut found);
    let mut relative = Vec::new();
    for page in found {
        let text = format!("{links}\n{}", fs::read_to_string(&page).unwrap());
        for target in targets(&text) {
            let absolute = ["https://", "crate::", "#"];
            if !absolute.iter().any(|start| target.starts_with(start)) {
                relative.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(relative.is_empty(), "{relative:#?}");
}

#[test]
fn every_test_that_the_guarantees_name_exists_where_they_say() {
    let root = root();
    let page = root.join("session-factory/docs/guide/guarantees.md");
    let text = fs::read_to_string(page).unwrap();
    let mut named = 0;
    for line in text.lines() {
        let Some((name, file)) = line
            .strip_prefix("[`")
            .and_then(|line| line.split_once("`]: "))
        else {
            continue;
        };
        let file = file
            .strip_prefix(REPOSITORY)
            .expect("an absolute link: the page is read on docs.rs too");
        let source = fs::read_to_string(root.join(file)).unwrap();
        assert!(
            source.contains(&format!("fn {name}(")),
            "{name} is not in {file}"
        );
        named += 1;
    }
    assert!(named > 40, "{named}");
    for part in text.split("[`").skip(1) {
        let (name, _) = part.split_once("`]").unwrap();
        assert!(
            text.contains(&format!("\n[`{name}`]: ")),
            "{name} has no link"
        );
    }
}
