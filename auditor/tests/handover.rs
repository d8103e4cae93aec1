//! From key to key: whoever holds an older key finds the newer one, and an older key is good for older trees alone.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::handover::{KEY_ROTATED, verify as follow};
use cofferdam_auditor::key::SigningKey;
use cofferdam_auditor::tree::Frontier;
use cofferdam_auditor::verify::{Code, Options};
use support::{Files, entry, origin, usual};

fn keys() -> Vec<SigningKey> {
    (0..3).map(|seed| SigningKey::from_seed(origin("acme"), &[seed; 32])).collect()
}

fn rotation(index: u64, before: &SigningKey, after: &SigningKey) -> Vec<u8> {
    let event = serde_json::json!({"after": after.vkey(), "before": before.vkey()});
    entry(index, "acme", KEY_ROTATED, event)
}

fn head(entries: &[Vec<u8>]) -> cofferdam_auditor::tree::TreeHead {
    let mut frontier = Frontier::new();
    for entry in entries {
        frontier.push(entry, &mut |_, _| {}).unwrap();
    }
    frontier.head()
}

fn both(entries: &[Vec<u8>], before: &SigningKey, after: &SigningKey) -> Vec<u8> {
    let mut checkpoint = Checkpoint::sign(before, head(entries));
    checkpoint.add_signature(after);
    checkpoint.to_string().into_bytes()
}

/// A log of 800 entries whose key was handed over at entry 300 and at entry 600.
fn log() -> (Vec<Vec<u8>>, Files) {
    let keys = keys();
    let mut entries: Vec<_> = (0..800).map(usual).collect();
    entries[300] = rotation(300, &keys[0], &keys[1]);
    entries[600] = rotation(600, &keys[1], &keys[2]);
    let mut files = Files::of(&entries, &keys[2]);
    files.put("handover/1", both(&entries[..301], &keys[0], &keys[1]));
    files.put("handover/2", both(&entries[..603], &keys[1], &keys[2]));
    (entries, files)
}

fn code(files: &Files, held: &SigningKey) -> &'static str {
    follow(files, &files.checkpoint(), &held.vkey()).unwrap_err().code()
}

#[test]
fn every_key_of_the_log_leads_to_the_last() {
    let (_, files) = log();
    let vkeys: Vec<_> = keys().iter().map(SigningKey::vkey).collect();
    for held in 0..3 {
        let chain = follow(&files, &files.checkpoint(), &vkeys[held]).unwrap();
        assert_eq!(chain.signed_by, vkeys[2]);
        assert_eq!(chain.keys, vkeys[held..]);
        // The rotations took the places of two calls' halves, which is not what this is about.
        let report = files.verify(&Options::new(vkeys[held].clone()));
        assert_eq!(report.signed_by, [vkeys[2].clone()]);
        assert!(report.findings.iter().all(|finding| finding.code == Code::CallEndedUndecided), "{report}");
    }
    let stranger = SigningKey::from_seed(origin("acme"), &[9; 32]);
    assert_eq!(code(&files, &stranger), "wrong-key");
}

#[test]
fn held_checkpoints_of_older_keys_still_count() {
    let (entries, files) = log();
    let keys = keys();
    let mut options = Options::new(keys[0].vkey());
    options.held =
        vec![Checkpoint::sign(&keys[0], head(&entries[..100])), Checkpoint::sign(&keys[1], head(&entries[..400]))];
    assert!(!files.verify(&options).has(Code::Forked));
    options.held.push(Checkpoint::sign(&keys[1], head(&entries[1..400])));
    assert!(files.verify(&options).has(Code::Forked));
}

#[test]
fn a_log_rolled_back_to_before_a_handover() {
    let (entries, files) = log();
    let keys = keys();
    let older = Files::of(&entries[..200], &keys[0]);
    let mut options = Options::new(keys[0].vkey());
    options.held = vec![files.checkpoint()];
    let found = older.verify(&options).findings;
    assert_eq!(found.iter().map(|finding| finding.code).collect::<Vec<_>>(), [Code::RolledBack]);
}

#[test]
fn an_older_key_is_good_for_older_trees_alone() {
    let keys = keys();
    let (entries, mut files) = log();
    files.put("checkpoint", Checkpoint::sign(&keys[0], head(&entries)).to_string().into_bytes());
    assert_eq!(code(&files, &keys[0]), "wrong-key");
    // Before the first handover, and at it, when the host stopped between the two files.
    for size in [200, 300, 301] {
        let mut older = Files::of(&entries[..size], &keys[0]);
        older.put("handover/1", files.0["handover/1"].clone());
        follow(&older, &older.checkpoint(), &keys[0].vkey()).unwrap();
    }
    let mut beyond = Files::of(&entries[..302], &keys[0]);
    beyond.put("handover/1", files.0["handover/1"].clone());
    assert_eq!(code(&beyond, &keys[0]), "wrong-key");
}

#[test]
fn each_rule_of_a_handover() {
    let keys = keys();
    let (entries, good) = log();
    let with = |handover: Vec<u8>| {
        let mut files = good.clone();
        files.put("handover/2", handover);
        files
    };
    let only = |key: &SigningKey, entries: &[Vec<u8>]| Checkpoint::sign(key, head(entries)).to_string().into_bytes();
    // Not signed by the key before; not by the key after; of another tree; of a tree before the entry.
    assert_eq!(code(&with(only(&keys[2], &entries[..603])), &keys[0]), "bad-handover");
    assert_eq!(code(&with(only(&keys[1], &entries[..603])), &keys[0]), "bad-handover");
    assert_eq!(code(&with(both(&entries[1..603], &keys[1], &keys[2])), &keys[0]), "bad-handover");
    assert_eq!(code(&with(both(&entries[..600], &keys[1], &keys[2])), &keys[0]), "bad-handover");
    // Missing: the last key is not known.
    let mut missing = good.clone();
    missing.0.remove("handover/2");
    assert_eq!(code(&missing, &keys[0]), "wrong-key");
    let report = with(only(&keys[2], &entries[..603])).verify(&Options::new(keys[0].vkey()));
    assert!(report.has(Code::BadHandover) && report.signed_by.is_empty(), "{report}");
    // The entry names another key than the one that signs.
    let mut lying = entries.clone();
    lying[300] = rotation(300, &keys[0], &keys[2]);
    let mut files = Files::of(&lying, &keys[1]);
    files.put("handover/1", both(&lying[..301], &keys[0], &keys[1]));
    assert_eq!(code(&files, &keys[0]), "bad-handover");
}
