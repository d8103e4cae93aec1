//! The page of attacks, `docs/security.md`, made from the tests themselves.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What the page says of itself, up to the table.
const HEAD: &str = "\
<!-- Made from the tests: UPDATE=1 cargo xtask test the_page_of_attacks -->
# Attacks that were tried

Each row is a test that runs with every build: a guest program or a client that tries to get out, and what has to come of it.
All of them are contained: the attacker gets its own error or its own end, the record has it where a call or a change was
tried, and where an attack goes against a running host, another tenant's calls have to succeed in the same moment.

What is promised and what is not: [ARCHITECTURE.md](../ARCHITECTURE.md), \"Boundary statement\".
";

/// Where tests are, and what the part of the page is called.
const PLACES: [(&str, &str); 3] = [
    ("tests/tests", "Guests and clients against a running host"),
    ("host/src", "Attacks on a part of the host"),
    ("auditor/src", "Attacks on what checks the record"),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Tests whose names begin with `hostile_`, each with the first sentence of what stands above it.
fn attacks(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let (mut doc, mut is_test) = (String::new(), false);
    for line in text.lines().map(str::trim) {
        if let Some(more) = line.strip_prefix("///") {
            doc = format!("{doc} {}", more.trim()).trim().to_owned();
        } else if line.starts_with("#[") {
            is_test |= line.contains("test");
        } else {
            let name = line.trim_start_matches("async ").strip_prefix("fn ").and_then(|rest| rest.split('(').next());
            // In a `proptest!`, attributes stand inside of the macro like elsewhere.
            if let Some(name) = name.filter(|name| is_test && name.starts_with("hostile_")) {
                found.push((name.to_owned(), doc.clone()));
            }
            (doc, is_test) = (String::new(), false);
        }
    }
    found
}

#[test]
fn the_page_of_attacks_is_what_the_tests_say() {
    let mut page = HEAD.to_owned();
    let mut without = Vec::new();
    for (place, title) in PLACES {
        let mut files = Vec::new();
        sources(&root().join(place), &mut files);
        let mut rows = BTreeMap::new();
        for file in files {
            let name = file.strip_prefix(root()).unwrap().display().to_string();
            for (test, doc) in attacks(&fs::read_to_string(&file).unwrap()) {
                if doc.is_empty() {
                    without.push(format!("{name}: {test}"));
                }
                rows.insert((name.clone(), test), doc);
            }
        }
        if rows.is_empty() {
            continue;
        }
        write!(page, "\n## {title}\n\n| attack | what comes of it | test |\n|---|---|---|\n").unwrap();
        for ((file, test), doc) in rows {
            let attack = test.trim_start_matches("hostile_").replace('_', " ");
            writeln!(page, "| {attack} | {} | [`{test}`](../{file}) |", doc.replace('|', "\\|")).unwrap();
        }
    }
    assert!(without.is_empty(), "attacks without a word of what has to come of them: {without:#?}");
    let path = root().join("docs/security.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let there = fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/security.md is not what the tests say: UPDATE=1 cargo xtask test the_page_of_attacks");
}
