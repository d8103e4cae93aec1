use cofferdam_sdk::tool;

/// A name.
#[tool(name = "Word Count")]
fn spaced() -> u32 {
    1
}

/// A name.
#[tool]
fn _hidden() -> u32 {
    1
}

/// A name.
#[tool]
#[allow(non_snake_case)]
fn wordCount() -> u32 {
    1
}

/// A name.
#[tool(name = "a-name-that-is-longer-than-any-name-of-a-tool-may-be-because-agents-read-it")]
fn long() -> u32 {
    1
}

fn main() {}
