//! Fuel, memory, stack.

use std::hint::black_box;

use cofferdam_sdk::{Text, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Rounds {
    /// How often; without it, for ever.
    rounds: Option<u64>,
}

impl Rounds {
    fn each(&self, mut turn: impl FnMut(u64)) {
        let mut done = 0;
        while self.rounds.is_none_or(|rounds| done < rounds) {
            turn(black_box(done));
            done += 1;
        }
    }
}

/// Turns round and round without asking the host for anything: uses fuel, and time.
#[tool]
pub(crate) fn spin(rounds: Rounds) -> Text {
    let mut sum = 0_u64;
    rounds.each(|round| sum = black_box(sum.wrapping_mul(31).wrapping_add(round)));
    Text(sum.to_string())
}

/// Turns round and round asking the host for the time: a loop that hardly computes.
#[tool]
pub(crate) fn spin_host(rounds: Rounds) -> Text {
    let mut sum = 0_u64;
    rounds.each(|_| sum = black_box(sum.wrapping_add(wasip2::clocks::monotonic_clock::now())));
    Text(sum.to_string())
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Pages {
    /// Pages of 64 KiB to ask for at once.
    pages: usize,
    /// Break down where they are refused, as most programs would.
    #[serde(default)]
    or_break: bool,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Grown {
    /// Whether they were given.
    given: bool,
    /// Pages that the memory has now.
    pages: usize,
}

/// Asks for memory, and touches every page of it.
#[tool]
pub(crate) fn grow(args: Pages) -> Grown {
    let before = core::arch::wasm32::memory_grow::<0>(args.pages);
    let given = before != usize::MAX;
    assert!(given || !args.or_break, "no memory");
    if given {
        for page in before..before + args.pages {
            let first = (page << 16) as *mut u8;
            // SAFETY: the page was just given, and nobody else knows of it.
            unsafe { first.write_volatile(1) };
        }
    }
    Grown { given, pages: core::arch::wasm32::memory_size::<0>() }
}

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Depth {
    /// How deep; without it, without end.
    depth: Option<u64>,
}

/// Calls itself, and keeps nothing in memory while it does: what grows is the stack of the machine.
#[tool]
pub(crate) fn recurse(args: Depth) -> Text {
    #[inline(never)]
    fn down(left: u64) -> u64 {
        // Hidden from the compiler, which would make a loop of it.
        if black_box(left) == 0 { 0 } else { black_box(down(left - 1)) + 1 }
    }
    Text(down(args.depth.unwrap_or(u64::MAX)).to_string())
}
