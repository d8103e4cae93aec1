use cofferdam_sdk::{tool, tools};

/// Counts.
#[tool]
fn count() -> u32 {
    1
}

/// Counts, too.
#[tool(name = "count")]
fn count_again() -> u32 {
    1
}

/// Something else.
#[tool]
fn other() -> u32 {
    1
}

tools!(count, other, count_again);

fn main() {}
