use cofferdam_sdk::{Error, tool};

struct Plain;

/// Takes what cannot be read.
#[tool]
fn takes(_plain: Plain) -> u32 {
    1
}

/// Gives what cannot be written.
#[tool]
fn gives() -> Result<Plain, Error> {
    Ok(Plain)
}

/// Fails in its own way.
#[tool]
fn fails() -> Result<u32, std::fmt::Error> {
    Ok(1)
}

fn main() {}
