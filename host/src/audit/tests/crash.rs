//! The journal on a disk that loses power: whatever was acknowledged is there at the next start, whatever was not is
//! there whole or not at all, and the record verifies.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use super::samples::{decided, ended};
use super::{small, tenant};
use crate::audit::disk::{Disk, SystemDisk};
use crate::audit::{Audit, Entry, Position, Settings, read, verify};
use crate::error::Result;
use crate::id::CallId;

/// What a disk writes at once, in bytes: power that goes in the middle of a write leaves some of these.
const SECTOR: usize = 512;

/// Numbers from a seed, so that a failure can be had again.
#[derive(Debug)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

/// Something that was done and is not durable.
#[derive(Debug)]
enum Undone {
    Written { file: File, offset: u64, before: Vec<u8> },
    Renamed { from: PathBuf, to: PathBuf },
}

#[derive(Debug)]
struct World {
    dice: Dice,
    /// Steps until the power goes.
    left: u64,
    undone: Vec<Undone>,
}

/// A disk whose power goes after so many steps. Of what was not synced by then, it keeps what it likes.
#[derive(Debug)]
struct FaultyDisk(Mutex<World>);

impl FaultyDisk {
    fn new(seed: u64) -> Arc<Self> {
        let mut dice = Dice(seed);
        let left = dice.roll(60);
        Arc::new(Self(Mutex::new(World { dice, left, undone: Vec::new() })))
    }

    /// Does a step, unless the power is gone or goes during it.
    fn step(&self, step: impl FnOnce(&mut World) -> io::Result<()>) -> io::Result<()> {
        let mut world = self.0.lock();
        let gone = || Err(io::Error::other("the power is gone"));
        match world.left {
            0 => gone(),
            1 => {
                step(&mut world)?;
                world.left = 0;
                world.lose()?;
                gone()
            }
            _ => {
                world.left -= 1;
                step(&mut world)
            }
        }
    }

    fn is_gone(&self) -> bool {
        self.0.lock().left == 0
    }
}

impl World {
    /// What was not durable is there, gone, or torn.
    fn lose(&mut self) -> io::Result<()> {
        while let Some(undone) = self.undone.pop() {
            match (undone, self.dice.roll(3)) {
                (_, 0) => {}
                (Undone::Renamed { from, to }, _) => std::fs::rename(to, from)?,
                (Undone::Written { file, offset, before }, 1) => file.write_all_at(&before, offset)?,
                (Undone::Written { file, offset, before }, _) => {
                    // Sector by sector, as the disk's queue happened to be.
                    let mut at = 0;
                    while at < before.len() {
                        let end = before.len().min(at + SECTOR - (offset as usize + at) % SECTOR);
                        if self.dice.roll(2) == 0 {
                            file.write_all_at(&before[at..end], offset + at as u64)?;
                        }
                        at = end;
                    }
                }
            }
        }
        Ok(())
    }
}

impl Disk for FaultyDisk {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.step(|world| {
            let mut before = vec![0; bytes.len()];
            file.read_exact_at(&mut before, offset)?;
            world.undone.push(Undone::Written { file: file.try_clone()?, offset, before });
            SystemDisk.write(file, bytes, offset)
        })
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        // One file is written at a time. That the machine itself loses nothing makes the real sync needless.
        self.step(|world| {
            world.undone.retain(|undone| matches!(undone, Undone::Renamed { .. }));
            Ok(())
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|world| {
            world.undone.push(Undone::Renamed { from: from.to_owned(), to: to.to_owned() });
            SystemDisk.rename(from, to)
        })
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.step(|world| {
            world.undone.retain(|undone| matches!(undone, Undone::Written { .. }));
            Ok(())
        })
    }
}

const TENANTS: [&str; 3] = ["acme", "globex", "initech"];

/// What a tenant was told that its log holds.
type Acknowledged = HashMap<&'static str, Vec<CallId>>;

/// What is kept elsewhere, as the logs do, so that the journal may let go of it.
#[derive(Debug, Default)]
struct Elsewhere {
    position: Position,
    entries: HashMap<String, Vec<Entry>>,
    retired: u64,
}

impl Elsewhere {
    fn take_in(&mut self, audit: &Audit) {
        let entries = &mut self.entries;
        let taken = audit.fold(self.position, |_, entry| {
            entries.entry(entry.tenant.as_str().to_owned()).or_default().push(entry);
            Ok(())
        });
        self.position = taken.unwrap();
        // The power may go in the middle of it.
        self.retired += audit.retire(self.position).unwrap_or(0);
    }

    /// All of a tenant's log.
    fn all(&self, audit: &Audit, name: &str) -> Vec<Entry> {
        let mut entries = self.entries.get(name).cloned().unwrap_or_default();
        let rest = read(audit, &tenant(name), entries.len() as u64).unwrap();
        entries.extend(rest.collect::<Result<Vec<_>>>().unwrap());
        assert!((0..).zip(&entries).all(|(index, entry)| entry.index == index), "{name}: a gap");
        entries
    }
}

/// Appends calls of three tenants, some of them together, until the power goes. Gives what was acknowledged of it.
async fn until_the_power_goes(
    audit: &Audit,
    disk: &FaultyDisk,
    dice: &mut Dice,
    elsewhere: &mut Elsewhere,
) -> Acknowledged {
    let mut acknowledged = Acknowledged::new();
    while !disk.is_gone() {
        if dice.roll(8) == 0 {
            elsewhere.take_in(audit);
        }
        let mut group = Vec::new();
        for _ in 0..=dice.roll(6) {
            let (name, call) = (TENANTS[dice.roll(3) as usize], CallId::new());
            let appended = audit.append(&tenant(name), None, &decided(call)).and_then(|_| {
                // Long ones now and then, so that segments end.
                let times = if dice.roll(12) == 0 { 40 } else { 1 };
                (0..times).try_fold(None, |_, _| audit.append(&tenant(name), None, &ended(call)).map(Some))
            });
            if let Ok(Some(position)) = appended {
                group.push((name, call, position));
            }
        }
        for (name, call, position) in group {
            if audit.durable(position).await.is_ok() {
                acknowledged.entry(name).or_default().push(call);
            }
        }
    }
    acknowledged
}

/// Power that goes at any byte of a write: what was acknowledged is there, whole, and nothing else is made of the rest.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_losses_of_power_lose_nothing_that_was_acknowledged() {
    let mut retired = 0;
    for history in 0..20 {
        let dir = tempfile::tempdir().unwrap();
        let mut dice = Dice(history);
        let mut acknowledged = Acknowledged::new();
        let mut elsewhere = Elsewhere::default();
        let mut before: HashMap<&str, Vec<Entry>> = HashMap::new();
        for loss in 0..50 {
            let disk = FaultyDisk::new(history * 50 + loss);
            let settings = Settings { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..small() };
            // The power may go while the journal is opened, too.
            if let Ok((audit, _)) = Audit::open(dir.path(), settings) {
                for (name, calls) in until_the_power_goes(&audit, &disk, &mut dice, &mut elsewhere).await {
                    acknowledged.entry(name).or_default().extend(calls);
                }
                // It failed, which is what closing it says.
                let _ = audit.close();
            }
            let (audit, _) =
                Audit::open(dir.path(), small()).unwrap_or_else(|error| panic!("{history}.{loss}: {error:?}"));
            let all = (loss % 10 == 9).then(|| TENANTS.map(|name| (name, elsewhere.all(&audit, name))));
            audit.close().unwrap();
            if let Some(all) = all {
                let report = verify(dir.path()).unwrap();
                assert!(report.ok(), "{history}.{loss}: {report:?}");
                for (name, now) in all {
                    let known = before.entry(name).or_default();
                    // What a start has seen is there at the next: nothing is taken back, nothing is told twice.
                    assert!(now.starts_with(known), "{history}.{loss}: the log of {name} was forked");
                    let mut calls = now.iter().skip(known.len()).filter_map(|entry| entry.event.call());
                    for call in acknowledged.remove(name).unwrap_or_default() {
                        let there = calls.any(|there| there == call);
                        assert!(there, "{history}.{loss}: {call} of {name} is lost or out of order");
                    }
                    *known = now;
                }
            }
        }
        assert!(before.values().all(|entries| entries.len() > 100), "{history}: too little happened");
        retired += elsewhere.retired;
    }
    assert!(retired > 20, "only {retired} segments were let go");
}
