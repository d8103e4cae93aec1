cofferdam_sdk::tools!();

fn main() {}
