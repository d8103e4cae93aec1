//! Findings as they come in: the first ones are kept, the rest are counted.

use super::Finding;

/// The list, with its cap.
#[derive(Debug)]
pub(super) struct Findings {
    list: Vec<Finding>,
    max: usize,
    more: u64,
}

impl Findings {
    pub(super) const fn new(max: usize) -> Self {
        Self { list: Vec::new(), max, more: 0 }
    }

    pub(super) fn add(&mut self, finding: Finding) {
        if self.list.len() < self.max {
            self.list.push(finding);
        } else {
            self.more += 1;
        }
    }

    /// Whether something about entries at `first` or behind, and before `until`, was found.
    pub(super) fn touch(&self, first: u64, until: u64) -> bool {
        self.list.iter().any(|finding| finding.entry.is_some_and(|entry| (first..until).contains(&entry)))
    }

    /// The list, and how many more there were.
    pub(super) fn into_parts(mut self) -> (Vec<Finding>, u64) {
        // As they lie in the log; what is about no entry comes first, and equals stay in the order of their finding.
        self.list.sort_by_key(|finding| finding.entry);
        (self.list, self.more)
    }
}
