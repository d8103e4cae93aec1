//! How calls wait for their turn.

use super::{Key, Keys, Section, key};

const MOST: Key = key(
    "priority_max",
    "`\"low\"`, `\"normal\"` or `\"high\"`",
    "`\"normal\"`",
    "How important a call may say that it is; what asks for more gets this.",
);

/// `[admission]` of a tenant's file.
pub(in crate::policy) static ADMISSION: Section = Section {
    title: "[admission]",
    doc: "A call can say how important it is: `priority` is `\"low\"`, `\"normal\"` or `\"high\"`. Where calls of the tenant \
          wait, those that matter more start first, and those that matter less are given up first. Other tenants' calls \
          are not touched by it: how much each gets is the platform's to say.",
    keys: Keys::These(&[
        MOST,
        key("for", "any number of tables, 100 at most", "for all keys alike", "What single keys may say."),
    ]),
    below: &[&ADMISSION_FOR],
    renamed: &[("priority", "priority_max")],
};

/// `[[admission.for]]`.
pub(in crate::policy) static ADMISSION_FOR: Section = Section {
    title: "[[admission.for]]",
    doc: "The first one that names the key is in force.",
    keys: Keys::These(&[
        key("principals", "a list of names of keys, 100 at most; `\"*\"` is every key", "", "Whose calls."),
        key("priority_max", "`\"low\"`, `\"normal\"` or `\"high\"`", "", "How important they may say that they are."),
    ]),
    below: &[],
    renamed: &[("keys", "principals"), ("principal", "principals"), ("priority", "priority_max")],
};

/// `[admission]` of the platform's.
pub(in crate::policy) static ADMISSION_CAP: Section = Section {
    title: "[admission] of the ceiling",
    doc: "",
    keys: Keys::These(&[key(
        "priority_max",
        "`\"low\"`, `\"normal\"` or `\"high\"`",
        "`\"high\"`",
        "How important any tenant's calls may be.",
    )]),
    below: &[],
    renamed: &[("priority", "priority_max")],
};

/// `[[plan]]`.
pub(in crate::policy) static PLAN: Section = Section {
    title: "[[plan]]",
    doc: "What tenants have beside each other; the first one that names a tenant is its plan. Where the host cannot run all \
          calls at once, each tenant gets processor time by its weight: what its calls take is measured, so that dear ones \
          get it no more than cheap ones. A call waits for its turn for as long as `serve --call-wait-max` says. It is \
          given up sooner where the host has been late with its tenant's calls for half a second: after 100 ms where it is \
          of low priority, after 200 ms where of normal. Refusals are `throttled` for what is the tenant's own, \
          `overloaded` for what is the host's; `retry-after` is how long the line takes at its present pace.",
    keys: Keys::These(&[
        key("tenants", "a list of names, 100 at most; `\"team-*\"` is those that begin so", "", "Whose plan it is."),
        key("weight", "a whole number from 1 to 1,000", "`1`", "How many times as much as a tenant of weight 1."),
        key(
            "concurrent_calls",
            "a whole number",
            "`serve --tenant-calls-max`",
            "Calls of the tenant that run at once.",
        ),
        key("queue_calls", "a whole number", "`1024`", "Calls of the tenant that wait; further ones are refused."),
    ]),
    below: &[],
    renamed: &[("tenant", "tenants"), ("concurrency", "concurrent_calls"), ("queue", "queue_calls")],
};
