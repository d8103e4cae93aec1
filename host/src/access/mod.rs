//! Who may do what: Cedar, asked of the platform's rules first, then of the key's scopes, then of the tenant's own rules.
//! Pure: reads and decides, and does nothing.
//!
//! Three sets of rules, none of which is copied into another. The platform's only forbid, and what they forbid nobody can
//! permit. The scopes' are built in and the same for all: they are the most that a key may do. The tenant's take away from
//! that: `forbid`s always, and where a `permit` speaks of an action, whatever no `permit` covers. So each set only takes
//! away, and a tenant without rules is left with what scopes say. A rule that fails while it is asked denies.

mod action;
mod decide;
mod nearest;
mod question;
mod rules;
mod schema;
#[cfg(test)]
mod tests;

pub use self::action::{Action, On};
pub use self::decide::{Denied, Verdict, decide, forbidden_by_scopes};
pub use self::question::{Moment, Question, Resource, Who};
pub use self::rules::{RuleWarning, Rules, Side, check};
pub use self::schema::{SCHEMA, reference};
