//! Load by `oha`, a generator that others wrote, in a process of its own on the generator's core. A request leaves at its
//! time where a connection is free, and is measured from that time in any case, so that a slow host does not look quick.
//! Bounded in count by rate and duration; in time, too: what has not ended by then is killed.
//!
//! It shows statuses, and no headers or bodies of answers: what needs those is sent by `open`.

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use tokio::process::Command;

use super::machine::{CORES, GIVING_WAY};

/// How long one request may take until it counts as failed.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How long the whole may take beyond its duration.
const GRACE: Duration = Duration::from_secs(30);

/// A load of one tenant.
#[derive(Debug, Clone)]
pub(crate) struct Oha {
    /// Where the program is.
    pub(crate) program: PathBuf,
    pub(crate) server: SocketAddr,
    pub(crate) key: String,
    /// What `POST /v1/calls` is sent.
    pub(crate) body: String,
    /// Each has one request at a time; what finds none free waits, and is measured with that.
    pub(crate) connections: usize,
    /// Requests a second.
    pub(crate) rate: f64,
    pub(crate) duration: Duration,
    pub(crate) kind: Kind,
}

/// What it is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    /// To be measured: each request is waited for.
    Measured,
    /// To be a burden: gives way to whatever else runs on its core, and gives up at its end what is not answered.
    Flood,
}

/// What came of a load.
#[derive(Debug)]
pub(crate) struct Came {
    /// Requests that were due.
    pub(crate) asked: u64,
    /// Those that succeeded.
    pub(crate) answered: u64,
    /// Milliseconds, of those that succeeded; no number where none did.
    pub(crate) p99: f64,
    /// Seconds from the first request to the last answer.
    pub(crate) seconds: f64,
    /// What became of the others: a status, or why there is none, and how often.
    pub(crate) others: BTreeMap<String, u64>,
}

impl Oha {
    /// Sends it.
    pub(crate) async fn run(&self) -> Came {
        let limit = self.duration + GRACE;
        let mut command = self.command();
        let Ok(output) = tokio::time::timeout(limit, command.output()).await else {
            // Killed, and with it what it knew. That the host hardly answers is a result, too.
            let (asked, others) = (self.requests(), [(format!("not ended within {limit:?}"), self.requests())].into());
            return Came { asked, answered: 0, p99: f64::NAN, seconds: limit.as_secs_f64(), others };
        };
        let output = output.unwrap_or_else(|error| panic!("{} cannot be run: {error}", self.program.display()));
        let (told, complaint) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "oha: {}: {complaint}", output.status);
        let printed = serde_json::from_str(&told);
        let printed: Printed =
            printed.unwrap_or_else(|error| panic!("what oha printed is not as expected: {error}\n{told}{complaint}"));
        match self.kind {
            Kind::Measured => printed.came(Some(self.requests())),
            Kind::Flood => printed.came(None),
        }
    }

    fn requests(&self) -> u64 {
        (self.rate * self.duration.as_secs_f64()).round() as u64
    }

    fn command(&self) -> Command {
        let core = CORES[1].to_string();
        let mut command = Command::new("taskset");
        command.args(["-c", &core]);
        if matches!(self.kind, Kind::Flood) {
            command.args(GIVING_WAY);
        }
        command.arg(&self.program).args(["--no-tui", "--output-format", "json", "--stats-success-breakdown"]);
        // One core, one thread.
        command.args(["--worker-threads", "1", "--disable-compression"]);
        command.args(["-m", "POST", "-T", "application/json", "-d", &self.body]);
        command.args(["-H", &format!("authorization: Bearer {}", self.key)]);
        command.args(["-c", &self.connections.to_string(), "-q", &self.rate.to_string()]);
        command.args(["-t", &format!("{}s", TIMEOUT.as_secs())]);
        match self.kind {
            Kind::Measured => command.args(["--latency-correction", "-n", &self.requests().to_string()]),
            Kind::Flood => command.args(["-z", &format!("{}ms", self.duration.as_millis())]),
        };
        command.arg(format!("http://{}/v1/calls", self.server));
        command.stdin(Stdio::null()).kill_on_drop(true);
        command
    }
}

impl Came {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    /// Requests that were due and did not succeed.
    pub(crate) fn errors(&self) -> u64 {
        self.others.values().sum()
    }
}

/// What it prints, as far as it is read here. What is missing is an error: another version may mean something else.
#[derive(Debug, Deserialize)]
struct Printed {
    summary: Summary,
    #[serde(rename = "latencyPercentilesSuccessful")]
    latencies: Latencies,
    #[serde(rename = "statusCodeDistribution")]
    statuses: BTreeMap<u16, u64>,
    #[serde(rename = "errorDistribution")]
    errors: BTreeMap<String, u64>,
}

#[derive(Debug, Deserialize)]
struct Summary {
    /// Seconds.
    total: f64,
}

#[derive(Debug, Deserialize)]
struct Latencies {
    /// Seconds; null where nothing succeeded.
    #[serde(deserialize_with = "or_none")]
    p99: f64,
}

/// A number, or null for none; that it is not there at all stays an error.
fn or_none<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

impl Printed {
    /// `due` requests, where that is known beforehand.
    fn came(self, due: Option<u64>) -> Came {
        let Self { summary, latencies, statuses, errors } = self;
        let told: u64 = statuses.values().chain(errors.values()).sum();
        let asked = due.unwrap_or(told);
        let answered = statuses.get(&200).copied().unwrap_or(0);
        let others = statuses.into_iter().filter(|(status, _)| *status != 200);
        let mut others: BTreeMap<_, _> =
            others.map(|(status, many)| (status.to_string(), many)).chain(errors).collect();
        if asked > told {
            others.insert("never sent".to_owned(), asked - told);
        }
        Came { asked, answered, p99: latencies.p99 * 1e3, seconds: summary.total, others }
    }
}
