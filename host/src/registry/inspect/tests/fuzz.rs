//! Components that are damaged: in their bytes, in their sections, and in what their sections say of themselves.

use std::io;
use std::path::Path;

use super::*;
use crate::tests::fuzz::{Chance, Target, gist};

const WORDS: &[&str] = &[
    "\0asm",
    "\x0d\0\x01\0",
    "\x01\0\0\0",
    "wasi:",
    "wasi:http/handler@0.3.0",
    "wasi:cli/run@0.2.6",
    "cofferdam:tool/",
    "tools@1.0.0",
    "[method]a.b",
    "[constructor]a",
    "[async]f",
    "\x40\0\x01p\x79",
    "\x42",
    "\x72",
    "\x71",
    "\x70\x7d",
    "\x6b",
    "\x6a",
    "\x68",
    "\x7f",
    "package-docs",
    "component-name",
    "name",
    "@",
    "a-b",
    "\0",
    "\u{7f}",
];

/// Admitted or refused in bounded words, by work that follows from its length; and the tools of what is admitted can be told.
#[test]
fn fuzz_component_inspection() {
    let target = Target { load, damage: Some(damage), ..Target::new("component", 40_000, WORDS) };
    target.run(|bytes| {
        let bounded = |reasons: &[String]| {
            assert!((1..=REASONS_MAX + 1).contains(&reasons.len()));
            assert!(reasons.iter().all(|reason| reason.len() <= REASON_BYTES_MAX + 10 && !reason.contains('\n')));
            reasons.iter().take(2).map(|reason| gist(reason)).collect::<Vec<_>>().join("; ")
        };
        let inspection = match inspect(bytes) {
            Ok(inspection) => inspection,
            Err(rejection) => return bounded(&rejection.reasons),
        };
        assert_eq!(inspection.bytes, bytes.len() as u64);
        assert!(inspection.imports.iter().all(|import| words::refuse(import).is_none()), "{:?}", inspection.imports);
        match described(bytes, inspection.kind) {
            Ok(definitions) => {
                let said: usize = definitions.iter().map(|raw| raw.description.len() + raw.input_schema.len()).sum();
                assert!(said <= DEFINITIONS_BYTES_MAX);
                for definition in &definitions {
                    // An agent is shown it, and arguments are checked by it.
                    serde_json::from_str::<serde_json::Value>(&definition.input_schema).unwrap();
                }
                let (kind, class) = (inspection.kind, inspection.class);
                format!("{kind:?} {class:?} {} tools, {} grants", definitions.len().min(9), inspection.grants.len())
            }
            Err(rejection) => bounded(&rejection.reasons),
        }
    });
}

/// Text or bytes: what was found is kept as it was found.
fn load(path: &Path) -> io::Result<Vec<u8>> {
    wat::parse_file(path).map_err(io::Error::other)
}

/// A section, with its header: where it is in the bytes.
struct Section {
    id: u8,
    whole: std::ops::Range<usize>,
    content: std::ops::Range<usize>,
}

/// The sections behind the eight bytes of a header, as far as they can be read.
fn sections(bytes: &[u8]) -> Vec<Section> {
    let (mut sections, mut at) = (Vec::new(), 8);
    while at < bytes.len() {
        let Some((length, content)) = number(bytes, at + 1) else { break };
        let end = content.saturating_add(length).min(bytes.len());
        sections.push(Section { id: bytes[at], whole: at..end, content: content..end });
        at = end;
    }
    sections
}

/// A LEB128 number at `at`, and where what follows begins.
fn number(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let (mut value, mut shift) = (0_usize, 0);
    for (read, byte) in bytes.get(at..)?.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            return Some((value, at + read + 1));
        }
    }
    None
}

fn encoded(mut value: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (value & 0x7f) as u8;
        value >>= 7;
        bytes.push(if value == 0 { byte } else { byte | 0x80 });
        if value == 0 {
            return bytes;
        }
    }
}

fn section(id: u8, content: &[u8]) -> Vec<u8> {
    [vec![id], encoded(content.len()), content.to_vec()].concat()
}

/// Leaves out a section, doubles it, swaps it with its neighbour, takes one of another component, or changes what is in it,
/// its length kept right: so that what is damaged is what the section says, and not how it is packed.
fn damage(chance: &mut Chance, bytes: &mut Vec<u8>, other: &[u8]) {
    let all = sections(bytes);
    if all.is_empty() {
        return;
    }
    let chosen = chance.of(&all);
    let whole = bytes[chosen.whole.clone()].to_vec();
    match chance.below(8) {
        0 => drop(bytes.drain(chosen.whole.clone())),
        1 => _ = bytes.splice(chosen.whole.start..chosen.whole.start, whole).count(),
        2 => {
            let place = chance.of(&all).whole.start;
            bytes.splice(place..place, whole);
        }
        3 | 4 => {
            let others = sections(other);
            if others.is_empty() {
                return;
            }
            let taken = other[chance.of(&others).whole.clone()].to_vec();
            let place = chosen.whole.start;
            bytes.splice(place..place, taken);
        }
        5 => {
            // What it says that it holds is not what it holds.
            let mut content = bytes[chosen.content.clone()].to_vec();
            if let Some((count, behind)) = number(&content, 0) {
                let claimed = *chance.of(&[0, 1, count + 1, count.saturating_sub(1), 1_000, 0xffff_ffff]);
                content.splice(..behind, encoded(claimed));
            }
            bytes.splice(chosen.whole.clone(), section(chosen.id, &content));
        }
        6 if chosen.id == 1 || chosen.id == 4 => {
            // A module or a component within it.
            let mut content = bytes[chosen.content.clone()].to_vec();
            if content.len() > 8 {
                damage(chance, &mut content, other);
            }
            bytes.splice(chosen.whole.clone(), section(chosen.id, &content));
        }
        _ => {
            let mut content = bytes[chosen.content.clone()].to_vec();
            for _ in 0..=chance.below(3) {
                if content.is_empty() {
                    break;
                }
                let at = chance.below(content.len());
                match chance.below(4) {
                    0 => drop(content.remove(at)),
                    1 => content.insert(at, chance.next() as u8),
                    2 => content[at] = chance.next() as u8,
                    _ => content[at] = content[at].wrapping_add(1),
                }
            }
            bytes.splice(chosen.whole.clone(), section(chosen.id, &content));
        }
    }
}
