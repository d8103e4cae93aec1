//! Prints how fast the journal is on the disk that holds the folder given (default: the system's temporary folder).

use cofferdam::audit::measure::{self, Measured};

#[tokio::main]
#[allow(clippy::print_stdout, reason = "it is what the example is for")]
async fn main() -> anyhow::Result<()> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    let folder = |name: &str| -> std::io::Result<std::path::PathBuf> {
        let folder = base.join(format!("cofferdam-journal-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    };
    let print = |name: &str, measured: Measured| {
        let (p50, p99) = (measured.p50.as_nanos() as f64 / 1e3, measured.p99.as_nanos() as f64 / 1e3);
        println!("{name:38} {:>9.0} entries/s   p50 {p50:>8.1} µs   p99 {p99:>8.1} µs", measured.per_second());
    };
    for (waiters, each) in [(1, 2_000), (32, 4_000), (256, 1_000), (1_024, 500)] {
        let dir = folder(&format!("durable-{waiters}"))?;
        print(&format!("durable, {waiters} waiters"), measure::durable(&dir, waiters, 8, each).await?);
        std::fs::remove_dir_all(dir)?;
    }
    let dir = folder("unwaited")?;
    print("appended, durable at the end", measure::unwaited(&dir, 100_000).await?);
    std::fs::remove_dir_all(dir)?;
    let dir = folder("plain")?;
    print("plain file, a sync for each", measure::plain(&dir, 2_000, true)?);
    print("plain file, no sync", measure::plain(&dir, 100_000, false)?);
    std::fs::remove_dir_all(dir)?;
    Ok(())
}
