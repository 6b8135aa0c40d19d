//! Writes `docs/benchmarks` from the last results.

mod chapters;
mod environment;
mod missed;
mod pictures;
mod plots;
mod promises;
mod ratios;

use std::fmt::Write as _;
use std::fs;

use anyhow::Result;
use serde_json::{Map, Value};

use self::chapters::{CHAPTERS, INTRODUCTION, RATIOS};
use crate::arguments::Arguments;
use crate::results::{kept, markdown, root};

type Record = Map<String, Value>;

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    for chapter in &CHAPTERS {
        // A missing result would look like a kept promise.
        kept(chapter.name)?;
    }
    let folder = root().join("docs/benchmarks");
    fs::create_dir_all(&folder)?;
    let mut page = String::from(INTRODUCTION);
    let measured: Vec<_> = CHAPTERS
        .iter()
        .map(|chapter| chapter.name)
        .filter(|name| kept(name).is_ok())
        .collect();
    page.push_str(&environment::table(arguments, &measured)?);
    let rows = ratios::rows(promises::all());
    writeln!(
        page,
        "\n## The ratios\n\n{}\n\n{}",
        wrapped(RATIOS),
        ratios::table(&rows)?
    )?;
    writeln!(page, "## Missed\n\n{}\n", ratios::missed(&rows))?;
    let mut bars = Vec::new();
    for chapter in &CHAPTERS {
        writeln!(page, "## {}\n", chapter.title)?;
        let records = kept(chapter.name)?;
        writeln!(
            page,
            "{}\n\n`cargo xtask bench {}`\n",
            wrapped(chapter.text),
            chapter.name
        )?;
        if let Some(picture) = pictures::picture(chapter.name, &records) {
            picture.draw(&folder.join(format!("{}.svg", chapter.name)))?;
            writeln!(page, "![{}]({}.svg)\n", picture.title, chapter.name)?;
            bars.push(picture);
        }
        writeln!(page, "{}", markdown(&records))?;
    }
    plots::overview(&bars, &folder.join("overview.svg"))?;
    fs::write(folder.join("README.md"), page.trim_end().to_owned() + "\n")?;
    Ok(())
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, String::len);
        if last + word.len() >= 118 {
            lines.push(String::new());
        }
        if let Some(line) = lines.last_mut() {
            if !line.is_empty() {
                line.push(' ');
            }
            line.push_str(word);
        }
    }
    lines.join("\n")
}
