//! How long a thread's turn at a processor is: what serves everybody has the shortest, and so is let in where a guest computes.
//!
//! A request goes from thread to thread: front door, journal, front door. Where guests keep every processor busy, each of
//! them would wait until the scheduler of the operating system ends a guest's turn by itself: up to 4 ms, several times a
//! request. Being favoured by niceness does not help, which says how much a thread gets and not how soon.

use std::time::Duration;

use rustix::process::{getpriority_process, setpriority_process};
use rustix::thread::gettid;

/// Of a thread that serves everybody: the least that the kernel takes. A request's way through one is about as long.
pub(crate) const SERVING: Duration = Duration::from_micros(100);
/// Of a thread that guests run on: longer, so that the others come before it, and about what it does before it looks for who is
/// next.
pub(crate) const GUEST: Duration = Duration::from_micros(200);

/// Has the calling thread served in turns of this length, and no thread or process that it starts.
///
/// Linux knows the length of a turn (`sched_runtime` of a thread that is no real-time one, see sched(7)) since 6.12. Before
/// that it is ignored; where it is refused, or the host runs under another scheduling policy than the usual one, all goes on
/// as it does without.
pub(crate) fn brief(turn: Duration) {
    set(libc::SCHED_OTHER, libc::SCHED_FLAG_RESET_ON_FORK, turn);
}

/// Has the calling thread get less of a processor than those that are less nice, and whatever it starts.
pub(crate) fn give_way(nice: i32) {
    // A courtesy: a host that may not set it still runs.
    let _ = setpriority_process(Some(gettid()), nice);
}

/// Has the calling thread served where nothing of the host's own wants to run, and whatever it starts: it is set aside as soon
/// as something does, whatever the length of its turn. What computes in short turns and gives way after each would else come
/// behind what does neither. Whether it is so.
pub(crate) fn only_when_idle() -> bool {
    set(libc::SCHED_IDLE, 0, Duration::ZERO)
}

/// Sets the calling thread's policy, with its flags, and the length of its turns: zero for the usual one. Nothing where it runs
/// under another policy than the usual one already. Whether it is set.
fn set(policy: libc::c_int, flags: libc::c_int, turn: Duration) -> bool {
    // Niceness is set with it, and who may not become less nice may not set anything: it has to be what it is.
    let nice = getpriority_process(None).unwrap_or(0);
    let size = size_of::<libc::sched_attr>();
    let attributes = libc::sched_attr {
        size: u32::try_from(size).unwrap_or_default(),
        sched_policy: policy.cast_unsigned(),
        sched_flags: u64::from(flags.cast_unsigned()),
        sched_nice: nice,
        sched_priority: 0,
        sched_runtime: u64::try_from(turn.as_nanos()).unwrap_or_default(),
        sched_deadline: 0,
        sched_period: 0,
    };
    // SAFETY: the first call reads nothing of ours. The second reads `size` bytes, which are there and all initialised, and keeps
    // no pointer. It changes nothing but when the calling thread (0) runs.
    #[expect(unsafe_code, reason = "neither the standard library nor a crate has safe calls for them")]
    unsafe {
        libc::sched_getscheduler(0) == libc::SCHED_OTHER
            && libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) == 0
    }
}

/// Of this thread, as the kernel tells it; nothing where it is too old for that, or does not tell.
#[cfg(test)]
fn own(what: &str) -> Option<String> {
    let told = std::fs::read_to_string("/proc/thread-self/sched").ok()?;
    let line = told.lines().find(|line| line.starts_with(what))?;
    Some(line.rsplit(':').next()?.trim().to_owned())
}

/// How long this thread's turns are, in nanoseconds.
#[cfg(test)]
pub(crate) fn own_turn() -> Option<String> {
    own("se.slice")
}

#[cfg(test)]
mod tests {
    use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities};

    use super::*;

    #[test]
    fn a_thread_has_short_turns_and_what_it_starts_has_not() {
        let usual = own_turn();
        let (own, inherited) = std::thread::spawn(|| {
            brief(SERVING);
            (own_turn(), std::thread::spawn(own_turn).join().unwrap())
        })
        .join()
        .unwrap();
        assert_eq!(own, usual.as_ref().map(|_| SERVING.as_nanos().to_string()));
        assert_eq!(inherited, usual);
    }

    #[test]
    fn what_runs_only_when_idle_starts_nothing_that_does_not_and_needs_no_privilege_for_it() {
        let usual = own("policy");
        let policies = std::thread::spawn(|| {
            // As a host that is not root, and a child that is nice already.
            let none = CapabilitySet::empty();
            set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none }).unwrap();
            give_way(19);
            assert!(only_when_idle());
            // As it is, it stays.
            brief(SERVING);
            [own("policy"), std::thread::spawn(|| own("policy")).join().unwrap()]
        });
        let idle = usual.map(|_| libc::SCHED_IDLE.to_string());
        assert_eq!(policies.join().unwrap(), [idle.clone(), idle]);
    }

    #[test]
    fn what_gives_way_is_nicer() {
        let niceness = || getpriority_process(Some(gettid())).unwrap();
        let before = niceness();
        let after = std::thread::spawn(move || {
            give_way(19);
            niceness()
        });
        assert_eq!((after.join().unwrap(), niceness()), (19, before));
    }
}
