use cofferdam_sdk::tool;

#[tool]
fn undescribed() -> u32 {
    1
}

///
#[tool]
fn says_nothing() -> u32 {
    1
}

#[doc = include_str!("no_description.rs")]
#[tool]
fn elsewhere() -> u32 {
    1
}

fn main() {}
