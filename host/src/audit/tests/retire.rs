//! Segments that are let go, and a disk that does not answer.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use super::samples::{decided, ended};
use super::{append, small, tenant};
use crate::audit::disk::{Disk, SystemDisk};
use crate::audit::{Audit, Position, STALL_MAX, Settings, segment, verify};
use crate::error::Code;
use crate::id::CallId;

async fn calls(audit: &Audit, count: usize) -> Position {
    let mut last = Position::START;
    for _ in 0..count {
        let call = CallId::new();
        append(audit, "acme", &decided(call)).await;
        last = append(audit, "acme", &ended(call)).await;
    }
    audit.durable(last).await.unwrap();
    last
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn segments_go_when_all_in_them_is_kept_elsewhere_and_their_files_are_used_again() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    let last = calls(&audit, 1_000).await;
    let before = segment::list(dir.path()).unwrap();
    assert!(before.len() > 3, "{before:?}");
    // Nothing is let go of that is not kept elsewhere.
    assert_eq!(audit.retire(Position::START).unwrap(), 0);
    let first = segment::Segment::open(dir.path(), 2).unwrap().header.first;
    assert_eq!((audit.retire(Position(first.0 - 1)).unwrap(), audit.retire(first).unwrap()), (0, 1));
    assert_eq!(audit.retire(last).unwrap(), before.len() as u64 - 2);
    assert_eq!(segment::list(dir.path()).unwrap(), [*before.last().unwrap()]);
    // What is let go of is used again, with what it held still in it.
    let last = calls(&audit, 1_000).await;
    let mut seen = 0;
    let folded = audit.fold(Position(2_000), |_, _| {
        seen += 1;
        Ok(())
    });
    assert_eq!(folded.unwrap(), last);
    assert_eq!(seen, 2_000);
    audit.close().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.ok() && report.torn_tail.is_none(), "{report:?}");
    assert_eq!(report.tenants.values().map(|tip| tip.next).sum::<u64>(), 4_000);
    let (audit, recovered) = Audit::open(dir.path(), small()).unwrap();
    assert_eq!((recovered.position, recovered.cut), (last, false));
    audit.close().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_segment_with_the_decision_of_an_open_call_stays() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    let open = CallId::new();
    append(&audit, "globex", &decided(open)).await;
    let last = calls(&audit, 1_000).await;
    assert_eq!(audit.retire(last).unwrap(), 0);
    append(&audit, "globex", &ended(open)).await;
    assert!(audit.retire(last).unwrap() > 1);
    audit.close().unwrap();
}

/// A torn write in a file that was another segment before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_torn_tail_over_an_older_segment_is_cut_and_nothing_else() {
    use std::os::unix::fs::FileExt as _;
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    let mut last = Position::START;
    for _ in 0..6 {
        last = calls(&audit, 400).await;
        audit.retire(last).unwrap();
    }
    audit.close().unwrap();
    let sequence = *segment::list(dir.path()).unwrap().last().unwrap();
    let mut groups = segment::Groups::new(segment::Segment::open(dir.path(), sequence).unwrap(), false);
    let (mut offset, mut step) = (groups.offset, groups.step().unwrap());
    while let segment::Step::Group(group) = step {
        if group.records > 0 {
            offset = groups.offset;
        }
        step = groups.step().unwrap();
    }
    // The group that says that the journal was closed, torn: its header is there, its checksum is not right.
    let file = File::options().write(true).open(segment::path(dir.path(), sequence)).unwrap();
    file.write_all_at(&[7; 4], offset + 36).unwrap();
    assert!(verify(dir.path()).unwrap().torn_tail.is_some());
    let (audit, recovered) = Audit::open(dir.path(), small()).unwrap();
    assert_eq!((recovered.position, recovered.cut), (last, true));
    assert_eq!(audit.fold(last, |position, _| panic!("an entry at {position:?}")).unwrap(), last);
    audit.close().unwrap();
    assert!(verify(dir.path()).unwrap().ok());
}

/// A disk whose syncs hang while the gate is shut.
#[derive(Debug, Default)]
struct Gate {
    shut: Mutex<bool>,
    opened: Condvar,
}

impl Gate {
    fn set(&self, shut: bool) {
        *self.shut.lock() = shut;
        self.opened.notify_all();
    }
}

impl Disk for Gate {
    fn write(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
        SystemDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let mut shut = self.shut.lock();
        while *shut {
            self.opened.wait(&mut shut);
        }
        SystemDisk.sync(file)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        SystemDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        SystemDisk.sync_dir(dir)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_disk_does_not_answer_no_call_is_let_in_and_then_all_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let disk = Arc::new(Gate::default());
    let settings = Settings { disk: Arc::clone(&disk) as Arc<dyn Disk>, ..small() };
    let (audit, _) = Audit::open(dir.path(), settings).unwrap();
    calls(&audit, 1).await;
    disk.set(true);
    let running = CallId::new();
    let decided_at = audit.append(&tenant("acme"), None, &decided(running)).unwrap();
    let waiting = tokio::spawn({
        let audit = audit.clone();
        async move { audit.durable(decided_at).await }
    });
    tokio::time::sleep(STALL_MAX + Duration::from_millis(500)).await;
    let error = audit.health().unwrap_err();
    assert!(error.code() == Code::AuditUnavailable && error.message().contains("answer in time"), "{error:?}");
    let refused = audit.append(&tenant("acme"), None, &decided(CallId::new())).unwrap_err();
    assert_eq!(refused.message(), error.message());
    // What was let in before can end.
    let ended_at = audit.append(&tenant("acme"), None, &ended(running)).unwrap();
    assert!(!waiting.is_finished());
    disk.set(false);
    waiting.await.unwrap().unwrap();
    audit.durable(ended_at).await.unwrap();
    audit.health().unwrap();
    calls(&audit, 1).await;
    audit.close().unwrap();
}
