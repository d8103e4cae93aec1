//! Turns of a processor's time: who has the next one, how long it took, and how long the operating system lets a thread
//! go on that others wait for.

mod brief;
mod queue;
mod slice;

#[cfg(test)]
pub(crate) use self::brief::own_turn;
pub(crate) use self::brief::{GUEST, SERVING, brief, give_way, only_when_idle};
pub(crate) use self::queue::FairQueue;
pub(crate) use self::slice::Slice;
