use cofferdam_sdk::tool;

/// Reads.
#[tool(readonly)]
fn misspelt() -> u32 {
    1
}

/// Reads and destroys.
#[tool(read_only, destructive)]
fn contradicts() -> u32 {
    1
}

/// Reads.
#[tool(read_only = true)]
fn valued() -> u32 {
    1
}

/// Reads.
#[tool(title = "A", title = "B")]
fn twice() -> u32 {
    1
}

/// Reads.
#[tool(title = "  ")]
fn untitled() -> u32 {
    1
}

fn main() {}
