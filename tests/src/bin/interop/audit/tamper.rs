//! What can be done to a log's files by someone who cannot sign.

use std::fs;
use std::path::Path;

/// One way to tamper with a log in a folder.
pub(super) struct Tampering {
    pub(super) name: &'static str,
    pub(super) done: fn(&Path),
}

pub(super) const ALL: &[Tampering] = &[
    Tampering { name: "an entry edited", done: edit },
    Tampering { name: "an entry deleted", done: delete },
    Tampering { name: "an entry inserted", done: insert },
    Tampering { name: "two entries exchanged", done: reorder },
    Tampering { name: "a tile of hashes altered", done: alter_tile },
    Tampering { name: "a tile of the second level altered", done: alter_upper_tile },
    Tampering { name: "a bundle missing", done: remove_bundle },
    Tampering { name: "a checkpoint of a smaller tree, not signed", done: roll_back },
];

/// A full bundle in the middle.
const BUNDLE: &str = "tile/entries/123";

/// The entries of that bundle, changed, and written back.
fn change(log: &Path, change: impl FnOnce(&mut Vec<Vec<u8>>)) {
    let path = log.join(BUNDLE);
    let bytes = fs::read(&path).unwrap();
    let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
    while !rest.is_empty() {
        let length = usize::from(u16::from_be_bytes([rest[0], rest[1]]));
        entries.push(rest[2..2 + length].to_vec());
        rest = &rest[2 + length..];
    }
    change(&mut entries);
    let framed = entries.iter().flat_map(|entry| [&(entry.len() as u16).to_be_bytes()[..], entry].concat());
    fs::write(&path, framed.collect::<Vec<u8>>()).unwrap();
}

fn edit(log: &Path) {
    change(log, |entries| {
        let text = String::from_utf8(entries[100].clone()).unwrap();
        let edited = text.replace("noop", "xoop").replace("\"ok\"", "\"no\"");
        assert_ne!(text, edited);
        entries[100] = edited.into();
    });
}

fn delete(log: &Path) {
    change(log, |entries| drop(entries.remove(100)));
}

fn insert(log: &Path) {
    change(log, |entries| {
        let entry = entries[100].clone();
        entries.insert(100, entry);
        // As many as before: the last one makes room.
        entries.pop();
    });
}

fn reorder(log: &Path) {
    change(log, |entries| entries.swap(100, 102));
}

fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    bytes[40] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn alter_tile(log: &Path) {
    flip(&log.join("tile/0/123"));
}

fn alter_upper_tile(log: &Path) {
    flip(&log.join("tile/1/000"));
}

fn remove_bundle(log: &Path) {
    fs::remove_file(log.join(BUNDLE)).unwrap();
}

fn roll_back(log: &Path) {
    let path = log.join("checkpoint");
    let text = fs::read_to_string(&path).unwrap();
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    lines[1] = "65536".to_owned();
    fs::write(&path, lines.join("\n") + "\n").unwrap();
}
