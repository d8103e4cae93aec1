//! `[cache]`: earlier answers that may stand in where there is no room for a call.

use super::{Keys, Section, key};

const TIME: &str = "a time such as `\"10m\"`, from `\"1s\"` to `\"1day\"`";

const RENAMED: &[(&str, &str)] =
    &[("ttl", "time"), ("expires", "time"), ("bytes", "bytes_max"), ("max_bytes", "bytes_max")];

/// `[cache]` of a tenant's file.
pub(in crate::policy) static CACHE: Section = Section {
    title: "[cache]",
    doc: "Where a budget or the host has no room for a call, the answer that the very same call had before may stand \
          in for it: of the same tool and component, with the same arguments and grants, under the same policy and \
          ceiling; of a route, the one of the choice that would take the call if there were room. The reply and the \
          record say so. At most 100 stand in within a second; further calls are refused. It is for tools alone that \
          say of themselves that they are read-only and idempotent, and of which that follows from what they hold, \
          too: nothing that they could change, no network, nothing whose answers vary. A call that has to be \
          approved is never answered so. Answers are in memory only.",
    keys: Keys::These(&[
        key(
            "tools",
            "a list of patterns as in `[tools]`, 100 at most",
            "no answer is kept",
            "Packages whose answers are kept.",
        ),
        key("time", TIME, "`\"10m\"`", "How old an answer may be."),
        key("bytes_max", "a size", "1 MiB", "What all kept answers may take; the oldest make room."),
    ]),
    below: &[],
    renamed: RENAMED,
};

/// `[cache]` of the platform's file.
pub(in crate::policy) static CACHE_CAP: Section = Section {
    title: "[cache] of the ceiling",
    doc: "",
    keys: Keys::These(&[
        key("time", TIME, "as tenants say", "How old an answer of any tenant may be at most."),
        key(
            "bytes_max",
            "a size",
            "16 MiB",
            "What the kept answers of each tenant may take at most; 0: none are kept.",
        ),
    ]),
    below: &[],
    renamed: RENAMED,
};
