//! Counting tokens without the provider's tokenizer: bounds for what is reserved, and for what providers report.

/// Bytes of a token, in most texts of most languages: what conditions of routes are held against.
const BYTES_USUAL: u64 = 4;
/// More bytes than one token is likely to have: a provider that reports fewer tokens is not believed.
const BYTES_MOST: u64 = 16;
/// Fewer bytes than a token usually has: what is reckoned where nothing is reported.
const BYTES_FEW: u64 = 3;

/// About how many tokens a text of so many bytes comes to.
pub(super) const fn estimate(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_USUAL)
}

/// How many tokens a text of so many bytes is charged as where nobody says how many they are.
pub(super) const fn reckoned(bytes: u64) -> u64 {
    bytes.div_ceil(BYTES_FEW)
}

/// What is charged for `bytes` of which the provider says that they came to `reported` tokens: that, but no fewer than
/// such a text has at least, and no more than was reserved. Where it says nothing, a generous reckoning.
pub(super) fn counted(reported: Option<u64>, bytes: u64, most: u64) -> u64 {
    let count = match reported {
        Some(reported) => reported.max(bytes.div_ceil(BYTES_MOST)),
        None => reckoned(bytes),
    };
    count.min(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_believed_within_what_can_be() {
        for (reported, bytes, most, charged) in [
            (Some(100), 400, 1_000, 100),
            // Too few, too many, none at all.
            (Some(0), 400, 1_000, 25),
            (Some(u64::MAX), 400, 1_000, 1_000),
            (None, 400, 1_000, 134),
            (None, 0, 1_000, 0),
        ] {
            assert_eq!(counted(reported, bytes, most), charged, "{reported:?} for {bytes} bytes");
        }
        assert_eq!(estimate(9), 3);
    }
}
