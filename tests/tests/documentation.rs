//! What the documentation links to is there.
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

/// Where the links and images of a page lead. What stands in a code block is no link.
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

#[test]
fn every_link_of_the_documentation_leads_somewhere() {
    let root = root();
    let mut found = vec![
        root.join("README.md"),
        root.join("CONTRIBUTING.md"),
        root.join("CHANGELOG.md"),
    ];
    collect_pages(&root.join("docs"), &mut found);
    assert!(found.len() > 10, "{found:?}");
    let mut dead = Vec::new();
    for page in found {
        let text = fs::read_to_string(&page).unwrap();
        for target in targets(&text) {
            if target.contains("://") || target.starts_with('#') {
                continue;
            }
            let file = target.split('#').next().unwrap();
            if !page.parent().unwrap().join(file).exists() {
                dead.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn every_test_that_the_guarantees_name_exists_where_they_say() {
    let guide = root().join("docs/guide");
    let text = fs::read_to_string(guide.join("guarantees.md")).unwrap();
    let mut named = 0;
    for line in text.lines() {
        let Some((name, file)) = line
            .strip_prefix("[`")
            .and_then(|line| line.split_once("`]: "))
        else {
            continue;
        };
        let source = fs::read_to_string(guide.join(file)).unwrap();
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
