use cofferdam_sdk::tools;

fn plain() -> u32 {
    1
}

struct Type;

tools!(plain, Type);

fn main() {}
