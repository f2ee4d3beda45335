//! `docs/src/sql-reference.md`: its generated parts are current, and its examples run.
//!
//! `POMONA_DOCS_COMPLETE=1` writes the generated parts into the page instead of comparing them.

mod examples;
mod render;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

const BEGIN: &str = "<!-- generated: ";
const END: &str = "<!-- end -->";

#[test]
fn the_page_is_current() {
    let parts = render::parts().unwrap();
    let page = fs::read_to_string(page()).unwrap();
    let renewed = renew(&page, &parts).unwrap();
    if env::var_os("POMONA_DOCS_COMPLETE").is_some() {
        fs::write(self::page(), renewed).unwrap();
        return;
    }
    for (line, (there, current)) in page.lines().zip(renewed.lines()).enumerate() {
        assert_eq!(
            there,
            current,
            "docs/src/sql-reference.md:{} is not what the functions say: \
             POMONA_DOCS_COMPLETE=1 cargo test --workspace sql_reference renews the page",
            line + 1
        );
    }
    assert_eq!(page.lines().count(), renewed.lines().count());
}

#[test]
fn every_part_has_its_place() {
    let parts = render::parts().unwrap();
    let unknown = format!("{BEGIN}nothing -->\n{END}\n");
    assert!(renew(&unknown, &parts).is_err());
    assert!(renew("", &parts).is_err());
    assert!(renew(&format!("{BEGIN}columns -->\n"), &parts).is_err());
}

/// The page with what is between its marks replaced.
fn renew(page: &str, parts: &[(&str, String)]) -> Result<String> {
    let mut renewed = String::new();
    let mut missing: BTreeSet<&str> = parts.iter().map(|(name, _)| *name).collect();
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        renewed += &format!("{line}\n");
        let Some(name) = line.strip_prefix(BEGIN) else {
            continue;
        };
        let name = name.trim_end_matches(" -->");
        let part = parts.iter().find(|(part, _)| *part == name);
        let (name, text) = part.with_context(|| format!("nothing generates '{name}'"))?;
        missing.remove(name);
        if !lines.any(|line| line == END) {
            bail!("'{name}' has no end");
        }
        renewed += &format!("\n{}\n\n{END}\n", text.trim());
    }
    if !missing.is_empty() {
        bail!("the page has no place for {missing:?}");
    }
    Ok(renewed)
}

fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/src/sql-reference.md")
}
