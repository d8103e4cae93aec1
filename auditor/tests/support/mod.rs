//! A log as a host would write it, in memory, with the means to tamper with it.

#![allow(dead_code, reason = "each test file uses its own part")]
#![allow(clippy::unwrap_used, clippy::needless_pass_by_value, reason = "what fails here is the test")]

pub(crate) mod server;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cofferdam_auditor::checkpoint::Checkpoint;
use cofferdam_auditor::key::{Origin, SigningKey};
use cofferdam_auditor::proof::Tiles;
use cofferdam_auditor::source::Source;
use cofferdam_auditor::tile::{TileKind, TilePath};
use cofferdam_auditor::tree::Frontier;
use cofferdam_auditor::verify::{Options, Report, verify};
use uuid::Uuid;

pub(crate) fn origin(tenant: &str) -> Origin {
    Origin::new("cofferdam.example", tenant, "3f9a0c52d1e84b7a").unwrap()
}

pub(crate) fn key() -> SigningKey {
    SigningKey::from_seed(origin("acme"), &[7; 32])
}

pub(crate) fn call(number: u64) -> Uuid {
    Uuid::from_u64_pair(0x0199_0000_0000_7000, 0x8000_0000_0000_0000 | number)
}

/// The canonical bytes of an entry.
pub(crate) fn entry(index: u64, tenant: &str, kind: &str, event: serde_json::Value) -> Vec<u8> {
    let entry = serde_json::json!({
        "event": event, "index": index, "kind": kind, "principal": "p-1", "tenant": tenant,
        "time": "2026-01-01T00:00:00.000000Z",
    });
    serde_json::to_vec(&entry).unwrap()
}

/// Entry `index` of a log in which call after call is decided upon and ends.
pub(crate) fn usual(index: u64) -> Vec<u8> {
    let kind = if index.is_multiple_of(2) { "call.decided" } else { "call.ended" };
    entry(index, "acme", kind, serde_json::json!({"call": call(index / 2).to_string()}))
}

/// A log's files by path.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Files(pub(crate) BTreeMap<String, Vec<u8>>);

impl Files {
    /// The log of these entries, signed.
    pub(crate) fn of(entries: &[Vec<u8>], key: &SigningKey) -> Self {
        let (mut files, frontier) = Self::tree(entries);
        files.sign(&frontier, key);
        files
    }

    /// Its tiles and bundles alone.
    pub(crate) fn tree(entries: &[Vec<u8>]) -> (Self, Frontier) {
        let mut files = Self::default();
        let mut frontier = Frontier::new();
        for entry in entries {
            frontier.push(entry, &mut |path, bytes| files.put(&path.to_string(), bytes)).unwrap();
        }
        for (path, bytes) in frontier.partial() {
            files.put(&path.to_string(), bytes.to_vec());
        }
        (files, frontier)
    }

    pub(crate) fn sign(&mut self, frontier: &Frontier, key: &SigningKey) {
        self.put("checkpoint", Checkpoint::sign(key, frontier.head()).to_string().into_bytes());
    }

    pub(crate) fn put(&mut self, path: &str, bytes: Vec<u8>) {
        self.0.insert(path.to_owned(), bytes);
    }

    pub(crate) fn checkpoint(&self) -> Checkpoint {
        Checkpoint::parse(&self.0["checkpoint"]).unwrap()
    }

    /// The same tiles, with these entries in the bundles: as many in each as there were, the last takes what is left.
    pub(crate) fn rebundle(&mut self, entries: &[Vec<u8>]) {
        let size = self.checkpoint().size();
        let count = size.div_ceil(256);
        let mut rest = entries;
        for number in 0..count {
            let width = (size - number * 256).min(256);
            let path = TilePath::entries(number, width as u32).to_string();
            let take = if number + 1 == count { rest.len() } else { rest.len().min(width as usize) };
            if take == 0 {
                self.0.remove(&path);
                continue;
            }
            let mut bundle = Vec::new();
            for entry in &rest[..take] {
                bundle.extend_from_slice(&(entry.len() as u16).to_be_bytes());
                bundle.extend_from_slice(entry);
            }
            rest = &rest[take..];
            self.put(&path, bundle);
        }
    }

    pub(crate) fn write(&self, folder: &Path) {
        for (path, bytes) in &self.0 {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
    }

    /// Paths of tiles of hashes.
    pub(crate) fn hash_tiles(&self) -> Vec<String> {
        self.0.keys().filter(|path| path.starts_with("tile/") && !path.starts_with("tile/entries")).cloned().collect()
    }

    pub(crate) fn verify(&self, options: &Options) -> Report {
        verify(self, options, &mut |_| {}).unwrap()
    }
}

impl Tiles for Files {
    fn tile(&self, path: &TilePath) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(&path.to_string()).cloned())
    }
}

impl Source for Files {
    fn file(&self, path: &str, _: usize) -> std::io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

pub(crate) fn options() -> Options {
    Options::new(key().vkey())
}

/// All tiles and bundles, full and partial, of a tree of `size` entries: bundles first, then hashes from level 0 up.
pub(crate) fn tiles_of(size: u64) -> impl Iterator<Item = TilePath> {
    let kinds = [TileKind::Entries].into_iter().chain((0..8).map(TileKind::Hashes));
    kinds.flat_map(move |kind| (0..).map_while(move |number| TilePath::in_tree(kind, number, size)))
}
