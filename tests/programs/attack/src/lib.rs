//! Tools that mean harm, each by another way: at what a guest is not given, at what another call left, at the host's own
//! memory, at the format of an answer. None of them may get anywhere.

mod breaks;
mod egress;
mod escape;
mod loot;
mod memory;
mod outside;

use cofferdam_sdk::tools;

use breaks::{break_down, fail, lie};
use egress::{connect, header_flood, request};
use escape::reach;
use loot::dump;
use memory::{lift, residue_leave, residue_look};
use outside::{clocks, settings, surroundings};

tools!(
    break_down,
    clocks,
    connect,
    dump,
    fail,
    header_flood,
    lie,
    lift,
    reach,
    request,
    residue_leave,
    residue_look,
    settings,
    surroundings,
);
