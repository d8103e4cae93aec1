//! One runtime for everything in a test process, names that nobody else has, and waiting for what has to come.

use std::path::PathBuf;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::runtime::{Builder, Runtime};

/// How long something that has to come may take on a machine that is busy with other things.
const PATIENCE: Duration = Duration::from_secs(60);

static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    // Clients are made without a default provider, so that only one is compiled.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

/// Runs a test. All tests of a process share a runtime, and with it connections, servers and hosts.
pub fn run<T>(work: impl Future<Output = T>) -> T {
    RUNTIME.block_on(work)
}

/// A slug that begins with `stem` and is not used for anything else in this process.
pub fn name(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{stem}-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Asks again and again until there is an answer.
///
/// # Panics
///
/// When there is none for so long that there will be none.
pub async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < end, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Waits out the end of a day, which would make budgets begin anew in the middle of a test.
pub async fn far_from_midnight() {
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() % 86_400;
    if today > 86_400 - 120 {
        tokio::time::sleep(Duration::from_secs(86_400 - today + 1)).await;
    }
}

/// The command under test: `$COFFERDAM_PROGRAM`, or the one that was built together with these tests.
///
/// # Panics
///
/// When there is none.
pub fn program() -> PathBuf {
    if let Some(program) = std::env::var_os("COFFERDAM_PROGRAM") {
        return program.into();
    }
    // Cargo puts a package's programs side by side, and its tests in `deps/` beside them.
    let own = std::env::current_exe().unwrap();
    let mut near = own.ancestors().skip(1).take(2).map(|folder| folder.join("cofferdam-under-test"));
    near.find(|program| program.is_file()).unwrap_or_else(|| panic!("no cofferdam-under-test near {}", own.display()))
}
