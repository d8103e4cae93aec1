//! Requests.

use std::time::Duration;

use cofferdam_sdk::http::{Request, Response};
use cofferdam_sdk::{Error, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The most that a response's body is read.
const BODY_BYTES_MAX: usize = 32 << 20;

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Ask {
    url: String,
    #[serde(default = "get")]
    method: String,
    /// How often, one after the other.
    #[serde(default = "one")]
    times: usize,
    /// Bytes of the request's body.
    #[serde(default)]
    body_bytes: usize,
    /// Bytes of one further header of the request.
    #[serde(default)]
    header_bytes: usize,
    /// What the guest itself would wait.
    timeout_ms: Option<u64>,
}

fn get() -> String {
    "GET".to_owned()
}

fn one() -> usize {
    1
}

#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Asked {
    /// How many were answered whole.
    answered: usize,
    /// The last status.
    status: u16,
    /// Bytes of the last body.
    bytes: usize,
    /// The last `location`.
    location: Option<String>,
    /// Why it stopped, where it did.
    error: Option<String>,
    /// Whether that was a denial.
    denied: bool,
}

/// Asks a server, and says what came of it.
#[tool]
pub(crate) fn http(args: Ask) -> Asked {
    let mut asked = Asked::default();
    for _ in 0..args.times {
        if let Err(error) = once(&args, &mut asked) {
            asked.denied = error.kind() == cofferdam_sdk::ErrorKind::Denied;
            asked.error = Some(error.text().to_owned());
            break;
        }
        asked.answered += 1;
    }
    asked
}

fn once(args: &Ask, asked: &mut Asked) -> Result<(), Error> {
    let mut request = Request::new(args.method.as_str(), args.url.as_str()).body(vec![b'b'; args.body_bytes]);
    if args.header_bytes > 0 {
        request = request.header("x-filled", "h".repeat(args.header_bytes));
    }
    if let Some(timeout) = args.timeout_ms {
        request = request.timeout(Duration::from_millis(timeout));
    }
    let response: Response = request.send()?;
    asked.status = response.status();
    asked.location = response.header("location").map(str::to_owned);
    asked.bytes = response.bytes(BODY_BYTES_MAX)?.len();
    Ok(())
}
