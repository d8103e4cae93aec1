//! Memory: what another call may have left in it, and what the host may be made to read of it.

use std::hint::black_box;

use cofferdam_sdk::{Text, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Half of the pattern. The whole is only ever made in registers, so that a component's own data cannot be taken for
/// what a call left.
const HALF: u64 = 0x5ec2_e7c0_ffee_0a11;

fn pattern() -> u64 {
    black_box(HALF) ^ black_box(0x1234_5678_9abc_def0)
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Leave {
    /// Pages of 64 KiB to fill beyond what it has.
    pages: usize,
}

/// Fills memory with a pattern: the heap, fresh pages, and some of the stack.
#[tool]
pub(crate) fn residue_leave(args: Leave) -> Text {
    let heap = black_box(vec![pattern(); 32 << 10]);
    let stack = black_box([pattern(); 4 << 10]);
    let before = core::arch::wasm32::memory_grow::<0>(args.pages);
    assert!(before != usize::MAX, "no memory");
    let words = args.pages << 13;
    for word in 0..words {
        // SAFETY: the pages were just given, and nobody else knows of them.
        unsafe { ((before << 16) as *mut u64).add(word).write_volatile(pattern()) };
    }
    Text((words + heap.len() + stack.len()).to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Look {
    /// Pages of 64 KiB to ask for, which have to be empty.
    pages: usize,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Seen {
    /// Words of the pattern in all of the memory.
    pattern: usize,
    /// Words of fresh pages that are not zero.
    fresh: usize,
    /// Words that were looked at.
    words: usize,
}

/// Looks for what another call left: through all memory that there is, and through fresh pages.
#[tool]
pub(crate) fn residue_look(args: Look) -> Seen {
    let before = core::arch::wasm32::memory_grow::<0>(args.pages);
    assert!(before != usize::MAX, "no memory");
    let (words, fresh_from) = (core::arch::wasm32::memory_size::<0>() << 13, before << 13);
    let mut seen = Seen { pattern: 0, fresh: 0, words };
    for word in 1..words {
        // SAFETY: within the memory. Others may change it meanwhile, but this is the only thread.
        let found = unsafe { ((word << 3) as *const u64).read_volatile() };
        seen.pattern += usize::from(found == pattern());
        seen.fresh += usize::from(word >= fresh_from && found != 0);
    }
    seen
}

#[link(wasm_import_module = "wasi:logging/logging@0.1.0-draft")]
unsafe extern "C" {
    /// As the canonical ABI has it: a level, and two texts.
    #[link_name = "log"]
    fn raw_log(level: i32, context: usize, context_length: usize, message: usize, message_length: usize);
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Lift {
    /// Where the text is said to begin.
    at: usize,
    /// How long it is said to be.
    length: usize,
}

/// Has the host read a text that is not there, or too much of what is.
#[tool]
pub(crate) fn lift(args: Lift) -> Text {
    // SAFETY: the host checks; that it does is what is tried.
    unsafe { raw_log(0, 8, 0, args.at, args.length) };
    Text("lifted".to_owned())
}
