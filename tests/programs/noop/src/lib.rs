//! The least that a tool can do. Bystanders call it while something else goes wrong, and the benchmark measures what the
//! host adds to it.

use cofferdam_sdk::{Text, tool, tools};

/// Answers `ok`.
#[tool(read_only, idempotent)]
fn noop() -> Text {
    Text("ok".to_owned())
}

tools!(noop);
