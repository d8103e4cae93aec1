//! Proofs over a log's files, receipts and consistency: good ones hold, and each way of being bad is named.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::consistency;
use cofferdam_auditor::cosign::CosigningKey;
use cofferdam_auditor::key::SigningKey;
use cofferdam_auditor::proof::{check_consistency, check_inclusion, prove_consistency, prove_inclusion};
use cofferdam_auditor::receipt::{Receipt, ReceiptEntry};
use cofferdam_auditor::tlog_proof::TlogProof;
use cofferdam_auditor::{Error, Hash};
use proptest::prelude::*;
use support::{Files, call, entry, key, origin, usual};
use tlog_tiles::record_hash;

fn entries(size: u64) -> Vec<Vec<u8>> {
    (0..size).map(usual).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn inclusion((size, index) in (1_u64..1_500).prop_flat_map(|size| (Just(size), 0..size)), wrong in 0_usize..32) {
        let files = Files::of(&entries(size), &key());
        let head = files.checkpoint().head();
        let proof = prove_inclusion(&files, head, index).unwrap();
        let leaf = record_hash(&usual(index));
        check_inclusion(&proof, head, index, leaf).unwrap();
        prop_assert!(check_inclusion(&proof, head, index, record_hash(b"x")).is_err());
        prop_assert!(check_inclusion(&proof, head, index + 1, leaf).is_err());
        for at in 0..proof.len() {
            let mut bad = proof.clone();
            bad[at].0[wrong] ^= 1;
            prop_assert!(check_inclusion(&bad, head, index, leaf).is_err());
        }
        prop_assert!(check_inclusion(&[proof.as_slice(), &[leaf]].concat(), head, index, leaf).is_err());
        prop_assert_eq!(prove_inclusion(&files, head, size).unwrap_err().code(), "no-such-entry");
    }

    #[test]
    fn consistent((new, old) in (1_u64..1_500).prop_flat_map(|new| (Just(new), 0..=new)), wrong in 0_usize..32) {
        let files = Files::of(&entries(new), &key());
        let (new, old) = (files.checkpoint().head(), Files::of(&entries(old), &key()).checkpoint().head());
        let proof = prove_consistency(&files, old.size, new).unwrap();
        check_consistency(&proof, old, new).unwrap();
        for at in 0..proof.len() {
            let mut bad = proof.clone();
            bad[at].0[wrong] ^= 1;
            prop_assert!(check_consistency(&bad, old, new).is_err());
        }
        let mut other = old;
        other.root.0[wrong] ^= 1;
        prop_assert!(check_consistency(&proof, other, new).is_err());
        prop_assert_eq!(prove_consistency(&files, new.size + 1, new).unwrap_err().code(), "rolled-back");
    }

    /// A proof is right or an error that names a file: whatever is wrong with the tiles.
    #[test]
    fn a_bad_tile_is_named(
        (size, index) in (1_u64..1_500).prop_flat_map(|size| (Just(size), 0..size)),
        tile in any::<prop::sample::Index>(), byte in any::<prop::sample::Index>(), flip in 1_u8.., old in 0_u64..1_500,
    ) {
        let mut files = Files::of(&entries(size), &key());
        let head = files.checkpoint().head();
        let path = tile.get(&files.hash_tiles()).clone();
        let bytes = files.0.get_mut(&path).unwrap();
        let at = byte.index(bytes.len());
        bytes[at] ^= flip;
        for proved in [
            prove_inclusion(&files, head, index).map(|proof| {
                check_inclusion(&proof, head, index, record_hash(&usual(index))).unwrap();
            }),
            prove_consistency(&files, old.min(size), head).map(drop),
        ] {
            match proved {
                Ok(()) => {}
                Err(Error::TileAltered { tile }) => prop_assert_eq!(tile.to_string(), path.clone()),
                Err(Error::RootMismatch { tiles, .. }) => {
                    prop_assert!(tiles.iter().any(|tile| tile.to_string() == path));
                }
                Err(error) => prop_assert!(false, "{error}"),
            }
        }
    }
}

/// A log of another 300 entries with one call's among them, and that call's receipt.
fn receipt() -> (Files, Receipt) {
    let files = Files::of(&entries(301), &key());
    let receipt = Receipt::make(&files, &files.checkpoint(), call(100), &[200, 201]).unwrap();
    (files, receipt)
}

#[test]
fn a_receipt_holds() {
    let (_, receipt) = receipt();
    let text = serde_json::to_vec(&receipt).unwrap();
    let checked = Receipt::parse(&text).unwrap().check(&[key().vkey()], &[]).unwrap();
    assert_eq!((checked.call, checked.size), (call(100), 301));
    assert_eq!(checked.decided.as_ref().map(|entry| entry.index), Some(200));
    assert_eq!(checked.ended.as_ref().map(|entry| entry.index), Some(201));
    assert_eq!(checked.signed_by, [key().vkey()]);
    assert!(checked.to_string().contains("decided at 2026-01-01"), "{checked}");
}

#[test]
fn a_receipt_of_a_call_that_did_not_end_says_so() {
    let (files, _) = receipt();
    let receipt = Receipt::make(&files, &files.checkpoint(), call(150), &[300]).unwrap();
    let checked = receipt.check(&[key().vkey()], &[]).unwrap();
    assert_eq!(checked.ended, None);
    assert!(checked.to_string().contains("whether it ended is not in this receipt"), "{checked}");
}

#[test]
fn a_receipt_tells_of_witnesses() {
    let (files, _) = receipt();
    let witness = CosigningKey::from_seed("witness.example/w1", &[9; 32]).unwrap();
    let mut checkpoint = files.checkpoint();
    checkpoint.add_signature_lines(&witness.cosign(&checkpoint, 1_700_000_000)).unwrap();
    let receipt = Receipt::make(&files, &checkpoint, call(100), &[200, 201]).unwrap();
    let checked = receipt.check(&[key().vkey()], &[witness.vkey()]).unwrap();
    assert_eq!(checked.cosigned_by[0].time, 1_700_000_000);
    // A witness that is not known is nobody.
    assert_eq!(receipt.check(&[key().vkey()], &[]).unwrap().cosigned_by, []);
    // One that is known and did not sign this is a fault.
    let other = Files::of(&entries(302), &key()).checkpoint();
    let mut forged = files.checkpoint();
    forged.add_signature_lines(&witness.cosign(&other, 1_700_000_000)).unwrap();
    let receipt = Receipt::make(&files, &forged, call(100), &[200, 201]).unwrap();
    assert_eq!(receipt.check(&[key().vkey()], &[witness.vkey()]).unwrap_err().code(), "bad-signature");
}

/// Each change to a good receipt, and what it is called.
#[test]
fn a_bad_receipt_is_named() {
    let (files, good) = receipt();
    let code = |receipt: &Receipt| receipt.check(&[key().vkey()], &[]).unwrap_err().code();
    let with = |change: &dyn Fn(&mut Vec<ReceiptEntry>)| {
        let mut receipt = good.clone();
        change(&mut receipt.entries);
        receipt
    };
    let make = |call_number: u64, indexes: &[u64]| {
        Receipt::make(&files, &files.checkpoint(), call(call_number), indexes).unwrap()
    };

    assert_eq!(code(&with(&|entries| entries[1].entry = entries[1].entry.replace("ended", "emded"))), "bad-proof");
    assert_eq!(code(&with(&|entries| entries[1].entry.push(' '))), "bad-proof");
    assert_eq!(code(&with(&|entries| entries[0].proof = entries[1].proof.clone())), "bad-proof");
    assert_eq!(
        code(&with(&|entries| entries[0].proof = entries[0].proof.replace("\n301\n", "\n302\n"))),
        "bad-signature"
    );
    assert_eq!(
        code(&with(&|entries| entries[0].proof = entries[0].proof.replace("index 200", "index 0200"))),
        "malformed"
    );
    assert_eq!(code(&with(&|entries| entries[0].proof.clear())), "malformed");
    assert_eq!(code(&with(&|entries| entries.reverse())), "bad-receipt");
    assert_eq!(code(&with(&|entries| drop(entries.remove(0)))), "bad-receipt");
    assert_eq!(code(&with(&|entries| entries.clear())), "bad-receipt");
    assert_eq!(code(&with(&|entries| entries.push(entries[1].clone()))), "bad-receipt");
    // Another call's entries, true as they are.
    assert_eq!(code(&make(100, &[200, 203])), "bad-receipt");
    assert_eq!(code(&make(101, &[200, 201])), "bad-receipt");
    // Another key, another log.
    let stranger = SigningKey::from_seed(origin("acme"), &[8; 32]).vkey();
    assert_eq!(good.check(&[stranger], &[]).unwrap_err().code(), "wrong-key");
    let rival = SigningKey::from_seed(origin("rival"), &[7; 32]).vkey();
    assert_eq!(good.check(&[rival], &[]).unwrap_err().code(), "wrong-origin");
    assert_eq!(good.check(&[], &[]).unwrap_err().code(), "bad-receipt");
}

/// What a host that signs anything can put into a log, a receipt still does not pass off.
#[test]
fn entries_that_do_not_fit_the_log_are_named() {
    let event = |number: u64| serde_json::json!({"call": call(number).to_string()});
    let entries = [
        entry(0, "rival", "call.decided", event(0)),
        entry(2, "acme", "call.decided", event(1)),
        [entry(2, "acme", "call.decided", event(2)).as_slice(), b"\n"].concat(),
    ];
    let files = Files::of(&entries, &key());
    for (index, wanted) in [(0, "bad-receipt"), (1, "bad-receipt"), (2, "malformed")] {
        let receipt = Receipt::make(&files, &files.checkpoint(), call(index), &[index]).unwrap();
        assert_eq!(receipt.check(&[key().vkey()], &[]).unwrap_err().code(), wanted, "{index}");
    }
}

#[test]
fn two_checkpoints() {
    let files = Files::of(&entries(700), &key());
    let at = |size: u64| Files::of(&entries(size), &key()).checkpoint();
    let check = |old: &Checkpoint, new: &Checkpoint| consistency::check(&files, old, new, &key().vkey());
    for (old, new) in [(0, 0), (0, 700), (1, 700), (256, 257), (300, 700), (700, 700)] {
        let consistent = check(&at(old), &at(new)).unwrap();
        assert_eq!((consistent.old, consistent.new), (old, new));
    }
    assert_eq!(check(&at(700), &at(300)).unwrap_err().code(), "rolled-back");
    let mut other = entries(400);
    other[3] = entry(3, "acme", "login.failed", serde_json::json!({}));
    let forked = Files::of(&other, &key());
    assert_eq!(check(&forked.checkpoint(), &at(700)).unwrap_err().code(), "forked");
    assert_eq!(check(&at(300), &forked.checkpoint()).unwrap_err().code(), "forked");
    // A size that the log has not got to, without its tiles.
    assert_eq!(check(&at(300), &at(701)).unwrap_err().code(), "missing");
    let stranger = SigningKey::from_seed(origin("acme"), &[8; 32]);
    let unsigned = Checkpoint::sign(&stranger, at(300).head());
    assert_eq!(check(&unsigned, &at(700)).unwrap_err().code(), "wrong-key");
    let rival = SigningKey::from_seed(origin("rival"), &[7; 32]);
    assert_eq!(check(&Checkpoint::sign(&rival, at(300).head()), &at(700)).unwrap_err().code(), "wrong-origin");
}

#[test]
fn a_proof_has_one_form() {
    let files = Files::of(&entries(5), &key());
    let proof = TlogProof::make(&files, &files.checkpoint(), 4).unwrap();
    let good = proof.to_string();
    assert_eq!(good.parse::<TlogProof>().unwrap(), proof);
    for (from, to) in [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 4", "index 04"),
        ("index 4", "index +4"),
        ("index 4", "index 4 "),
        ("index 4", "extra !\nindex 4"),
        ("index 4\n", "index 4\n\n"),
        ("index 4\n", "index 4\nAA==\n"),
        ("index 4\n", ""),
        ("\n", "\r\n"),
    ] {
        assert!(good.replacen(from, to, 1).parse::<TlogProof>().is_err(), "{from:?} {to:?}");
    }
    let many = Hash::default().to_string() + "\n";
    assert!(good.replacen("index 4\n", &format!("index 4\n{}", many.repeat(64)), 1).parse::<TlogProof>().is_err());
}
