//! What another implementation computed, byte by byte.
//!
//! The vectors were made by a program of some hundred lines of Python that shares nothing with this crate. The eight
//! leaves and their roots are those that certificate transparency's own tests have.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

use std::collections::HashMap;

use cofferdam_auditor::Hash;
use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::{Cosignature, CosigningKey, WitnessKey};
use cofferdam_auditor::entry::bundle_entries;
use cofferdam_auditor::key::{SigningKey, VerifierKey};
use cofferdam_auditor::proof::{check_consistency, check_inclusion, prove_consistency, prove_inclusion};
use cofferdam_auditor::tile::TilePath;
use cofferdam_auditor::tlog_proof::TlogProof;
use cofferdam_auditor::tree::{Frontier, TreeHead};
use cofferdam_auditor::witness::{Answer, add_checkpoint_body, parse_answer};
use serde_json::Value;

fn vectors(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn text<'v>(value: &'v Value, name: &str) -> &'v str {
    value[name].as_str().unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[2 * at..2 * at + 2], 16).unwrap()).collect()
}

fn hash(value: &Value) -> Hash {
    Hash(unhex(value.as_str().unwrap()).try_into().unwrap())
}

fn hashes(value: &Value) -> Vec<Hash> {
    value.as_array().unwrap().iter().map(hash).collect()
}

/// The heads of all sizes, and the tiles of the largest tree and of each before it.
fn grow(entries: &[Vec<u8>]) -> (Vec<TreeHead>, HashMap<TilePath, Vec<u8>>) {
    let mut frontier = Frontier::new();
    let (mut heads, mut tiles) = (vec![frontier.head()], HashMap::new());
    for entry in entries {
        frontier.push(entry, &mut |path, bytes| drop(tiles.insert(path, bytes))).unwrap();
        tiles.extend(frontier.partial().map(|(path, bytes)| (path, bytes.to_vec())));
        heads.push(frontier.head());
    }
    (heads, tiles)
}

#[test]
fn rfc_6962() {
    let vectors = vectors(include_str!("vectors/rfc6962.json"));
    let leaves: Vec<_> =
        vectors["leaves"].as_array().unwrap().iter().map(|leaf| unhex(leaf.as_str().unwrap())).collect();
    let (heads, tiles) = grow(&leaves);
    for (size, head) in heads.iter().enumerate() {
        assert_eq!(head.root, hash(&vectors["roots"][size.to_string()]), "{size}");
    }
    let number = |value: &Value| value.as_u64().unwrap();
    for vector in vectors["inclusion"].as_array().unwrap() {
        let (index, head, path) =
            (number(&vector["index"]), heads[number(&vector["size"]) as usize], hashes(&vector["path"]));
        assert_eq!(prove_inclusion(&tiles, head, index).unwrap(), path, "{vector}");
        check_inclusion(&path, head, index, tlog_tiles::record_hash(&leaves[index as usize])).unwrap();
    }
    for vector in vectors["consistency"].as_array().unwrap() {
        let (old, new) = (heads[number(&vector["m"]) as usize], heads[number(&vector["n"]) as usize]);
        let path = hashes(&vector["path"]);
        assert_eq!(prove_consistency(&tiles, old.size, new).unwrap(), path, "{vector}");
        check_consistency(&path, old, new).unwrap();
    }
}

#[test]
fn notes_and_proofs() {
    let vectors = vectors(include_str!("vectors/notes.json"));
    let vkey: VerifierKey = text(&vectors, "log_vkey").parse().unwrap();
    let key = SigningKey::from_seed(vkey.origin().clone(), &unhex(text(&vectors, "log_seed")).try_into().unwrap());
    assert_eq!(key.vkey(), vkey);
    let entries: Vec<_> = vectors["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry.as_str().unwrap().as_bytes().to_vec())
        .collect();
    let (heads, tiles) = grow(&entries);
    let bundle = &tiles[&TilePath::entries(0, 7)];
    assert_eq!(*bundle, unhex(text(&vectors, "bundle")));
    assert!(bundle_entries(bundle).map(Result::unwrap).eq(entries.iter().map(Vec::as_slice)));

    let empty = Checkpoint::sign(&key, heads[0]);
    assert_eq!(empty.to_string(), text(&vectors, "empty_checkpoint"));
    let mut checkpoint = Checkpoint::sign(&key, heads[7]);
    assert_eq!(checkpoint.to_string(), text(&vectors, "checkpoint"));
    assert_eq!(Checkpoint::parse(text(&vectors, "checkpoint").as_bytes()).unwrap(), checkpoint);
    checkpoint.verify(&[vkey]).unwrap();
    assert_eq!(add_checkpoint_body(&tiles, 4, &checkpoint).unwrap(), text(&vectors, "add_checkpoint_from_4"));

    let witness: WitnessKey = text(&vectors, "witness_vkey").parse().unwrap();
    assert_eq!(witness.to_string(), text(&vectors, "witness_vkey"));
    let seed = unhex(text(&vectors, "witness_seed")).try_into().unwrap();
    let cosigner = CosigningKey::from_seed(text(&vectors, "witness_name"), &seed).unwrap();
    assert_eq!(cosigner.vkey(), witness);
    let time = vectors["cosignature_time"].as_u64().unwrap();
    let line = text(&vectors, "cosignature");
    assert_eq!(cosigner.cosign(&checkpoint, time), line);
    let cosignature = Cosignature { witness: "witness.example/w1".to_owned(), time };
    assert_eq!(
        parse_answer(200, line.as_bytes(), &checkpoint, std::slice::from_ref(&witness)).unwrap(),
        Answer::Cosigned { lines: line.to_owned(), cosignatures: vec![cosignature.clone()] }
    );
    checkpoint.add_signature_lines(line).unwrap();
    assert_eq!(checkpoint.to_string(), text(&vectors, "cosigned_checkpoint"));
    assert_eq!(checkpoint.cosignatures(&[witness]).unwrap(), [cosignature]);
    // Others' cosignatures are not sent to a witness.
    assert_eq!(add_checkpoint_body(&tiles, 4, &checkpoint).unwrap(), text(&vectors, "add_checkpoint_from_4"));

    let proof = TlogProof::make(&tiles, &checkpoint, 3).unwrap();
    assert_eq!(proof.to_string(), text(&vectors, "proof_of_3"));
    for name in ["proof_of_3", "proof_of_3_with_extra"] {
        let parsed: TlogProof = text(&vectors, name).parse().unwrap();
        assert_eq!(parsed, proof);
        parsed.check(&entries[3]).unwrap();
        assert!(parsed.check(&entries[4]).is_err());
    }
}
