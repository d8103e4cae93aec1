//! What the disk under the data folder takes for one sync: the floor of everything durable.

use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use hdrhistogram::Histogram;

/// Nanoseconds of writing 512 bytes and syncing them.
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
