//! What the host keeps, carries or waits for on a guest's behalf.

use cofferdam_sdk::log::Level;
use cofferdam_sdk::{Error, Text, tool};
use schemars::JsonSchema;
use serde::Deserialize;
use wasip2::clocks::monotonic_clock;

/// What the host can be made to keep for a guest.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Handle {
    /// Something to wait for.
    Timer,
    /// The header fields of a request that is never made.
    Fields,
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Hold {
    what: Handle,
    /// How many at once.
    count: usize,
}

/// Holds many of the host's handles at once.
#[tool]
pub(crate) fn hold(args: Hold) -> Text {
    use wasip2::http::types::Fields;
    let held = match args.what {
        Handle::Timer => (0..args.count).map(|_| monotonic_clock::subscribe_duration(1)).collect::<Vec<_>>().len(),
        Handle::Fields => (0..args.count).map(|_| Fields::new()).collect::<Vec<_>>().len(),
    };
    Text(held.to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Bytes {
    bytes: usize,
}

/// Passes a text to the host in one call, which drops it: nobody listens to this level.
#[tool]
pub(crate) fn string(args: Bytes) -> Text {
    cofferdam_sdk::log::log(Level::Trace, "", &"x".repeat(args.bytes));
    Text("passed".to_owned())
}

/// Asks for random bytes at once.
#[tool]
pub(crate) fn random(args: Bytes) -> Text {
    Text(wasip2::random::random::get_random_bytes(args.bytes as u64).len().to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Lines {
    /// How many.
    lines: usize,
    /// What each begins with.
    #[serde(default)]
    text: String,
    /// Bytes of each, filled up with `l`.
    bytes: usize,
}

/// Writes log lines, all alike, without saying where they come from.
#[tool]
pub(crate) fn log(args: Lines) -> Text {
    let line = format!("{:l<1$}", args.text, args.bytes);
    for _ in 0..args.lines {
        cofferdam_sdk::log::log(Level::Info, "", &line);
    }
    Text(args.lines.to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Printed {
    /// How many lines.
    lines: usize,
    /// Bytes of each.
    bytes: usize,
    /// To standard error instead of standard output.
    #[serde(default)]
    error: bool,
}

/// Prints lines, all alike.
#[tool]
pub(crate) fn print(args: Printed) -> Result<Text, Error> {
    use std::io::Write as _;
    let line = "p".repeat(args.bytes) + "\n";
    for _ in 0..args.lines {
        if args.error {
            std::io::stderr().write_all(line.as_bytes())?;
        } else {
            std::io::stdout().write_all(line.as_bytes())?;
        }
    }
    std::io::stdout().flush()?;
    Ok(Text(args.lines.to_string()))
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Reports {
    reports: u32,
}

/// Reports progress, time and again.
#[tool]
pub(crate) fn progress(args: Reports) -> Text {
    for report in 0..args.reports {
        cofferdam_sdk::progress::report(report.into(), f64::from(args.reports), "going on");
    }
    Text(args.reports.to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Sleep {
    milliseconds: u64,
}

/// Waits in the host, where no instruction is counted.
#[tool]
pub(crate) fn sleep(args: Sleep) -> Text {
    monotonic_clock::subscribe_duration(args.milliseconds * 1_000_000).block();
    Text("woken".to_owned())
}
