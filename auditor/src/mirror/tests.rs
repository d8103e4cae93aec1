//! Copying to a disk whose power goes between any two steps: what the folder's checkpoint counts on is there.

#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use super::*;
use crate::checkpoint::Checkpoint;
use crate::key::SigningKey;
use crate::proof::Tiles;
use crate::tree::Frontier;
use crate::verify::{Options, verify};

/// A log in memory.
struct Files(BTreeMap<String, Vec<u8>>);

impl Files {
    fn of(size: u64, key: &SigningKey) -> Self {
        let (mut files, mut frontier) = (BTreeMap::new(), Frontier::new());
        for index in 0..size {
            let entry = format!(
                r#"{{"event":{{}},"index":{index},"kind":"host.started","tenant":"acme","time":"2026-01-01T00:00:00.000000Z"}}"#
            );
            frontier.push(entry.as_bytes(), &mut |path, bytes| drop(files.insert(path.to_string(), bytes))).unwrap();
        }
        files.extend(frontier.partial().map(|(path, bytes)| (path.to_string(), bytes.to_vec())));
        files.insert("checkpoint".to_owned(), Checkpoint::sign(key, frontier.head()).to_string().into_bytes());
        Self(files)
    }
}

impl Tiles for Files {
    fn tile(&self, path: &TilePath) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(&path.to_string()).cloned())
    }
}

impl Source for Files {
    fn file(&self, path: &str, _: usize) -> io::Result<Option<Vec<u8>>> {
        Ok(self.0.get(path).cloned())
    }

    fn name(&self) -> String {
        "memory".to_owned()
    }
}

/// Something that was done and is not durable.
enum Undone {
    Folder(PathBuf),
    Written(PathBuf),
    /// With what had the name before.
    Renamed(PathBuf, PathBuf, Option<Vec<u8>>),
}

/// A disk whose power goes after so many steps, and which then has nothing that was not synced.
struct LosingDisk {
    left: Cell<usize>,
    undone: RefCell<Vec<Undone>>,
}

impl LosingDisk {
    fn step(&self) -> io::Result<()> {
        let left = self.left.get();
        self.left.set(left.saturating_sub(1));
        if left == 0 { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    fn lose(self) {
        let undone = self.undone.into_inner();
        for undone in &undone {
            if let Undone::Written(file) = undone {
                fs::write(file, b"").unwrap();
            }
        }
        for undone in undone.into_iter().rev() {
            match undone {
                Undone::Folder(folder) => fs::remove_dir_all(folder).unwrap(),
                Undone::Written(_) => {}
                Undone::Renamed(from, to, before) => {
                    fs::rename(&to, from).unwrap();
                    before.into_iter().for_each(|bytes| fs::write(&to, bytes).unwrap());
                }
            }
        }
    }
}

impl Disk for LosingDisk {
    fn create_dir(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        self.undone.borrow_mut().push(Undone::Folder(folder.to_owned()));
        SystemDisk.create_dir(folder)
    }

    fn write(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        self.step()?;
        self.undone.borrow_mut().push(Undone::Written(file.to_owned()));
        SystemDisk.write(file, bytes)
    }

    fn sync(&self, file: &Path) -> io::Result<()> {
        self.step()?;
        self.undone.borrow_mut().retain(|undone| !matches!(undone, Undone::Written(written) if written == file));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step()?;
        let before = fs::read(to).ok();
        for undone in self.undone.borrow_mut().iter_mut() {
            match undone {
                Undone::Written(file) if file == from => to.clone_into(file),
                _ => {}
            }
        }
        self.undone.borrow_mut().push(Undone::Renamed(from.to_owned(), to.to_owned(), before));
        SystemDisk.rename(from, to)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.step()?;
        self.undone.borrow_mut().retain(|undone| match undone {
            Undone::Folder(made) => made.parent() != Some(folder),
            Undone::Renamed(_, to, _) => to.parent() != Some(folder),
            Undone::Written(_) => true,
        });
        Ok(())
    }
}

#[test]
fn a_copy_is_whole_up_to_its_checkpoint_whenever_the_power_goes() {
    let key = SigningKey::from_seed(Origin::new("cofferdam.example", "acme", "3f9a0c52d1e84b7a").unwrap(), &[7; 32]);
    let (before, after) = (Files::of(300, &key), Files::of(900, &key));
    for first in [None, Some(&before)] {
        let mut sizes = Vec::new();
        for steps in 0.. {
            let dir = tempfile::tempdir().unwrap();
            let folder = dir.path().join("copies/acme");
            // Into an empty folder, or behind a copy that is there to stay.
            if let Some(first) = first {
                mirror(first, &folder, &key.vkey(), &mut |_| {}).unwrap();
            }
            let disk = LosingDisk { left: Cell::new(steps), undone: RefCell::default() };
            let done = mirror_to(&disk, &after, &folder, &key.vkey(), &mut |_| {}).is_ok();
            disk.lose();
            match verify(&Folder::new(&folder), &Options::new(key.vkey()), &mut |_| {}) {
                Err(Error::Missing { .. }) if first.is_none() && !done => sizes.push(0),
                report => {
                    let report = report.unwrap();
                    assert!(report.is_ok(), "after {steps} steps: {report}");
                    sizes.push(report.size);
                }
            }
            if done {
                break;
            }
        }
        assert_eq!((sizes[0], sizes.last()), (if first.is_some() { 300 } else { 0 }, Some(&900)));
        assert!(sizes.is_sorted() && sizes.len() > 30, "{sizes:?}");
    }
}
