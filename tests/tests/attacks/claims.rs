//! What the page says of every attack on a running host, held against the tests themselves: that the record has it, and
//! that somebody else's calls succeed in the same moment. A test that shows one of these not is listed, with its reason.

use std::collections::BTreeMap;
use std::path::Path;

use crate::page::{root, sources};

/// What shows that the record has an attack.
const RECORDED: [&str; 7] = ["contained(", ".ended(", ".entry(", ".record(", ".log(0)", "refused(&tenant", ".is_clean("];
/// What shows that somebody else is served meanwhile.
const BESIDE: [&str; 5] = ["contained(", "attack(", "beside(", "bystander", "quiet"];

/// What a test does not show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Lacks {
    Entry,
    Bystander,
}

/// Tests that do not show something, and why.
pub(crate) const WITHOUT: &[(&str, Lacks, &str)] = &[];

/// Tests whose names begin with `hostile_`, each with its text.
fn bodies(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn hostile_");
        let Some(name) = name.and_then(|rest| rest.split('(').next()) else { continue };
        let body: Vec<_> = lines.by_ref().take_while(|line| *line != "}").collect();
        found.push((format!("hostile_{name}"), body.join("\n")));
    }
    found
}

#[test]
fn every_attack_shows_its_entry_and_its_bystander_or_says_why_not() {
    let mut files = Vec::new();
    sources(&root().join("tests/tests"), &mut files);
    let mut lacking = BTreeMap::new();
    for file in files.iter().filter(|file| file.file_name() != Path::new(file!()).file_name()) {
        for (test, body) in bodies(&std::fs::read_to_string(file).unwrap()) {
            let shows = |marks: &[&str]| marks.iter().any(|mark| body.contains(mark));
            for (lacks, shown) in [(Lacks::Entry, shows(&RECORDED)), (Lacks::Bystander, shows(&BESIDE))] {
                if !shown {
                    lacking.insert((test.clone(), lacks), file.display().to_string());
                }
            }
        }
    }
    let listed: BTreeMap<_, _> = WITHOUT.iter().map(|(test, lacks, why)| (((*test).to_owned(), *lacks), *why)).collect();
    assert_eq!(listed.len(), WITHOUT.len(), "one is listed twice");
    let unlisted: Vec<_> = lacking.iter().filter(|(lack, _)| !listed.contains_key(lack)).collect();
    assert!(unlisted.is_empty(), "neither shown nor explained: {unlisted:#?}");
    let shown: Vec<_> = listed.keys().filter(|lack| !lacking.contains_key(lack)).collect();
    assert!(shown.is_empty(), "explained and shown all the same: {shown:#?}");
    assert!(WITHOUT.iter().all(|(.., why)| why.len() > 20 && why.ends_with('.')), "a reason is a sentence");
}
