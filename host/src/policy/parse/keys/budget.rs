//! What calls may use together.

use super::{Key, Keys, Section, key};

const AT_ONCE: Key = key(
    "concurrent_calls",
    "a whole number",
    "the plan's",
    "Calls of the tenant that run at once; further ones wait for their turn.",
);

/// `[budget]` of a tenant's file.
pub(in crate::policy) static BUDGET: Section = Section {
    title: "[budget]",
    doc: "Of all the tenant's calls together; in force is the lesser of this and the ceiling's. Minutes, hours and days are \
          those of the clock in UTC; a call counts in those in which it is let in. Before it starts, the most that it may \
          use is reserved: its `[limits]`, as far as what it holds lets it use them. What it did not use is given back \
          when it ends. So a call is let in only where all that it may use still fits, and no budget is exceeded. One that \
          does not fit is refused with `budget-exceeded`, which says what is left and when the window is over. What was \
          used comes from the record: it outlives a crash, and a call that a crash interrupted is charged all that was \
          reserved for it. A new budget counts what was used before in the same window.",
    keys: Keys::Budgets(&[
        AT_ONCE,
        key(
            "for",
            "any number of tables, 1,000 at most",
            "only the tenant's own",
            "Further budgets, of single keys and packages.",
        ),
    ]),
    below: &[&BUDGET_FOR],
    renamed: RENAMED,
};

/// `[[budget.for]]`.
pub(in crate::policy) static BUDGET_FOR: Section = Section {
    title: "[[budget.for]]",
    doc: "Each key, each package, or each pair of them that a row names has these budgets for itself, beside the tenant's.",
    keys: Keys::Budgets(&[
        key(
            "principals",
            "a list of names of keys, 100 at most; `\"*\"` is every key",
            "it does not matter who calls",
            "Whose calls.",
        ),
        key(
            "tools",
            "a list of patterns, 100 at most",
            "it does not matter what is called",
            "Calls of which packages.",
        ),
    ]),
    below: &[],
    renamed: &[("keys", "principals"), ("principal", "principals"), ("tool", "tools"), ("packages", "tools")],
};

/// `[budget]` of the platform's.
pub(in crate::policy) static BUDGET_CAP: Section = Section {
    title: "[budget] of the ceiling",
    doc: "Each tenant's, with the keys that a policy's `[budget]` has.",
    keys: Keys::Budgets(&[AT_ONCE]),
    below: &[],
    renamed: RENAMED,
};

const RENAMED: &[(&str, &str)] = &[
    ("concurrency", "concurrent_calls"),
    ("requests_per_second", "calls_per_second"),
    ("rate", "calls_per_second"),
    ("cost_per_day", "model_cost_per_day"),
    ("tokens_per_day", "model_tokens_per_day"),
];
