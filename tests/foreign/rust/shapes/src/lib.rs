//! Functions over every type that WIT has values of.

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    wit_bindgen::generate!({ world: "shapes", path: "wit", generate_all });
}

use bindings::Guest;
use bindings::exports::acme::shapes::echo::{self, Colour, Permissions, Point, Shape};

struct Component;

impl Guest for Component {
    fn area(width: f64, height: f64) -> Result<f64, String> {
        if width < 0.0 || height < 0.0 { Err("a side is negative".to_owned()) } else { Ok(width * height) }
    }

    fn greet(name: Option<String>) -> String {
        format!("Hello, {}!", name.as_deref().unwrap_or("whoever you are"))
    }

    fn forget() {}
}

/// Each gives back what it is given.
macro_rules! echo {
    ($($name:ident: $of:ty),* $(,)?) => {
        impl echo::Guest for Component {
            $(fn $name(value: $of) -> $of { value })*
            fn outcome(value: Result<u32, String>) -> (Result<u32, String>,) { (value,) }
        }
    };
}

echo! {
    flag: bool,
    small: u8,
    wide: u64,
    signed: i64,
    single: f32,
    double: f64,
    letter: char,
    text: String,
    bytes: Vec<u8>,
    numbers: Vec<i32>,
    pair: (String, u16),
    place: Point,
    figure: Shape,
    paint: Colour,
    rights: Permissions,
    maybe: Option<u32>,
    maybe_maybe: Option<Option<String>>,
}

bindings::export!(Component with_types_in bindings);
