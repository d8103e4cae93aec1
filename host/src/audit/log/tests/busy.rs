//! A data folder that is looked at while its host is busy with it.

use std::sync::atomic::{AtomicBool, AtomicU32};

use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::*;
use crate::audit::entry::LogKeyRotated;
use crate::id::ChangeId;

impl World {
    /// Hands the log of `name` over to a new key.
    async fn rotate(&self, name: &str) {
        let next = self.logs.next_key(&name.parse().unwrap()).await.unwrap();
        let mut change = self.store.change().await.unwrap();
        change.add_log_key(next.origin.as_str(), &next.row).await.unwrap();
        change.commit().await.unwrap();
        let (after, before) = (next.after.to_string(), next.before.to_string());
        let event = LogKeyRotated { after, before, change: ChangeId::new() }.into();
        let position = self.append(name, &event).await;
        self.audit.durable(position).await.unwrap();
    }
}

/// How often the journal lets go of what a check is about to read: each time the check begins again, and it does so twenty
/// times.
const RETIREMENTS: u32 = 3;
/// How often somebody appends during one check, at the most: else each check would have more to read the longer the one before
/// took.
const TURNS: u32 = 60;

/// Takes one of what is left.
fn take(left: &AtomicU32) -> bool {
    left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok()
}

impl World {
    /// Appends until the journal can let go of its first segment, and has it do so.
    async fn let_go(&self) {
        loop {
            self.calls("acme", 20).await;
            self.integrated().await;
            if self.audit.retire(self.logs.kept()).unwrap() > 0 {
                return;
            }
        }
    }
}

/// A host that appends, signs, hands over and lets go of segments all the while is no tamperer. Segments go between the moment
/// when a check lists them and that when it reads the first, so often and no more: so often it begins again, and nothing else
/// has it do so, however slow the machine is.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_folder_verifies_while_its_host_is_busy() {
    let dir = tempfile::tempdir().unwrap();
    let world = Arc::new(World::open(dir.path()).await);
    let over = Arc::new(AtomicBool::new(false));
    let turns = Arc::new(AtomicU32::new(0));
    let busy: Vec<JoinHandle<()>> = ["acme", "globex", "initech"]
        .map(|name| {
            let (world, over, turns) = (Arc::clone(&world), Arc::clone(&over), Arc::clone(&turns));
            tokio::spawn(async move {
                let mut calls = 0;
                while !over.load(Ordering::Relaxed) {
                    if !take(&turns) {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                        continue;
                    }
                    calls += world.calls(name, 20).await.len();
                    world.logs.checkpoint(&name.parse().unwrap()).await.unwrap();
                    if calls % 200 == 0 {
                        world.rotate(name).await;
                    }
                }
            })
        })
        .into();
    let mut last = 0;
    for round in 0..5 {
        turns.store(TURNS, Ordering::Relaxed);
        let mut looks = 0;
        let progress = |done: u64, _: u64| {
            // It has listed the segments, and read none.
            looks += u32::from(done == 0);
            if done == 0 && looks <= RETIREMENTS {
                tokio::task::block_in_place(|| Handle::current().block_on(world.let_go()));
            }
        };
        let report = check(&world.folder, progress).await.unwrap();
        assert!(report.ok(), "{round}: {report:?}");
        assert_eq!(looks, RETIREMENTS + 1, "{round}: as often as segments went, and once more");
        assert!(report.journal.position.0 >= last, "{round}: the journal was longer before");
        last = report.journal.position.0;
        // The next look finds more calls.
        while world.audit.position().0 <= last {
            turns.store(1, Ordering::Relaxed);
            assert!(!busy.iter().any(JoinHandle::is_finished), "{round}: a part of the host has ended");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    over.store(true, Ordering::Relaxed);
    for task in busy {
        task.await.unwrap();
    }
    Arc::into_inner(world).unwrap().close().await;
}

/// What is missing is told where it is the journal's fault, and not a look's at the wrong moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_whose_journal_does_not_begin_where_its_logs_end_is_not_taken_for_checked() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    world.calls("acme", 900).await;
    let folder = world.folder.clone();
    world.crash().await;
    start::unkeep(&folder, "delete from logs").await;
    let first = std::fs::read_dir(folder.journal()).unwrap().map(|file| file.unwrap().path());
    std::fs::remove_file(first.filter(|path| path.extension().is_some()).min().unwrap()).unwrap();
    let error = check(&folder, |_, _| {}).await.unwrap_err();
    assert!(error.message().contains("entries behind the 0th are missing"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thread_that_panics_is_told_at_once_and_for_good() {
    let dir = tempfile::tempdir().unwrap();
    let told = Arc::new(Mutex::new(None));
    let tell = Arc::clone(&told);
    let on_failure = move |error: &Error| *tell.lock() = Some(error.clone());
    let settings = Settings { on_failure: Some(Arc::new(on_failure)), ..small() };
    let world = World::open_with(dir.path(), settings).await.unwrap();
    world.calls("acme", 3).await;
    world.logs.health().unwrap();
    world.logs.0.asks.lock().as_ref().unwrap().send(Ask::Panic).unwrap();
    let thread = world.logs.0.thread.lock().take().unwrap();
    tokio::task::spawn_blocking(move || thread.join()).await.unwrap().unwrap_err();
    let error = world.logs.health().unwrap_err();
    assert!(error.message().contains("has ended"), "{error:?}");
    assert_eq!(told.lock().as_ref().map(Error::message), Some(error.message()));
    world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap_err();
}
