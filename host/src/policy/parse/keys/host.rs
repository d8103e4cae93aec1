//! What is kept, what is trusted, and what tenants may store.

use super::{Keys, Section, key};

/// `[audit]` of a tenant's file.
pub(in crate::policy) static AUDIT: Section = Section {
    title: "[audit]",
    doc: "The record itself holds digests alone. With `payloads`, arguments and results of calls are kept beside it, sealed \
          with a key of the tenant's own, until their time is over or an operator erases them; what was kept under a \
          longer time goes with a shorter one. Without it what was kept stays to its end.",
    keys: Keys::These(&[
        key(
            "payloads",
            "a time such as `\"7d\"`, from `\"1s\"` to `\"10years\"`",
            "none are kept",
            "How long payloads of calls are kept.",
        ),
        key(
            "record",
            "`true` or `false`",
            "`false`",
            "Whether what the host answers to a call is kept with its payload, so that calls with effects can be replayed, \
             too. Needs `payloads`. At most 16 MiB a call; of a call with more nothing of that is kept.",
        ),
    ]),
    below: &[],
    renamed: &[("payload", "payloads"), ("retention", "payloads"), ("recording", "record")],
};

/// `[audit]` of the platform's file.
pub(in crate::policy) static AUDIT_CAP: Section = Section {
    title: "[audit] of the ceiling",
    doc: "What is kept already goes by a shorter time, too, and with `payloads = false` at once.",
    keys: Keys::These(&[
        key(
            "payloads",
            "`true`, `false` or a time",
            "`true`",
            "Whether tenants may have payloads kept, and how long at most.",
        ),
        key("record", "`true` or `false`", "`true`", "Whether they may have host answers kept."),
    ]),
    below: &[],
    renamed: &[("payload", "payloads"), ("retention", "payloads"), ("recording", "record")],
};

/// `[trust]`.
pub(in crate::policy) static TRUST: Section = Section {
    title: "[trust]",
    doc: "A version can be published with a signature (`cofferdam sign`): a signed note that this component is this version of \
          this package. It is checked when it is published, against these keys and the platform's, and the signer is shown. A \
          change here is for what is published from then on.",
    keys: Keys::These(&[
        key(
            "keys",
            "a list of verifier keys such as `\"release.example+1d2c3b4a+AX…\"`, 100 at most",
            "`[]`",
            "Keys whose signatures are known.",
        ),
        key(
            "require",
            "`true` or `false`",
            "`false`",
            "Whether nothing is published without a signature. Needs `keys`.",
        ),
    ]),
    below: &[],
    renamed: &[("key", "keys"), ("required", "require"), ("signed", "require")],
};

/// `[trust]` of the platform's file.
pub(in crate::policy) static CATALOGUE_TRUST: Section = Section {
    title: "[trust] of the ceiling",
    doc: "The same for the catalogue: for what the platform publishes, and for what tenants submit.",
    keys: Keys::These(&[
        key("keys", "a list of verifier keys, 100 at most", "`[]`", "Keys whose signatures are known, to tenants too."),
        key(
            "require",
            "`true` or `false`",
            "`false`",
            "Whether nothing comes into the catalogue without a signature by one of them.",
        ),
    ]),
    below: &[],
    renamed: &[("key", "keys"), ("required", "require"), ("signed", "require")],
};

/// `[storage]`.
pub(in crate::policy) static STORAGE: Section = Section {
    title: "[storage]",
    doc: "Each tenant's, all packages together.",
    keys: Keys::These(&[
        key("buckets_bytes_max", "a size", "`\"1GiB\"`", "All buckets of a tenant together."),
        key("volumes_bytes_max", "a size", "`\"10GiB\"`", "All volumes of a tenant together."),
        key(
            "payloads_bytes_max",
            "a size",
            "`\"1GiB\"`",
            "All payloads of a tenant together; what has no room is not kept, and says so.",
        ),
    ]),
    below: &[],
    renamed: &[("kv_bytes_max", "buckets_bytes_max"), ("files_bytes_max", "volumes_bytes_max")],
};
