//! How many of everything one tenant may have: what is kept for it is bounded, whatever it asks for.

use std::time::Duration;

/// Keys of a tenant that are valid at once.
pub(super) const KEYS_MAX: usize = 1_000;
/// A key's name, in characters.
pub(super) const KEY_NAME_CHARS_MAX: usize = 64;
/// Secrets of a tenant: all of them, sealed, are in memory with what its calls read.
pub(super) const SECRETS_MAX: usize = 100;
/// Components of a tenant.
pub(super) const COMPONENTS_MAX: u64 = 2_000;
/// What is kept of a tenant's components together, in bytes: what was found out about them, and what they say of their
/// tools, which is in memory where a version runs them.
pub(super) const FACTS_BYTES_MAX: u64 = 32 << 20;
/// Packages of a tenant.
pub(super) const PACKAGES_MAX: usize = 10_000;
/// Versions of a package.
pub(super) const VERSIONS_MAX: usize = if cfg!(test) { 4 } else { 1_000 };
/// A version's text, in bytes: it stands in every entry of a call of it, and of a route several do.
pub(super) const VERSION_BYTES_MAX: usize = 128;
/// Submissions of a tenant that nobody has decided on.
pub(super) const SUBMISSIONS_MAX: usize = 20;
/// Submissions that one answer lists.
pub(super) const SUBMISSIONS_LISTED_MAX: usize = 1_000;
/// A message about a version or a tenant, in bytes.
pub(super) const MESSAGE_BYTES_MAX: usize = 1_000;
/// Entries that one answer gives.
pub(super) const ENTRIES_MAX: usize = 1_000;
/// Entries that are looked at for one answer.
pub(super) const ENTRIES_SEEN_MAX: usize = 100_000;
/// Days that one usage report covers.
pub(super) const USAGE_DAYS_MAX: u64 = 100;
/// Entries that a policy is tried on at most: some hundred thousand calls.
pub(super) const TRIAL_ENTRIES_MAX: u64 = 1_000_000;
/// How long that may take; within the time that any operation has.
pub(super) const TRIAL_TIME_MAX: Duration = Duration::from_secs(30);
/// Calls that one answer about a trial names.
pub(super) const CALLS_LISTED_MAX: usize = 50_000;
/// Pieces of work on texts at once: each takes a core.
pub(super) const DESK_MAX: usize = 2;
/// How long comparing a policy for one package after the other may take.
pub(super) const COMPARE_TIME_MAX: Duration = Duration::from_secs(10);
/// Tenants whose records are looked through at once: each takes a thread and a core.
pub(super) const READERS_MAX: usize = 2;
