//! File descriptors: connections take them, and so do the journal, the store and what guests open. A host that is out of
//! them can record nothing, so connections get half of what there is at most.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the process's limit as far as it may, and gives how many of `asked` connections there are descriptors for.
pub(super) fn connections(asked: usize) -> usize {
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
    let half = current.map_or(usize::MAX, |files| usize::try_from(files / 2).unwrap_or(usize::MAX));
    if half < asked {
        tracing::warn!(asked, connections = half, "fewer connections than asked for: raise the limit of open files");
    }
    asked.min(half.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_leave_descriptors_for_the_rest() {
        assert_eq!(connections(1), 1);
        let most = connections(usize::MAX);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(limit.current.is_none_or(|files| most as u64 <= files / 2));
    }
}
