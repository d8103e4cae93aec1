//! Tests of the journal as a whole.

mod crash;
mod retire;
pub(crate) mod samples;

use std::time::{Duration, Instant};

use super::*;
use crate::audit::entry::Event;
use crate::id::{CallId, TenantId};
use samples::{decided, ended};

/// Small segments, so that a test sees more than one.
pub(crate) fn small() -> Settings {
    Settings { segment_bytes: Settings::SEGMENT_BYTES_MIN, ..Settings::default() }
}

pub(crate) fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

/// Appends, and waits where the next segment is not there yet: these are small, and a busy machine is slow to make one.
async fn append(audit: &Audit, name: &str, event: &Event) -> Position {
    loop {
        match audit.append(&tenant(name), None, event) {
            Ok(position) => return position,
            Err(error) => assert!(error.message().contains("no room"), "{error:?}"),
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_is_appended_is_read_back_in_order_over_segments_and_restarts() {
    let dir = tempfile::tempdir().unwrap();
    let mut calls = Vec::new();
    for round in 0..3_u64 {
        let (audit, recovered) = Audit::open(dir.path(), small()).unwrap();
        assert_eq!((recovered.begun, recovered.cut, recovered.open_calls.len()), (round == 0, false, 0));
        assert_eq!(recovered.position.0, round * 1_000);
        for _ in 0..250 {
            for name in ["acme", "globex"] {
                let call = CallId::new();
                calls.push((name, call));
                append(&audit, name, &decided(call)).await;
                let position = append(&audit, name, &ended(call)).await;
                if calls.len() % 50 == 0 {
                    audit.durable(position).await.unwrap();
                }
            }
        }
        audit.close().unwrap();
    }
    assert!(segment::list(dir.path()).unwrap().len() > 3);
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    for name in ["acme", "globex"] {
        for from in [0, 1, 700, 1_499, 1_500] {
            let entries: Vec<_> = read(&audit, &tenant(name), from).unwrap().map(Result::unwrap).collect();
            assert!(entries.iter().map(|entry| entry.index).eq(from..1_500), "{name} from {from}");
            assert!(entries.iter().all(|entry| entry.tenant.as_str() == name));
        }
    }
    let report = verify(dir.path()).unwrap();
    assert!(report.ok() && report.torn_tail.is_none(), "{report:?}");
    assert_eq!((report.entries, report.tenants.len(), report.open_calls), (3_000, 2, 0));
    let mut places = Vec::new();
    let end = audit.fold(Position(1_234), |position, _| {
        places.push(position.0);
        Ok(())
    });
    assert_eq!(end.unwrap(), Position(3_000));
    assert!(places.into_iter().eq(1_235..=3_000));
}

#[tokio::test]
async fn what_nobody_waits_for_is_durable_soon_whether_the_thread_sleeps_or_looks_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    let is_looking = || audit.shared().state.lock().looks;
    let until = async |is_so: &dyn Fn() -> bool| {
        let end = Instant::now() + Duration::from_secs(20);
        while !is_so() {
            assert!(Instant::now() < end, "nobody looks");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    for round in 0..20 {
        // Some right after others, and some once it sleeps.
        if round % 5 == 0 {
            until(&|| !is_looking()).await;
        }
        let position = audit.append(&tenant("acme"), None, &decided(CallId::new())).unwrap();
        until(&|| audit.position() >= position).await;
    }
}

#[tokio::test]
async fn what_was_promised_to_entries_is_free_again_once_they_are_written() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    for round in 0..300 {
        let call = CallId::new();
        append(&audit, "acme", &decided(call)).await;
        let position = append(&audit, if round % 2 == 0 { "acme" } else { "globex" }, &ended(call)).await;
        audit.durable(position).await.unwrap();
    }
    assert_eq!(audit.promised(), (0, 0));
}

/// Headers grow with the number of tenants, and spares that were made before are too short for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_goes_on_however_many_tenants_come_after_its_spares_were_made() {
    let dir = tempfile::tempdir().unwrap();
    let (audit, _) = Audit::open(dir.path(), small()).unwrap();
    let appended = async {
        let mut last = Position::START;
        for number in 0..2_500 {
            let name = format!("a-tenant-with-a-name-of-length-{number:09}");
            last = append(&audit, &name, &ended(CallId::new())).await;
        }
        audit.durable(last).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(120), appended).await.expect("no room comes any more");
    audit.close().unwrap();
    let report = verify(dir.path()).unwrap();
    assert!(report.ok() && report.segments > 3, "{report:?}");
    assert_eq!((report.entries, report.tenants.len()), (2_500, 2_500));
}

/// What does not fit was promised room all the same: then the host ends, and nobody is told that it is durable.
#[test]
fn a_group_that_does_not_fit_is_an_error_and_no_loss() {
    let dir = tempfile::tempdir().unwrap();
    let (mut writer, _) = recover::open(dir.path(), &small()).unwrap();
    let mut group = vec![0; format::GROUP_HEADER_BYTES + 100];
    writer.end = writer.offset + 100;
    let error = writer.put(&mut group, 1).unwrap_err();
    assert!(error.operator_detail().unwrap().contains("does not fit"), "{error:?}");
    // The closing mark is nothing that anyone relies on.
    writer.put(&mut group, 0).unwrap();
    assert_eq!(writer.written, 0);
}

/// A disk whose driver panics, in place of whatever else in the journal's thread could.
#[derive(Debug)]
struct PanickingDisk(std::sync::atomic::AtomicBool);

impl disk::Disk for PanickingDisk {
    fn write(&self, file: &std::fs::File, bytes: &[u8], offset: u64) -> std::io::Result<()> {
        assert!(!self.0.load(std::sync::atomic::Ordering::Relaxed), "a test asked for it");
        disk::SystemDisk.write(file, bytes, offset)
    }

    fn sync(&self, file: &std::fs::File) -> std::io::Result<()> {
        disk::SystemDisk.sync(file)
    }

    fn rename(&self, from: &std::path::Path, to: &std::path::Path) -> std::io::Result<()> {
        disk::SystemDisk.rename(from, to)
    }

    fn sync_dir(&self, dir: &std::path::Path) -> std::io::Result<()> {
        disk::SystemDisk.sync_dir(dir)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_whose_thread_panics_says_so_to_all_that_wait() {
    let dir = tempfile::tempdir().unwrap();
    let disk = std::sync::Arc::new(PanickingDisk(false.into()));
    let (tell, told) = std::sync::mpsc::channel();
    let on_failure = move |error: &crate::error::Error| tell.send(error.clone()).unwrap();
    let settings = Settings { disk: disk.clone(), on_failure: Some(std::sync::Arc::new(on_failure)), ..small() };
    let (audit, _) = Audit::open(dir.path(), settings).unwrap();
    disk.0.store(true, std::sync::atomic::Ordering::Relaxed);
    let position = append(&audit, "acme", &ended(CallId::new())).await;
    let waits = tokio::time::timeout(Duration::from_secs(60), audit.durable(position));
    let error = waits.await.expect("nobody is told").unwrap_err();
    assert!(error.operator_detail().unwrap().contains("panicked"), "{error:?}");
    assert_eq!(audit.health().unwrap_err().operator_detail(), error.operator_detail());
    assert_eq!(told.recv().unwrap().operator_detail(), error.operator_detail());
    assert!(audit.append(&tenant("acme"), None, &ended(CallId::new())).is_err());
}

/// What is kept for the outcome of a call is enough for the longest, so that a disk that is full never keeps one out.
#[test]
fn the_longest_outcome_fits_what_is_kept_for_it() {
    use super::entry::{CallEnded, Mac, Outcome, encode::Unplaced};
    use crate::capability::uses::USES_BYTES_MAX;
    use crate::error::Code;
    use crate::uses::{CapabilityUse, Touch};
    let name = |bytes| CapabilityUse::Kv { access: Touch::Write, bucket: "b".repeat(bytes) };
    let spare = serde_json::to_string(&[name(0)]).unwrap().len();
    let longest = CallEnded {
        call: CallId::new(),
        child_calls: u64::MAX,
        child_fuel: u64::MAX,
        duration_us: u64::MAX,
        files_bytes_written: u64::MAX,
        fuel: u64::MAX,
        http_received_bytes: u64::MAX,
        http_requests: u64::MAX,
        http_sent_bytes: u64::MAX,
        kv_operations: u64::MAX,
        labels: Some(
            crate::labels::Label::ALL
                .map(|label| crate::labels::Brought { by: "b".repeat(200), call: CallId::new(), label })
                .to_vec(),
        ),
        memory_bytes: u64::MAX,
        model_cost: u64::MAX,
        model_input_tokens: u64::MAX,
        model_output_tokens: u64::MAX,
        model_requests: u64::MAX,
        outcome: Outcome::Failed(*Code::ALL.iter().max_by_key(|code| code.as_str().len()).unwrap()),
        result: Some(Mac::from_bytes([9; 32])),
        result_bytes: u64::MAX,
        uses: Some(vec![name(USES_BYTES_MAX - spare)]),
        uses_left_out: u64::MAX,
    };
    let tenant: TenantId = "a".repeat(40).parse().unwrap();
    let principal = crate::id::PrincipalId::new();
    let spelt = Unplaced::new(samples::micros_time(), &tenant, Some(&principal), &longest.into()).unwrap();
    let bytes = format::GROUP_HEADER_BYTES + format::RECORD_HEADER_BYTES + 40 + spelt.bytes_max();
    assert!(bytes as u64 <= journal::OUTCOME_BYTES, "{bytes}");
}
