//! Functions that give back more than they should, or nothing ever.

mod bindings {
    #![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
    wit_bindgen::generate!({ world: "hostile", path: "wit" });
}

use bindings::Guest;

struct Component;

type Nested = Option<Option<Option<Option<Option<String>>>>>;

impl Guest for Component {
    fn lift_list(length: u32) -> Vec<u64> {
        // SAFETY: not sound, which is the point: the host has to find out before it reads. The process ends with the call.
        unsafe { Vec::from_raw_parts(std::ptr::dangling_mut::<u64>(), length as usize, length as usize) }
    }

    fn lift_text(length: u32) -> String {
        // SAFETY: as above.
        unsafe { String::from_raw_parts(8 as *mut u8, length as usize, length as usize) }
    }

    fn long_list(length: u32) -> Vec<u64> {
        vec![u64::MAX; length as usize]
    }

    fn long_text(length: u32) -> String {
        "\u{1}".repeat(length as usize)
    }

    fn nested(times: u32) -> Vec<Nested> {
        vec![Some(Some(Some(Some(Some("x".repeat(100)))))); times as usize]
    }

    fn spin() {
        loop {
            std::hint::black_box(0);
        }
    }

    fn hoard() {
        let mut held = Vec::new();
        loop {
            held.push(std::hint::black_box(vec![1_u8; 1 << 20]));
        }
    }

    fn break_down() {
        panic!("on purpose");
    }
}

bindings::export!(Component with_types_in bindings);
