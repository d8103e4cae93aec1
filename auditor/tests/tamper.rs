//! Whatever is done to a log, it is found, called by its name, and told of once.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use cofferdam_auditor::key::SigningKey;
use cofferdam_auditor::verify::{Code, Report};
use proptest::prelude::*;
use support::{Files, entry, key, options, origin, usual};

fn entries(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(usual).collect()
}

fn codes(report: &Report) -> Vec<(Code, Option<u64>)> {
    report.findings.iter().map(|finding| (finding.code, finding.entry)).collect()
}

/// Findings that follow from an entry being where the host signed it: the calls' order is theirs.
fn but_calls(report: &Report) -> Vec<(Code, Option<u64>)> {
    let is_calls = |code| matches!(code, Code::CallDecidedTwice | Code::CallEndedTwice | Code::CallEndedUndecided);
    codes(report).into_iter().filter(|(code, _)| !is_calls(*code)).collect()
}

/// A size up to a few bundles, often next to a bundle's bound, and two places in it.
fn sized() -> impl Strategy<Value = (u64, u64, u64)> {
    let size = prop_oneof![2_u64..900, 254_u64..259, 510_u64..515, 766_u64..771];
    size.prop_flat_map(|size| (Just(size), 0..size, 0..size))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn tamper_nothing((size, _, _) in sized()) {
        let files = Files::of(&entries(size), &key());
        let report = files.verify(&options());
        prop_assert!(report.is_ok(), "{report}");
        prop_assert_eq!(report.entries.values().sum::<u64>(), size);
        prop_assert_eq!(report.open_calls, size % 2);
    }

    #[test]
    fn tamper_edit_in_the_bundle((size, at, _) in sized(), byte in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut tampered = entries(size);
        let byte = byte.index(tampered[at as usize].len());
        tampered[at as usize][byte] ^= flip;
        let mut files = Files::of(&entries(size), &key());
        files.rebundle(&tampered);
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::EntryEdited, Some(at))]);
    }

    #[test]
    fn tamper_edit_with_all_tiles((size, at, _) in sized()) {
        let mut tampered = entries(size);
        tampered[at as usize] = entry(at, "acme", "key.created", serde_json::json!({"name": "x"}));
        let mut files = Files::of(&tampered, &key());
        files.put("checkpoint", Files::of(&entries(size), &key()).0["checkpoint"].clone());
        prop_assert_eq!(but_calls(&files.verify(&options())), [(Code::RootMismatch, None)]);
    }

    #[test]
    fn tamper_edit_with_the_tile_below_it((size, at, _) in (257_u64..900).prop_flat_map(|s| (Just(s), 0..s / 256 * 256, Just(0_u64)))) {
        // The level above still has the old root of the tile.
        let mut tampered = entries(size);
        tampered[at as usize] = entry(at, "acme", "key.created", serde_json::json!({"name": "x"}));
        let mut files = Files::of(&entries(size), &key());
        let other = Files::of(&tampered, &key());
        for kind in ["0", "entries"] {
            let path = format!("tile/{kind}/{:03}", at / 256);
            files.put(&path, other.0[&path].clone());
        }
        prop_assert_eq!(but_calls(&files.verify(&options())), [(Code::EntriesRewritten, Some(at / 256 * 256))]);
    }

    /// Found, by a checkpoint that is held from before.
    #[test]
    fn hostile_edit_that_was_signed_again((size, at, held) in sized()) {
        let mut tampered = entries(size);
        tampered[at as usize] = entry(at, "acme", "key.created", serde_json::json!({"name": "x"}));
        let files = Files::of(&tampered, &key());
        let mut options = options();
        options.held = vec![Files::of(&entries(held + 1), &key()).checkpoint()];
        let found = but_calls(&files.verify(&options));
        // A checkpoint from before the entry says nothing about it; one from after it does.
        let wanted = if held >= at { vec![(Code::Forked, Some(held + 1))] } else { vec![] };
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn tamper_delete_in_the_bundles((size, at, _) in sized()) {
        let mut tampered = entries(size);
        tampered.remove(at as usize);
        let mut files = Files::of(&entries(size), &key());
        files.rebundle(&tampered);
        // The only entry of the last bundle goes with its file.
        let is_last_file = at + 1 == size && size % 256 == 1;
        let code = if is_last_file { Code::Truncated } else { Code::EntryDeleted };
        prop_assert_eq!(codes(&files.verify(&options())), [(code, Some(at))]);
    }

    #[test]
    fn tamper_delete_and_sign_again((size, at, _) in sized()) {
        let mut tampered = entries(size);
        tampered.remove(at as usize);
        let files = Files::of(&tampered, &key());
        let found = codes(&files.verify(&options()));
        // The last one leaves no gap: that takes a checkpoint from before.
        let wanted = if at + 1 == size { vec![] } else { vec![(Code::EntryDeleted, Some(at))] };
        prop_assert_eq!(found, wanted);
    }

    #[test]
    fn tamper_insert_in_the_bundles((size, at, _) in sized()) {
        let mut tampered = entries(size);
        tampered.insert(at as usize, entry(at, "acme", "key.created", serde_json::json!({"name": "x"})));
        let mut files = Files::of(&entries(size), &key());
        files.rebundle(&tampered);
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::EntryInserted, Some(at))]);
    }

    #[test]
    fn tamper_repeat_in_the_bundles((size, at, from) in sized()) {
        let mut tampered = entries(size);
        tampered.insert(at as usize, usual(from));
        let mut files = Files::of(&entries(size), &key());
        files.rebundle(&tampered);
        let found = codes(&files.verify(&options()));
        prop_assert_eq!(found.len(), 1, "{:?}", found);
        prop_assert_eq!(found[0].0, Code::EntryRepeated);
        // Of two copies side by side, either is the other's.
        let is_beside = from == at || from + 1 == at;
        prop_assert!(found[0].1 == Some(at) || is_beside && found[0].1.is_some_and(|place| place.abs_diff(from) <= 1));
    }

    #[test]
    fn tamper_repeat_and_sign_again((size, at, from) in sized()) {
        prop_assume!(from < at);
        let mut tampered = entries(size);
        tampered.insert(at as usize, usual(from));
        let files = Files::of(&tampered, &key());
        let found = but_calls(&files.verify(&options()));
        prop_assert_eq!(found, [(Code::EntryRepeated, Some(at))]);
    }

    #[test]
    fn tamper_reorder_in_the_bundles((size, one, other) in sized()) {
        prop_assume!(one != other);
        let mut tampered = entries(size);
        tampered.swap(one as usize, other as usize);
        let mut files = Files::of(&entries(size), &key());
        files.rebundle(&tampered);
        let found = codes(&files.verify(&options()));
        prop_assert_eq!(found.len(), 1, "{:?}", found);
        prop_assert_eq!(found[0].0, Code::EntriesReordered);
        prop_assert!(found[0].1 == Some(one) || found[0].1 == Some(other), "{:?}", found);
    }

    #[test]
    fn tamper_reorder_and_sign_again((size, one, other) in sized()) {
        prop_assume!(one != other && size > 4);
        let mut tampered = entries(size);
        tampered.swap(one as usize, other as usize);
        let files = Files::of(&tampered, &key());
        let found = but_calls(&files.verify(&options()));
        prop_assert_eq!(found, [(Code::EntriesReordered, Some(one.min(other)))]);
    }

    #[test]
    fn tamper_move_one_and_sign_again((size, from, to) in sized()) {
        prop_assume!(from.abs_diff(to) > 1);
        let mut tampered = entries(size);
        let moved = tampered.remove(from as usize);
        tampered.insert(to as usize, moved);
        let files = Files::of(&tampered, &key());
        let found = but_calls(&files.verify(&options()));
        prop_assert_eq!(found, [(Code::EntriesReordered, Some(to))]);
    }

    #[test]
    fn tamper_truncate((size, keep, _) in sized()) {
        let (mut files, _) = Files::tree(&entries(keep));
        files.put("checkpoint", Files::of(&entries(size), &key()).0["checkpoint"].clone());
        let found = codes(&files.verify(&options()));
        prop_assert_eq!(found, [(Code::Truncated, Some(keep / 256 * 256))]);
    }

    /// Found, by a checkpoint that is held and is longer.
    #[test]
    fn hostile_log_that_was_rolled_back((size, keep, _) in sized()) {
        let files = Files::of(&entries(keep), &key());
        let mut options = options();
        options.held = vec![Files::of(&entries(size), &key()).checkpoint()];
        prop_assert_eq!(codes(&files.verify(&options)), [(Code::RolledBack, Some(keep))]);
    }

    /// Found, by a checkpoint that is held: another history of the same length or longer is none.
    #[test]
    fn hostile_fork_of_a_log((size, at, held) in sized(), more in 0_u64..300) {
        // Two logs that are the same up to an entry, both signed, and both well formed.
        let one = entries(size);
        let mut other: Vec<_> = (0..size + more).map(usual).collect();
        other[at as usize] = entry(at, "acme", "login.failed", serde_json::json!({"count": 1}));
        let mut options = options();
        options.held = vec![Files::of(&one[..=held as usize], &key()).checkpoint(), Files::of(&one, &key()).checkpoint()];
        let found = but_calls(&Files::of(&other, &key()).verify(&options));
        let first = if held >= at { held + 1 } else { size };
        prop_assert_eq!(found, [(Code::Forked, Some(first))]);
    }

    #[test]
    fn tamper_sign_with_another_key((size, _, _) in sized(), seed in any::<[u8; 32]>()) {
        prop_assume!(seed != [7; 32]);
        let files = Files::of(&entries(size), &SigningKey::from_seed(origin("acme"), &seed));
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::WrongKey, None)]);
    }

    #[test]
    fn tamper_signature((size, _, _) in sized(), byte in 0_usize..64) {
        let mut files = Files::of(&entries(size), &key());
        let text = String::from_utf8(files.0["checkpoint"].clone()).unwrap();
        let (before, signature) = text.trim_end().rsplit_once(' ').unwrap();
        let mut signature = BASE64_STANDARD.decode(signature).unwrap();
        signature[4 + byte] ^= 1;
        files.put("checkpoint", format!("{before} {}\n", BASE64_STANDARD.encode(signature)).into_bytes());
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::BadSignature, None)]);
    }

    #[test]
    fn tamper_swap_the_tenant((size, at, until) in sized()) {
        // Another tenant's log, in order in itself.
        let theirs: Vec<_> = (0..size).map(|i| entry(i, "rival", "login.failed", serde_json::json!({}))).collect();
        let files = Files::of(&theirs, &SigningKey::from_seed(origin("rival"), &[8; 32]));
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::WrongOrigin, None)]);
        // Another tenant's entries in this one's log.
        let mut mixed: Vec<_> = (0..size).map(|i| entry(i, "acme", "login.failed", serde_json::json!({}))).collect();
        let run = at.min(until) as usize..=at.max(until) as usize;
        mixed[run.clone()].clone_from_slice(&theirs[run.clone()]);
        let files = Files::of(&mixed, &key());
        prop_assert_eq!(codes(&files.verify(&options())), [(Code::WrongTenant, Some(*run.start() as u64))]);
    }

    #[test]
    fn tamper_alter_a_tile(
        (size, _, _) in sized(), tile in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(),
        flip in 1_u8..,
    ) {
        let mut files = Files::of(&entries(size), &key());
        let path = tile.get(&files.hash_tiles()).clone();
        let bytes = files.0.get_mut(&path).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] ^= flip;
        let report = files.verify(&options());
        prop_assert_eq!(codes(&report), [(Code::TileAltered, None)]);
        prop_assert_eq!(report.findings[0].file.as_deref(), Some(path.as_str()));
    }

    #[test]
    fn tamper_cut_a_tile((size, _, _) in sized(), tile in any::<prop::sample::Index>(), keep in 0_usize..8192) {
        let mut files = Files::of(&entries(size), &key());
        let path = tile.get(&files.hash_tiles()).clone();
        let bytes = files.0.get_mut(&path).unwrap();
        bytes.truncate(keep % bytes.len());
        let report = files.verify(&options());
        prop_assert_eq!(codes(&report), [(Code::TileAltered, None)]);
        prop_assert_eq!(report.findings[0].file.as_deref(), Some(path.as_str()));
    }

    #[test]
    fn tamper_remove_a_tile((size, _, _) in sized(), tile in any::<prop::sample::Index>()) {
        let mut files = Files::of(&entries(size), &key());
        let path = tile.get(&files.hash_tiles()).clone();
        files.0.remove(&path);
        let report = files.verify(&options());
        prop_assert_eq!(codes(&report), [(Code::TileMissing, None)]);
        prop_assert_eq!(report.findings[0].file.as_deref(), Some(path.as_str()));
    }

    #[test]
    fn tamper_remove_a_bundle((size, at, _) in sized()) {
        let mut files = Files::of(&entries(size), &key());
        let number = at / 256;
        let width = (size - number * 256).min(256) as u32;
        let path = cofferdam_auditor::tile::TilePath::entries(number, width).to_string();
        files.0.remove(&path);
        let is_last = number == (size - 1) / 256;
        let code = if is_last { Code::Truncated } else { Code::EntriesMissing };
        prop_assert_eq!(codes(&files.verify(&options())), [(code, Some(number * 256))]);
    }

    /// Any two random changes at once: never a panic, never silence.
    #[test]
    fn tamper_with_any_bytes(
        (size, _, _) in sized(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 1_u8..), 1..4),
    ) {
        let good = Files::of(&entries(size), &key());
        let mut files = good.clone();
        for (path, byte, flip) in changes {
            let path = path.get(&files.0.keys().cloned().collect::<Vec<_>>()).clone();
            let bytes = files.0.get_mut(&path).unwrap();
            let at = byte.index(bytes.len());
            bytes[at] ^= flip;
        }
        prop_assume!(files != good);
        prop_assert!(!files.verify(&options()).is_ok());
    }
}

/// The same where tiles have tiles above them: each full tile of the middle level stands for 65,536 entries.
#[test]
fn tamper_with_a_log_of_three_levels() {
    let size = 66_000;
    let good = Files::of(&entries(size), &key());
    assert!(good.verify(&options()).is_ok());
    let find = |change: &dyn Fn(&mut Files)| {
        let mut files = good.clone();
        change(&mut files);
        files.verify(&options()).findings
    };
    for path in ["tile/0/007", "tile/0/256", "tile/1/000", "tile/1/001.p/1", "tile/2/000.p/1", "tile/0/257.p/208"] {
        let found = find(&|files| files.0.get_mut(path).unwrap()[31] ^= 1);
        assert_eq!((found.len(), found[0].code, found[0].file.as_deref()), (1, Code::TileAltered, Some(path)));
        let found = find(&|files| drop(files.0.remove(path)));
        assert_eq!((found.len(), found[0].code, found[0].file.as_deref()), (1, Code::TileMissing, Some(path)));
    }
    // Entries changed together with every tile below the level that nothing can be made to match.
    let mut other = entries(size);
    other[1_000] = entry(1_000, "acme", "key.created", serde_json::json!({"name": "x"}));
    let other = Files::of(&other, &key());
    for (paths, first, until) in [
        (["tile/entries/003", "tile/0/003"].as_slice(), 768, 1_024),
        (&["tile/entries/003", "tile/0/003", "tile/1/000"], 0, 65_536),
    ] {
        let found = find(&|files| paths.iter().for_each(|path| files.put(path, other.0[*path].clone())));
        let found: Vec<_> = found.iter().filter(|finding| finding.code != Code::CallEndedUndecided).collect();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!((found[0].code, found[0].entry, found[0].until), (Code::EntriesRewritten, Some(first), Some(until)));
    }
    let mut shifted = entries(size);
    shifted.remove(500);
    let found = find(&|files| files.rebundle(&shifted));
    assert_eq!((found.len(), found[0].code, found[0].entry), (1, Code::EntryDeleted, Some(500)));
    // A bundle whose tile is gone too.
    let found = find(&|files| {
        files.0.remove("tile/0/003");
        files.put("tile/entries/003", other.0["tile/entries/003"].clone());
    });
    let mut codes: Vec<_> = found.iter().map(|finding| finding.code).collect();
    codes.retain(|code| *code != Code::CallEndedUndecided);
    codes.sort();
    assert_eq!(codes, [Code::EntriesRewritten, Code::TileMissing]);
}

/// However much is wrong, so much is told, and the rest is counted.
#[test]
fn tamper_with_everything() {
    let files = Files::of(&entries(600), &key());
    let mut nonsense = files.clone();
    nonsense.rebundle(&(0..600).map(|i: u32| i.to_be_bytes().to_vec()).collect::<Vec<_>>());
    let mut options = options();
    options.findings_max = 10;
    let report = nonsense.verify(&options);
    assert_eq!(report.findings.len(), 10);
    assert_eq!(report.findings_more, 590);
    assert!(report.findings.iter().all(|finding| finding.code == Code::EntryEdited), "{report}");
    assert!(report.to_string().ends_with("590 more findings are not shown.\n"), "{report}");
}
