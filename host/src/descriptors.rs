//! File descriptors: connections take them, and so do the journal, the store and what guests open. A host that is out of
//! them can record nothing, so connections get a share of what there is at most.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The share of connections to this host: one in so many descriptors.
pub(crate) const INBOUND: u64 = 2;
/// The share of connections that calls make.
pub(crate) const OUTBOUND: u64 = 4;

/// Raises the process's limit as far as it may, and gives how many of `asked` connections there are descriptors for,
/// when one in `share` of all may be theirs.
pub(crate) fn connections(asked: usize, share: u64) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limit.maximum,
        Err(error) => {
            tracing::debug!(%error, "the limit of open files stays as it is");
            limit.current
        }
    };
    // No number stands for no limit.
    let most = current.map_or(usize::MAX, |files| usize::try_from(files / share).unwrap_or(usize::MAX));
    if most < asked {
        tracing::warn!(asked, connections = most, "fewer connections than asked for: raise the limit of open files");
    }
    asked.min(most.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(connections(1, INBOUND), 1);
        let (inbound, outbound) = (connections(usize::MAX, INBOUND), connections(usize::MAX, OUTBOUND));
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(limit.current.is_none_or(|files| inbound as u64 <= files / 2 && outbound as u64 <= files / 4));
    }
}
