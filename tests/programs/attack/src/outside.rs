//! Looking for what is outside: environment, arguments, folders, clocks, settings.

use std::collections::BTreeMap;
use std::time::{SystemTime, UNIX_EPOCH};

use cofferdam_sdk::{Error, config, tool};
use schemars::JsonSchema;
use serde::Serialize;
use wasip2::clocks::monotonic_clock;
use wasip2::random::{insecure, insecure_seed, random};

#[derive(Serialize, JsonSchema)]
pub(crate) struct Surroundings {
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    folder: Option<String>,
    mounts: Vec<String>,
    /// What was read from standard input.
    input: Result<usize, String>,
    /// Which of the host's own files could be opened.
    opened: Vec<String>,
}

/// What a program sees around it.
#[tool(read_only)]
pub(crate) fn surroundings() -> Surroundings {
    let input = std::io::read_to_string(std::io::stdin()).map(|text| text.len()).map_err(|error| error.to_string());
    let paths = ["/etc/passwd", "/proc/self/environ", "/proc/self/maps", "/", ".", "..", "/tmp", "/dev/null"];
    let opened = paths.into_iter().filter(|path| std::fs::File::open(path).is_ok()).map(str::to_owned).collect();
    Surroundings {
        environment: wasip2::cli::environment::get_environment().into_iter().collect(),
        arguments: wasip2::cli::environment::get_arguments(),
        folder: wasip2::cli::environment::initial_cwd(),
        mounts: wasip2::filesystem::preopens::get_directories().into_iter().map(|(_, path)| path).collect(),
        input,
        opened,
    }
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Clocks {
    /// Nanoseconds since 1970.
    wall: u64,
    /// The same after a wait.
    wall_later: u64,
    /// Nanoseconds since some start.
    monotonic: u64,
    /// The same after a wait.
    monotonic_later: u64,
    /// The clocks' steps.
    resolution: u64,
    random: u64,
    insecure: u64,
    seed: (u64, u64),
    /// In the order of a map whose keys are hashed with random numbers.
    order: Vec<u32>,
}

/// Reads clocks, waits, and reads them again; reads every source of random numbers.
#[tool(read_only)]
pub(crate) fn clocks() -> Clocks {
    let wall = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64);
    let (wall_first, monotonic) = (wall(), monotonic_clock::now());
    monotonic_clock::subscribe_duration(5_000_000).block();
    Clocks {
        wall: wall_first,
        wall_later: wall(),
        monotonic,
        monotonic_later: monotonic_clock::now(),
        resolution: monotonic_clock::resolution(),
        random: random::get_random_u64(),
        insecure: insecure::get_insecure_random_u64(),
        seed: insecure_seed::insecure_seed(),
        order: (0..32).collect::<std::collections::HashSet<_>>().into_iter().collect(),
    }
}

/// Every setting that there is.
#[tool(read_only)]
pub(crate) fn settings() -> Result<BTreeMap<String, String>, Error> {
    Ok(config::get_all()?.into_iter().collect())
}
