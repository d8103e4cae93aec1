//! From the first entry to the last: the tree computed anew beside the tiles.

use std::collections::BTreeMap;

use tlog_tiles::{Hash, Tile, record_hash};

use super::choose::{Of, choose};
use super::compare::{Compare, Found};
use super::content::Content;
use super::findings::Findings;
use super::tree::{Above, Claim, Tree};
use super::{Code, Finding, Progress};
use crate::checkpoint::Checkpoint;
use crate::entry;
use crate::error::Result;
use crate::proof::hash_at;
use crate::source::Source;
use crate::tile::{TILE_WIDTH, TileKind, TilePath};
use crate::tree::{Levels, edge_root};

/// What the walk counted.
#[derive(Debug, Default)]
pub(super) struct Walked {
    pub(super) kinds: BTreeMap<String, u64>,
    pub(super) open_calls: u64,
    /// The tree's root at each of the sizes that were asked for.
    pub(super) roots: Vec<(u64, Hash)>,
}

/// Goes through the log. `sizes` are those whose roots are wanted, rising.
pub(super) fn walk(
    source: &(impl Source + ?Sized),
    checkpoint: &Checkpoint,
    sizes: Vec<u64>,
    findings: &mut Findings,
    progress: &mut dyn FnMut(Progress),
) -> Result<Walked> {
    let head = checkpoint.head();
    let mut walk = Walk {
        tree: Tree::new(source, head)?,
        levels: Levels::default(),
        compare: Compare::default(),
        content: Content::new(checkpoint.origin().tenant()),
        sizes: sizes.into(),
        roots: Vec::new(),
        edge: None,
        findings,
    };
    let bundles = head.size.div_ceil(u64::from(TILE_WIDTH));
    let mut is_whole = true;
    for number in 0..bundles {
        if !walk.bundle(number, bundles)? {
            is_whole = false;
            break;
        }
        progress(Progress { entries: walk.levels.size(), of: head.size });
    }
    walk.finish(is_whole)
}

struct Walk<'s, 'f, S: ?Sized> {
    tree: Tree<'s, S>,
    /// The tree as it is computed.
    levels: Levels,
    compare: Compare,
    content: Content,
    sizes: std::collections::VecDeque<u64>,
    roots: Vec<(u64, Hash)>,
    /// The last, partial bundle's hashes by its entries and by its tile, where these differ and nothing tells yet which
    /// of them the root is of.
    edge: Option<(Vec<Found>, Vec<Hash>)>,
    findings: &'f mut Findings,
}

impl<S: Source + ?Sized> Walk<'_, '_, S> {
    /// The bundle of this number and its tile. Whether there is more to read.
    fn bundle(&mut self, number: u64, bundles: u64) -> Result<bool> {
        let Some(path) = TilePath::in_tree(TileKind::Entries, number, self.tree.head.size) else { return Ok(false) };
        let first = number * u64::from(TILE_WIDTH);
        let claim = self.tree.tile(0, number)?;
        let hashes = claim.bytes.as_deref().map(hashes);
        let Some(bytes) = self.tree.bundle(number)? else {
            return self.missing_bundle(&path, hashes.as_deref().unwrap_or_default(), bundles);
        };
        let Some(found) = self.entries(&path, hashes.is_some(), &bytes) else {
            return self.unknown_bundle(first, hashes.as_deref().unwrap_or_default());
        };
        let entries: Vec<Hash> = found.iter().map(|found| found.hash).collect();
        let above = if path.is_full() { self.tree.above(0, number)? } else { Above::Unknown };
        let choice = choose(&path, &entries, hashes.as_deref(), &claim, above);
        if choice.is_tile_wrong {
            self.report_tile(TilePath::hashes(0, number, path.width), &claim);
        }
        if choice.is_rewritten && !self.compare.is_disturbed() {
            self.findings.add(rewritten(first, first + u64::from(path.width)));
        }
        match choice.of {
            Of::Tile => {
                let hashes = hashes.unwrap_or_default();
                self.take(found, first, &hashes);
                self.push(&hashes)?;
            }
            Of::Entries => {
                self.take(found, first, &entries);
                self.push(&entries)?;
            }
            Of::Either => {
                self.edge = Some((found, hashes.unwrap_or_default()));
                self.push(&entries)?;
            }
        }
        Ok(true)
    }

    /// A bundle that is not there: what waits in the comparison may be all of it.
    fn missing_bundle(&mut self, path: &TilePath, hashes: &[Hash], bundles: u64) -> Result<bool> {
        let first = path.number * u64::from(TILE_WIDTH);
        let matched = self.compare.skip(first, hashes);
        let is_all = matched.iter().filter(|(place, _)| *place >= first).count() == path.width as usize;
        self.read(matched);
        if !is_all {
            let is_end = self.is_end(path.number, bundles)?;
            let finding = if is_end {
                let size = self.tree.head.size;
                let message = format!("the checkpoint counts {size} entries, and from here on their files are missing");
                Finding::run(Code::Truncated, first, size, message)
            } else {
                let until = first + u64::from(path.width);
                Finding::run(Code::EntriesMissing, first, until, "the bundle with these entries is missing")
            };
            self.findings.add(Finding { file: Some(path.to_string()), ..finding });
            if is_end {
                return Ok(false);
            }
        }
        self.unknown_bundle(first, hashes)
    }

    /// Without its entries a bundle's tile has to do; without both, the tree cannot be computed.
    fn unknown_bundle(&mut self, first: u64, hashes: &[Hash]) -> Result<bool> {
        self.content.calls.lose(first);
        self.push(hashes)?;
        Ok(!hashes.is_empty())
    }

    /// The entries of a bundle; none where its lengths do not fit its bytes, or where there is no tile to tell which of
    /// them are there too many or too few.
    fn entries(&mut self, path: &TilePath, has_tile: bool, bytes: &[u8]) -> Option<Vec<Found>> {
        let first = path.number * u64::from(TILE_WIDTH);
        let entries: Result<Vec<_>> = entry::bundle_entries(bytes).collect();
        let message = match entries {
            Ok(entries) if has_tile || entries.len() == path.width as usize => {
                let found =
                    |(place, bytes): (u64, &[u8])| Found { place, bytes: bytes.to_vec(), hash: record_hash(bytes) };
                return Some((first..).zip(entries).map(found).collect());
            }
            Ok(entries) => format!("it has {} entries, and should have {}", entries.len(), path.width),
            Err(_) => "its lengths do not fit its bytes, so that its entries cannot be told apart".to_owned(),
        };
        let finding = Finding::run(Code::BundleMalformed, first, first + u64::from(path.width), message);
        self.findings.add(Finding { file: Some(path.to_string()), ..finding });
        None
    }

    /// Whether nothing comes behind a bundle that is missing: neither the next few, nor the last.
    fn is_end(&self, number: u64, bundles: u64) -> Result<bool> {
        for later in (number + 1..bundles).take(3).chain([bundles - 1]) {
            if self.tree.bundle(later)?.is_some() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Compares entries with the hashes that they should have, and reads those that match.
    fn take(&mut self, found: Vec<Found>, first: u64, hashes: &[Hash]) {
        let count = found.len();
        let matched = self.compare.next(found, first, hashes);
        if matched.len() != count || count != hashes.len() {
            self.content.calls.lose(first);
        }
        self.read(matched);
    }

    fn read(&mut self, matched: Vec<(u64, Vec<u8>)>) {
        for (place, bytes) in matched {
            self.content.see(place, &bytes, self.findings);
        }
    }

    /// Grows the computed tree, and compares each tile that becomes full with its file.
    fn push(&mut self, hashes: &[Hash]) -> Result<()> {
        let mut closed = Vec::new();
        for hash in hashes {
            while self.sizes.front().is_some_and(|size| *size == self.levels.size()) {
                self.roots.extend(self.sizes.pop_front().map(|size| (size, self.levels.root())));
            }
            self.levels.push(*hash, &mut |path, bytes| closed.push((path, bytes)));
        }
        for (path, computed) in closed {
            match path.kind {
                TileKind::Hashes(level) if level > 0 => self.full_tile(level, &path, &computed)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// A full tile above the entries' hashes.
    fn full_tile(&mut self, level: u8, path: &TilePath, computed: &[u8]) -> Result<()> {
        let claim = self.tree.tile(level, path.number)?;
        if claim.is_proved
            || claim.bytes.as_deref() == Some(computed) && !self.tree.above(level, path.number)?.is_proved()
        {
            return Ok(());
        }
        let above = self.tree.above(level, path.number)?;
        if claim.bytes.as_deref() == Some(computed) {
            // It is as the entries below it make it, and not as the tile above has it.
            let entries = u64::from(TILE_WIDTH) << (8 * u32::from(level));
            let (first, until) = (path.number * entries, (path.number + 1) * entries);
            if !self.findings.touch(first, until) && !self.compare.is_disturbed() {
                self.findings.add(rewritten(first, until));
            }
            return Ok(());
        }
        // Where the tile above, itself in doubt, sides with it, what is below it was changed, and is found there.
        let root = claim.bytes.as_deref().map(Tile::subtree_hash);
        if above.is_proved() || !root.is_some_and(|root| above.says(root)) {
            self.report_tile(*path, &claim);
        }
        Ok(())
    }

    fn report_tile(&mut self, path: TilePath, claim: &Claim) {
        self.findings.add(if claim.is_there {
            Finding::file(Code::TileAltered, path, "it is not what the entries and the tiles around it make it")
        } else {
            Finding::file(Code::TileMissing, path, "the checkpoint counts on it, and the entries below it are there")
        });
    }

    /// The right edge and the root; then what waited for the end.
    fn finish(mut self, is_whole: bool) -> Result<Walked> {
        while self.sizes.front().is_some_and(|size| *size == self.levels.size()) {
            self.roots.extend(self.sizes.pop_front().map(|size| (size, self.levels.root())));
        }
        if is_whole && !self.tree.is_edge_proved() {
            self.edge()?;
        }
        if let Some((found, _)) = self.edge.take() {
            let hashes: Vec<_> = found.iter().map(|found| found.hash).collect();
            let first = self.tree.head.size - self.tree.head.size % u64::from(TILE_WIDTH);
            self.take(found, first, &hashes);
        }
        self.content.finish(self.findings);
        self.compare.finish(&mut self.tree, self.findings)?;
        let Content { kinds, calls, .. } = self.content;
        Ok(Walked { kinds, open_calls: calls.open(), roots: self.roots })
    }

    /// The partial tiles do not make up the root. Looks for those that do, among them and the computed ones.
    fn edge(&mut self) -> Result<()> {
        let computed: Vec<(TilePath, Vec<u8>)> =
            self.levels.partial().map(|(path, bytes)| (path, bytes.to_vec())).collect();
        let mut claims = Vec::new();
        for (path, _) in &computed {
            let TileKind::Hashes(level) = path.kind else { continue };
            claims.push(self.tree.tile(level, path.number)?);
        }
        let root = self.tree.head.root;
        let fits = |choice: u32| {
            let tiles = computed.iter().zip(&claims).enumerate().map(|(at, ((_, computed), claim))| {
                if choice & 1 << at == 0 { computed } else { claim.bytes.as_deref().unwrap_or(computed) }
            });
            edge_root(tiles) == root
        };
        let first = self.tree.head.size - self.tree.head.size % u64::from(TILE_WIDTH);
        let choice = (0..1_u32 << computed.len()).find(|choice| fits(*choice));
        for (at, ((path, computed), claim)) in computed.iter().zip(&claims).enumerate() {
            let is_same = claim.bytes.as_deref() == Some(computed);
            let is_tile_right = choice.is_some_and(|choice| choice & 1 << at != 0);
            if !claim.is_there || !is_same && choice.is_some() && !is_tile_right {
                self.report_tile(*path, claim);
            }
            let is_entries = path.kind == TileKind::Hashes(0);
            if is_entries
                && (choice.is_none() || is_tile_right)
                && let Some((found, hashes)) = self.edge.take()
            {
                self.take(found, first, &hashes);
            }
        }
        if choice.is_none() {
            let message = "the entries and tiles do not lead to the root that the checkpoint states: the log was \
                           rewritten since it was signed, or the checkpoint is of another tree";
            self.findings.add(Finding::new(Code::RootMismatch, message));
        }
        Ok(())
    }
}

fn rewritten(first: u64, until: u64) -> Finding {
    let message = "among these, entries were changed together with their tiles: they are not what the tiles above say";
    Finding::run(Code::EntriesRewritten, first, until, message)
}

fn hashes(tile: &[u8]) -> Vec<Hash> {
    (0..tile.len() / 32).map(|place| hash_at(tile, place)).collect()
}
