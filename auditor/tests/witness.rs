//! A witness's answers, the good and the others.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod support;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::cosign::{CosigningKey, WitnessKey};
use cofferdam_auditor::verify::{Code, Options};
use cofferdam_auditor::witness::{Answer, add_checkpoint_body, parse_answer};
use support::{Files, key, usual};

fn log(size: u64) -> Files {
    Files::of(&(0..size).map(usual).collect::<Vec<_>>(), &key())
}

fn witness(name: &str, seed: u8) -> CosigningKey {
    CosigningKey::from_seed(name, &[seed; 32]).unwrap()
}

#[test]
fn answers() {
    let files = log(300);
    let checkpoint = files.checkpoint();
    let (one, other) = (witness("witness.example/w1", 1), witness("witness.example/w2", 2));
    let known = [one.vkey()];
    let code = |status: u16, body: &str| parse_answer(status, body.as_bytes(), &checkpoint, &known).unwrap_err().code();
    let line = one.cosign(&checkpoint, 1_700_000_000);
    let theirs = other.cosign(&checkpoint, 1_700_000_000);
    // Lines by others, and of kinds that are not known, are passed over.
    let post_quantum = format!("\u{2014} witness.example/w1 {}\n", "AAAA".repeat(800));
    match parse_answer(200, format!("{theirs}{post_quantum}{line}").as_bytes(), &checkpoint, &known).unwrap() {
        Answer::Cosigned { lines, cosignatures } => {
            assert_eq!(lines, line);
            assert_eq!(cosignatures.len(), 1);
        }
        answer => panic!("{answer:?}"),
    }
    // As often as it likes, all of them good: the last one is kept.
    let often: String = (1..=150).map(|at| one.cosign(&checkpoint, 1_700_000_000 - at)).collect();
    match parse_answer(200, format!("{often}{line}").as_bytes(), &checkpoint, &known).unwrap() {
        Answer::Cosigned { lines, cosignatures } => {
            assert_eq!(lines, line);
            assert_eq!(cosignatures.len(), 1);
        }
        answer => panic!("{answer:?}"),
    }
    assert_eq!(code(200, &format!("{}{line}", one.cosign(&log(299).checkpoint(), 1_700_000_000))), "bad-signature");
    assert_eq!(code(200, &theirs), "witness-refused");
    assert_eq!(code(200, ""), "malformed");
    assert_eq!(code(200, &line.replace("w1 ", "w1")), "malformed");
    assert_eq!(code(200, &one.cosign(&log(299).checkpoint(), 1_700_000_000)), "bad-signature");
    assert_eq!(parse_answer(409, b"299\n", &checkpoint, &known).unwrap(), Answer::Conflict { size: 299 });
    for body in ["", "299", "0299\n", "-1\n", "many\n"] {
        assert_eq!(code(409, body), "witness-refused");
    }
    for status in [400, 403, 404, 422, 500, 302] {
        assert_eq!(code(status, "no\n"), "witness-refused");
    }
    assert_eq!(parse_answer(200, &vec![b'x'; 1 << 20], &checkpoint, &known).unwrap_err().code(), "witness-refused");
}

#[test]
fn a_body_continues_what_the_witness_saw() {
    let files = log(300);
    let checkpoint = files.checkpoint();
    assert!(add_checkpoint_body(&files, 0, &checkpoint).unwrap().starts_with("old 0\n\ncofferdam.example/"));
    assert!(add_checkpoint_body(&files, 300, &checkpoint).unwrap().starts_with("old 300\n\n"));
    assert_eq!(add_checkpoint_body(&files, 301, &checkpoint).unwrap_err().code(), "rolled-back");
}

#[test]
fn a_report_tells_of_cosignatures() {
    let mut files = log(300);
    let one = witness("witness.example/w1", 1);
    let mut checkpoint = files.checkpoint();
    checkpoint.add_signature_lines(&one.cosign(&checkpoint, 1_700_000_000)).unwrap();
    files.put("checkpoint", checkpoint.to_string().into_bytes());
    let mut options = Options::new(key().vkey());
    assert_eq!(files.verify(&options).cosigned_by, []);
    options.witnesses = vec![one.vkey()];
    assert_eq!(files.verify(&options).cosigned_by[0].witness, "witness.example/w1");
    let mut forged = files.checkpoint().with_signatures(|name, _| name.starts_with("cofferdam"));
    forged.add_signature_lines(&one.cosign(&log(1).checkpoint(), 1)).unwrap();
    files.put("checkpoint", forged.to_string().into_bytes());
    let report = files.verify(&options);
    assert!(report.has(Code::BadSignature) && report.findings.len() == 1, "{report}");
}

#[test]
fn a_witness_key_has_one_form() {
    let vkey = witness("witness.example/w1", 1).vkey().to_string();
    assert_eq!(vkey.parse::<WitnessKey>().unwrap().to_string(), vkey);
    for text in ["", "x", "a+b+c", &vkey.replace("w1+", "w2+"), &vkey[..vkey.len() - 4], &key().vkey().to_string()] {
        assert!(text.parse::<WitnessKey>().is_err(), "{text}");
    }
}

/// Whoever signs as the log and whoever witnesses are told apart by their keys' kinds, not only by their names.
#[test]
fn a_log_does_not_witness_itself() {
    let checkpoint: Checkpoint = log(3).checkpoint();
    let same = CosigningKey::from_seed(key().origin().as_str(), &[7; 32]).unwrap();
    assert_eq!(checkpoint.cosignatures(&[same.vkey()]).unwrap(), []);
}
