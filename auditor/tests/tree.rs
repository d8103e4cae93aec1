//! The frontier against a tree computed the plain way, as RFC 6962 defines it.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use std::collections::BTreeMap;

use cofferdam_auditor::Hash;
use cofferdam_auditor::tile::{ENTRY_BYTES_MAX, TilePath};
use cofferdam_auditor::tree::Frontier;
use proptest::prelude::*;
use support::tiles_of;
use tlog_tiles::{EMPTY_HASH, node_hash, record_hash};

/// The root of these leaves: RFC 6962, section 2.1.
fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => EMPTY_HASH,
        [leaf] => *leaf,
        leaves => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(root(left), root(right))
        }
    }
}

/// All tiles of hashes and bundles, as tlog-tiles defines them.
fn tiles(entries: &[Vec<u8>]) -> BTreeMap<TilePath, Vec<u8>> {
    let mut tiles = BTreeMap::new();
    for (number, entries) in (0..).zip(entries.chunks(256)) {
        let bundle = entries.iter().flat_map(|entry| [&(entry.len() as u16).to_be_bytes(), entry.as_slice()].concat());
        tiles.insert(TilePath::entries(number, entries.len() as u32), bundle.collect());
    }
    let mut hashes: Vec<_> = entries.iter().map(|entry| record_hash(entry)).collect();
    for level in 0.. {
        if hashes.is_empty() {
            break;
        }
        for (number, hashes) in (0..).zip(hashes.chunks(256)) {
            let bytes = hashes.iter().flat_map(|hash| hash.0).collect();
            tiles.insert(TilePath::hashes(level, number, hashes.len() as u32), bytes);
        }
        hashes = hashes.chunks_exact(256).map(root).collect();
    }
    tiles
}

fn entries(size: u64) -> Vec<Vec<u8>> {
    // Lengths of all sorts, none among them.
    (0..size).map(|index| index.to_string().repeat((index % 5) as usize).into_bytes()).collect()
}

fn compare(entries: &[Vec<u8>], save_every: usize) {
    let mut frontier = Frontier::new();
    let mut closed = BTreeMap::new();
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(
            frontier.push(entry, &mut |path, bytes| assert!(closed.insert(path, bytes).is_none())).unwrap(),
            index as u64
        );
        if index % save_every == 0 {
            let loaded = Frontier::load(&frontier.save()).unwrap();
            assert_eq!(loaded, frontier);
            frontier = loaded;
        }
    }
    assert!(closed.keys().all(TilePath::is_full));
    closed.extend(frontier.partial().map(|(path, bytes)| (path, bytes.to_vec())));
    let leaves: Vec<_> = entries.iter().map(|entry| record_hash(entry)).collect();
    assert_eq!(frontier.size(), entries.len() as u64);
    assert_eq!(frontier.root(), root(&leaves));
    assert_eq!(closed, tiles(entries));
    let mut listed: Vec<_> = tiles_of(frontier.size()).collect();
    listed.sort();
    assert!(listed.iter().eq(closed.keys()));
}

#[test]
fn bounds() {
    for size in [0, 1, 2, 255, 256, 257, 511, 512, 513, 65_535, 65_536, 65_537, 66_000] {
        compare(&entries(size), 257);
    }
}

/// What is gone from the frontier is not asked for; what is there serves smaller trees too.
#[test]
fn partial_tiles_of_smaller_trees() {
    let all = entries(700);
    let mut frontier = Frontier::new();
    for entry in &all {
        frontier.push(entry, &mut |_, _| {}).unwrap();
    }
    for size in 513..=700 {
        for (path, bytes) in tiles(&all[..size]) {
            assert_eq!(frontier.tile(&path), (!path.is_full()).then_some(bytes), "{size} {path}");
        }
    }
    assert_eq!(frontier.tile(&TilePath::hashes(0, 2, 189)), None);
    assert_eq!(frontier.tile(&TilePath::entries(1, 5)), None);
}

#[test]
fn an_entry_has_a_length() {
    let mut frontier = Frontier::new();
    frontier.push(&vec![0; ENTRY_BYTES_MAX], &mut |_, _| {}).unwrap();
    let before = frontier.clone();
    assert_eq!(frontier.push(&vec![0; ENTRY_BYTES_MAX + 1], &mut |_, _| {}).unwrap_err().code(), "malformed");
    assert_eq!(frontier, before);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_size(size in 0_u64..3_000, save_every in 1_usize..700) {
        compare(&entries(size), save_every);
    }

    #[test]
    fn a_saved_frontier_holds_or_is_refused(size in 0_u64..600, at in any::<prop::sample::Index>(), flip in 1_u8.., cut in any::<bool>()) {
        let mut frontier = Frontier::new();
        for entry in entries(size) {
            frontier.push(&entry, &mut |_, _| {}).unwrap();
        }
        let mut saved = frontier.save();
        let at = at.index(saved.len());
        if cut { saved.truncate(at) } else { saved[at] ^= flip };
        prop_assert_eq!(Frontier::load(&saved).unwrap_err().code(), "malformed");
    }
}
