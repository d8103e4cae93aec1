//! Whatever arrives, nothing panics, and what is taken comes out as it went in.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::WitnessKey;
use cofferdam_auditor::entry::{Entry, bundle_entries};
use cofferdam_auditor::key::{Origin, VerifierKey};
use cofferdam_auditor::receipt::Receipt;
use cofferdam_auditor::tile::TilePath;
use cofferdam_auditor::tlog_proof::TlogProof;
use cofferdam_auditor::tree::{Frontier, TreeHead};
use cofferdam_auditor::witness::parse_answer;
use cofferdam_auditor::{Hash, proof};
use proptest::prelude::*;
use support::{Files, call, key, usual};

fn files() -> Files {
    Files::of(&(0..300).map(usual).collect::<Vec<_>>(), &key())
}

/// Every parser, on the same bytes.
fn parse_all(bytes: &[u8]) {
    if let Ok(checkpoint) = Checkpoint::parse(bytes) {
        assert_eq!(checkpoint.to_string().as_bytes(), bytes);
        let _ = checkpoint.verify(&[key().vkey()]);
    }
    if let Ok(receipt) = Receipt::parse(bytes) {
        let _ = receipt.check(&[key().vkey()], &[]);
    }
    let _ = Frontier::load(bytes);
    let _ = Entry::parse(bytes);
    let entries: Vec<_> = bundle_entries(bytes).collect();
    assert!(entries.iter().rev().skip(1).all(Result::is_ok), "what is cut short is the end");
    for status in [200, 409, 422] {
        let _ = parse_answer(status, bytes, &files().checkpoint(), &[]);
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(path) = text.parse::<TilePath>() {
        assert_eq!(path.to_string(), text);
    }
    if let Ok(origin) = text.parse::<Origin>() {
        assert_eq!(origin.to_string(), text);
        assert_eq!(Origin::new(origin.name(), origin.tenant(), origin.incarnation()).unwrap(), origin);
    }
    if let Ok(proof) = text.parse::<TlogProof>() {
        let _ = proof.check(b"");
    }
    let _ = text.parse::<VerifierKey>();
    let _ = text.parse::<WitnessKey>();
}

/// Good documents of every kind, to change a few bytes of.
fn documents() -> Vec<Vec<u8>> {
    let files = files();
    let proof = TlogProof::make(&files, &files.checkpoint(), 200).unwrap();
    let receipt = Receipt::make(&files, &files.checkpoint(), call(100), &[200, 201]).unwrap();
    let mut frontier = Frontier::new();
    for index in 0..3 {
        frontier.push(&usual(index), &mut |_, _| {}).unwrap();
    }
    vec![
        files.0["checkpoint"].clone(),
        files.0["tile/entries/001.p/44"].clone(),
        proof.to_string().into_bytes(),
        serde_json::to_vec(&receipt).unwrap(),
        frontier.save(),
        usual(7),
        key().vkey().to_string().into_bytes(),
        key().origin().to_string().into_bytes(),
        b"tile/1/x001/x234/067.p/7".to_vec(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        parse_all(&bytes);
    }

    #[test]
    fn any_text(text in "(tile/)?[ -~\n\u{2014}]{0,200}\n?") {
        parse_all(text.as_bytes());
    }

    #[test]
    fn changed_documents(
        document in any::<prop::sample::Index>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0_u8..3), 0..6),
    ) {
        let mut bytes = document.get(&documents()).clone();
        for (at, byte, how) in changes {
            let at = at.index(bytes.len().max(1));
            match how {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
        }
        parse_all(&bytes);
    }

    /// Sizes, indexes and proofs out of nowhere.
    #[test]
    fn any_numbers(size in any::<u64>(), index in any::<u64>(), old in any::<u64>(), hashes in 0_usize..70) {
        let head = TreeHead { size, root: Hash([7; 32]) };
        let proof = vec![Hash([9; 32]); hashes];
        prop_assert!(proof::check_inclusion(&proof, head, index, Hash([7; 32])).is_err() || size == 1);
        let before = TreeHead { size: old, root: Hash([8; 32]) };
        prop_assert!(proof::check_consistency(&proof, before, head).is_err());
        let files = files();
        prop_assert!(proof::prove_inclusion(&files, head, index).is_err());
        prop_assert!(proof::prove_consistency(&files, old, head).is_err());
        let _ = cofferdam_auditor::tile::edge(size);
        let _ = TilePath::in_tree(cofferdam_auditor::tile::TileKind::Hashes(index as u8), old, size);
    }
}

#[test]
fn entries_have_one_spelling() {
    let good = String::from_utf8(usual(3)).unwrap();
    Entry::parse(good.as_bytes()).unwrap();
    for (from, to) in [
        ("\"index\":3", "\"index\": 3"),
        ("\"index\":3", "\"index\":3.0"),
        ("\"index\":3", "\"index\":-3"),
        ("\"index\":3", "\"index\":3,\"index\":3"),
        ("\"index\":3", "\"index\":18446744073709551616"),
        ("\"index\":3,", ""),
        ("\"tenant\":\"acme\"", "\"tenant\":\"\\u0061cme\""),
        ("\"tenant\":\"acme\"", "\"tenant\":7"),
        ("{\"event\":{", "{\"event\":{\"z\":1,\"a\":2,"),
        ("{\"event\"", "{\"extra\":1,\"event\""),
        ("{\"event\"", "{\"a\":1,\"event\""),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(Entry::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err().code(), "malformed", "{to}");
    }
    // Where the members are out of order, in the entry itself.
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let swapped = format!(
        "{{\"index\":3,\"event\":{},\"kind\":{},\"principal\":\"p-1\",\"tenant\":\"acme\",\"time\":{}}}",
        value["event"], value["kind"], value["time"]
    );
    assert!(Entry::parse(swapped.as_bytes()).is_err());
    assert!(Entry::parse(&vec![b'['; 60_000]).is_err(), "depth");
}

#[test]
fn checkpoints_have_one_form() {
    let good = files().checkpoint().to_string();
    Checkpoint::parse(good.as_bytes()).unwrap();
    for (from, to) in [
        ("\n300\n", "\n0300\n"),
        ("\n300\n", "\n+300\n"),
        ("\n300\n", "\n18446744073709551615\n"),
        ("\n300\n", "\n281474976710657\n"),
        ("\n300\n", "\n300\r\n"),
        ("=\n\n", "=\nextension\n\n"),
        ("=\n\n", "=\n"),
        ("=\n\n", "\n\n"),
        ("cofferdam.example/acme/", "cofferdam.example/acme-"),
        ("/acme/", "/Acme/"),
        ("\u{2014} ", "- "),
    ] {
        assert!(good.contains(from), "{from}");
        assert_eq!(Checkpoint::parse(good.replacen(from, to, 1).as_bytes()).unwrap_err().code(), "malformed", "{to:?}");
    }
    assert!(Checkpoint::parse(good.trim_end().as_bytes()).is_err());
    let long = format!("{good}{}", "\u{2014} x AAAAAAAA\n".repeat(101));
    assert!(Checkpoint::parse(long.as_bytes()).is_err(), "signatures");
}
