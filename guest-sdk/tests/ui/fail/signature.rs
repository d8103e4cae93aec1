use cofferdam_sdk::tool;

/// Adds.
#[tool]
fn two_arguments(a: u32, b: u32) -> u32 {
    a + b
}

/// Waits.
#[tool]
async fn waits() -> u32 {
    1
}

/// Takes anything.
#[tool]
fn generic<T: serde::de::DeserializeOwned>(_given: T) -> u32 {
    1
}

/// Borrows.
#[tool]
fn borrows(text: &str) -> usize {
    text.len()
}

/// Promises nothing.
#[tool]
unsafe extern "C" fn foreign() -> u32 {
    1
}

/// Answers with something.
#[tool]
fn hidden() -> impl serde::Serialize {
    1
}

struct Counter;

impl Counter {
    /// Counts.
    #[tool]
    fn method(&self) -> u32 {
        1
    }
}

fn main() {}
