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
tried, and where an attack goes against a running host, another tenant's calls have to succeed in the same moment. Tests named
after an advisory do what it describes, or say why it does not bear on this host.

What is promised and what is not: [ARCHITECTURE.md](../ARCHITECTURE.md), \"Boundary statement\".
";

/// Where tests are, and what the part of the page is called.
const PLACES: [(&str, &str); 3] = [
    ("tests/tests", "Guests and clients against a running host"),
    ("host/src", "Attacks on a part of the host"),
    ("auditor/tests", "Attacks on what checks the record"),
];

/// What shows that another tenant's calls are looked at while an attack goes on; and that the record is.
const BESIDE: [&str; 6] = ["attack(", "beside(", "beside_all(", "contained(", "bystander", "quiet"];
const RECORDED: [&str; 13] = [
    ".record(",
    ".entry(",
    ".log(",
    ".ended(",
    "contained(",
    "is_clean(",
    "rejected(",
    "recorded(",
    "held(",
    "transcode(",
    " call(&tenant",
    ".leave(",
    " refused(&tenant",
];

/// Attacks that have no bystander or leave nothing in the record, and why.
const EXCEPTIONS: &[(&str, &str)] = &[
    (
        "hostile_comparing_policies_by_the_dozen_keeps_nobody_else_waiting",
        "what compares changes nothing, and is in no record",
    ),
    (
        "hostile_look_into_the_only_memory_that_another_tenant_just_had",
        "within the process: each call is looked at for what it finds",
    ),
    ("hostile_edit_of_the_record", "no host runs: what is looked at is that nobody else's log is touched"),
    ("hostile_journal_put_back_from_an_older_copy", "no host runs"),
    (
        "hostile_kill_9_loses_nothing_that_was_acknowledged",
        "the host is killed under everybody, and the record is all that it is about",
    ),
    (
        "hostile_no_generated_rules_let_a_key_do_what_its_scopes_do_not",
        "asked within the process, where nothing is refused that a record would have",
    ),
    ("hostile_look_for_what_a_call_left_in_memory", "within the process: each call is looked at for what it finds"),
    ("hostile_reach_for_a_component_of_another_tenant", "a read of what is not there is in no record"),
    ("hostile_reach_for_a_key_of_another_tenant", "a read of what is not there is in no record"),
    ("hostile_reach_for_another_tenant", "a read of what is not there is in no record"),
    (
        "hostile_rustsec_2026_0086_0089_0090_0094_0095_of_what_is_not_there",
        "nothing is tried: there is nothing to try it on",
    ),
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

/// The bodies of all tests whose names begin with `hostile_`, by name: up to the next item that stands as far left.
fn bodies(text: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let mut within = false;
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("fn hostile_").and_then(|rest| rest.split('(').next()) {
            found.push((format!("hostile_{name}"), String::new()));
            within = true;
        } else if line == "}" {
            within = false;
        }
        if let Some((_, body)) = found.last_mut().filter(|_| within) {
            body.push_str(line);
            body.push('\n');
        }
    }
    found
}

#[test]
fn every_attack_has_a_bystander_and_is_in_the_record() {
    let mut files = Vec::new();
    sources(&root().join("tests/tests"), &mut files);
    let (mut lacking, mut all) = (Vec::new(), Vec::new());
    for file in files {
        for (test, body) in bodies(&fs::read_to_string(&file).unwrap()) {
            let has = |words: &[&str]| words.iter().any(|word| body.contains(word));
            let is_exception = EXCEPTIONS.iter().any(|(name, _)| *name == test);
            let is_shown = has(&BESIDE) && has(&RECORDED);
            if !is_exception && !is_shown {
                lacking.push(format!("{}: {test}", file.display()));
            }
            all.push(test);
        }
    }
    assert!(all.len() > 70, "{}", all.len());
    assert!(lacking.is_empty(), "attacks without a bystander or a look at the record: {lacking:#?}");
    let gone: Vec<_> = EXCEPTIONS.iter().filter(|(name, _)| !all.iter().any(|test| test == name)).collect();
    assert!(gone.is_empty(), "exceptions for what is not there: {gone:?}");
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
