//! The machine: its cores, and its disk.

use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use hdrhistogram::Histogram;

/// The server's core, and the generator's.
pub(crate) const CORES: [usize; 2] = [0, 1];

/// Keeps all threads of a process, and those to come, to one core.
pub(crate) fn pin(process: u32, core: usize) {
    let pinned = Command::new("taskset").args(["-a", "-c", "-p", &core.to_string(), &process.to_string()]).output();
    assert!(pinned.is_ok_and(|output| output.status.success()), "taskset cannot pin {process} to core {core}");
}

/// Nanoseconds of writing 512 bytes and syncing them: the floor of everything durable.
pub(crate) fn syncs(folder: &Path, rounds: usize) -> Histogram<u64> {
    let mut file = tempfile::tempfile_in(folder).unwrap();
    file.write_all(&vec![0; 512 * rounds]).unwrap();
    file.sync_all().unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    let mut latencies = Histogram::new(3).unwrap();
    for _ in 0..rounds {
        let started = Instant::now();
        file.write_all(&[1; 512]).unwrap();
        file.sync_data().unwrap();
        latencies.record(started.elapsed().as_nanos() as u64).unwrap();
    }
    latencies
}
