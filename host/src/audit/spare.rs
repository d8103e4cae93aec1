//! The next segments, made ready ahead of their time: their blocks are written with zeros, so that a sync of the journal
//! writes data alone (measured: 0.2 ms in place of 0.35 ms for 16 KiB), and a full disk shows before it matters.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::MutexGuard;

use super::format::{RECORD_BYTES_MAX, SegmentHeader};
use super::journal::Settings;
use super::segment;
use super::state::{Shared, unavailable};
use crate::error::{Error, Result};

/// From one vain try to the next.
const RETRY: Duration = Duration::from_secs(1);

/// Spares that are kept ready: one can be filled while the next is made.
pub(super) const SPARES: usize = 2;
/// Files of segments that were let go, kept to be used again.
const USED: usize = 4;
/// What the names of spares begin with.
const PREFIX: &str = "spare-";

/// A file that is a segment but for its header and its name.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) file: File,
    pub(super) bytes: u64,
    /// Where it waits for its name.
    pub(super) path: PathBuf,
}

/// Removes what an end left of spares: a header may be written, a segment's name never was given.
pub(super) fn remove(dir: &Path) -> Result<()> {
    for file in std::fs::read_dir(dir).map_err(|error| refused(dir, &error))? {
        let path = file.map_err(|error| refused(dir, &error))?.path();
        let is_spare = path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(PREFIX));
        if is_spare {
            std::fs::remove_file(&path).map_err(|error| refused(&path, &error))?;
        }
    }
    Ok(())
}

/// How long a spare must be for a header of this length: headers grow with the number of tenants.
pub(super) fn bytes(settings: &Settings, header_bytes: u64) -> u64 {
    settings.segment_bytes.max(4 * header_bytes)
}

/// How long a spare must be to be of use: the longest record fits behind a header of so many tenants and open calls.
pub(super) fn needed(tenants: usize, open: usize) -> u64 {
    SegmentHeader::bytes_max(tenants, open) + RECORD_BYTES_MAX as u64
}

/// Removes a spare that is of no use.
pub(super) fn discard(spare: &Spare) {
    if let Err(error) = std::fs::remove_file(&spare.path) {
        // The next start removes it.
        tracing::warn!(%error, path = %spare.path.display(), "a spare segment stays");
    }
}

/// Makes the spare of this number, or says why the disk does not take it.
pub(super) fn make(dir: &Path, number: u64, bytes: u64) -> Result<Spare> {
    let path = named(dir, number);
    let made = || -> io::Result<File> {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).mode(0o600).open(&path)?;
        zero(&file, 0, bytes)?;
        file.sync_all()?;
        Ok(file)
    };
    match made() {
        Ok(file) => Ok(Spare { file, bytes, path }),
        Err(error) => {
            // What there is of it would keep the disk full.
            let _ = std::fs::remove_file(&path);
            Err(refused(&path, &error))
        }
    }
}

/// Makes a segment that is needed no more a spare, or removes it where there are enough.
pub(super) fn reuse(shared: &Shared, sequence: u64) -> Result<()> {
    let path = segment::path(&shared.dir, sequence);
    let failed = |error: io::Error| refused(&path, &error);
    let number = {
        let mut state = shared.state.lock();
        (state.used.len() < USED && !state.closing).then(|| state.next_spare())
    };
    let Some(number) = number else {
        return std::fs::remove_file(&path).map_err(failed);
    };
    let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
    let bytes = file.metadata().map_err(failed)?.len();
    let spare = named(&shared.dir, number);
    let disk = &shared.settings.disk;
    // The old name is gone for good before the file gets its next one.
    disk.rename(&path, &spare).and_then(|()| disk.sync_dir(&shared.dir)).map_err(failed)?;
    shared.state.lock().used.push_back(Spare { file, bytes, path: spare });
    Ok(())
}

fn named(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{PREFIX}{number}"))
}

/// Allocates `from..to` of the file and fills it with zeros.
pub(super) fn zero(file: &File, from: u64, to: u64) -> io::Result<()> {
    static ZEROS: [u8; 1 << 20] = [0; 1 << 20];
    if from >= to {
        return Ok(());
    }
    rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, to - from)?;
    let mut at = from;
    while at < to {
        let length = usize::try_from(to - at).unwrap_or(usize::MAX).min(ZEROS.len());
        file.write_all_at(&ZEROS[..length], at)?;
        at += length as u64;
    }
    Ok(())
}

/// The disk does not take what the journal needs.
pub(super) fn refused(path: &Path, error: &io::Error) -> Error {
    unavailable("the record cannot be written")
        .next("see that the disk which holds the journal has room and may be written")
        .detail(format_args!("{}: {error}", path.display()))
}

/// Keeps spares ready until the journal closes.
pub(super) fn keep(shared: &Shared) {
    let mut state = shared.state.lock();
    loop {
        if state.closing || state.failure.is_some() {
            return;
        }
        // Headers grow with tenants and open calls: one that is too short for them now would only stand in the way.
        let needed = needed(state.next.len(), state.open.len());
        if let Some(at) = state.ready.iter().position(|spare| spare.bytes < needed)
            && let Some(short) = state.ready.remove(at)
        {
            MutexGuard::unlocked(&mut state, || discard(&short));
            continue;
        }
        if state.ready.len() >= SPARES {
            // Nobody says that headers have grown.
            shared.spare.wait_for(&mut state, RETRY);
            continue;
        }
        let bytes = bytes(&shared.settings, SegmentHeader::bytes_max(state.next.len(), state.open.len()));
        if let Some(used) = state.used.pop_front() {
            match used.bytes >= bytes {
                true => state.ready.push_back(used),
                false => MutexGuard::unlocked(&mut state, || discard(&used)),
            }
            shared.spare.notify_all();
            continue;
        }
        let number = state.next_spare();
        match MutexGuard::unlocked(&mut state, || make(&shared.dir, number, bytes)) {
            Ok(spare) => {
                state.ready.push_back(spare);
                state.spare_failure = None;
                shared.spare.notify_all();
            }
            Err(error) => {
                if state.spare_failure.is_none() {
                    tracing::warn!(%error, detail = error.operator_detail(), "no room for the journal's next segment");
                }
                state.spare_failure = Some(error.operator_detail().unwrap_or_default().to_owned());
                shared.spare.notify_all();
                shared.spare.wait_for(&mut state, RETRY);
            }
        }
    }
}
