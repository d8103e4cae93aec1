//! `[[grant]]` of both files, with buckets and volumes.

use super::{Keys, Section, key};

/// `[[grant]]` of a tenant's file.
pub(in crate::policy) static GRANT: Section = Section {
    title: "[[grant]]",
    doc: "What calls of the packages named by `tools` hold, where the ceiling lets it through and the package declares \
          that it needs it. Several grants that name a package add up: buckets, volumes, rules and settings of all of \
          them; of clock, random and log the widest. Where two name the same bucket or volume, the wider access and \
          the smallest quota that any of them states hold.",
    keys: Keys::These(&[
        key("tools", "a list of patterns, 100 at most", "", "The packages, by patterns as in `[tools]`."),
        key(
            "kv",
            "a list of tables, 100 at most, 1,000 in the file",
            "none",
            "Buckets of the tenant's key-value store.",
        ),
        key("files", "a list of tables, 100 at most, 1,000 in the file", "none", "Volumes of the tenant's files."),
        key(
            "http",
            "a list of tables, 1,000 at most in the file",
            "none",
            "Where requests may go: one rule has to match.",
        ),
        key(
            "clock",
            "`\"frozen\"`, `\"coarse\"` or `\"real\"`",
            "`\"frozen\"`",
            "What clocks show: the time at which the call began; the time, by the millisecond; the time.",
        ),
        key(
            "random",
            "`\"seeded\"` or `\"secure\"`",
            "`\"seeded\"`",
            "Where random bytes come from: from the call's id, so that anyone who has it can compute them; from the \
             operating system.",
        ),
        key(
            "log",
            "`\"trace\"`, `\"debug\"`, `\"info\"`, `\"warn\"`, `\"error\"` or `\"critical\"`",
            "nothing is kept",
            "The least severe level that is kept of what the tool logs and prints.",
        ),
        key(
            "config",
            "a table of texts, 100 at most, 1,000 in the file",
            "none",
            "Settings, which the tool can read. Not for secrets. A key has at most 128 bytes, a value 4 KiB.",
        ),
        key(
            "call",
            "a list of patterns or tables, 1,000 at most in the file",
            "none",
            "Packages whose tools it may call, by patterns as in `[tools]`.",
        ),
        key(
            "model",
            "a list of names or tables, 100 at most",
            "none",
            "Routes to models, those of `[[model]]`, that the tool may use.",
        ),
        key("prompt", "a list of names, 100 at most", "none", "Templates of `[prompts]` that the tool may use."),
    ]),
    below: &[],
    renamed: GRANT_RENAMED,
};

/// `[[grant]]` of the platform's file.
pub(in crate::policy) static CEILING_GRANT: Section = Section {
    title: "[[grant]] of the ceiling",
    doc: "What calls of the packages named by `tools` may hold at most. `true` is all of a kind; several grants that name \
          a package add up as a tenant's do. What a tenant grants beyond it is cut: access to the lesser, quotas to the \
          smaller, clock, random and log to the lesser; a request has to match a rule of both files.",
    keys: Keys::These(&[
        key("tools", "a list of patterns, 100 at most", "", "The packages, by patterns as in `[tools]`."),
        key("kv", "`true` or a table", "none", "Buckets."),
        key("files", "`true` or a table", "none", "Volumes."),
        key(
            "http",
            "`true` or a list of tables, 1,000 at most in the file",
            "none",
            "Where requests may go. `true` is any HTTPS host on port 443, with any method and path.",
        ),
        key("clock", "`true`, `\"frozen\"`, `\"coarse\"` or `\"real\"`", "`\"frozen\"`", "What clocks may show."),
        key("random", "`true`, `\"seeded\"` or `\"secure\"`", "`\"seeded\"`", "Where random bytes may come from."),
        key("log", "`true` or a level", "nothing is kept", "The least severe level that may be kept."),
        key("config", "`true`", "none", "Whether tools may have settings."),
        key(
            "call",
            "`true` or a list of patterns or tables, 1,000 at most in the file",
            "none",
            "Packages whose tools may be called by other tools. `true` is any, and with grants of their own.",
        ),
        key("model", "`true` or a list of providers", "none", "Whose models routes may choose from."),
        key("prompt", "`true`", "none", "Whether tools may use prompt templates."),
    ]),
    below: &[],
    renamed: GRANT_RENAMED,
};

const GRANT_RENAMED: &[(&str, &str)] = &[
    ("tool", "tools"),
    ("package", "tools"),
    ("packages", "tools"),
    ("keyvalue", "kv"),
    ("buckets", "kv"),
    ("fs", "files"),
    ("volumes", "files"),
    ("network", "http"),
    ("egress", "http"),
    ("clocks", "clock"),
    ("time", "clock"),
    ("logging", "log"),
    ("env", "config"),
    ("settings", "config"),
    ("calls", "call"),
    ("children", "call"),
    ("models", "model"),
    ("prompts", "prompt"),
];

/// A bucket.
pub(in crate::policy) static BUCKET: Section = Section {
    title: "kv",
    doc: "A bucket, made at its first use; it lives in the tenant's own name space. Quotas are the bucket's, whichever \
          package writes; writing past one fails with the interface's own error.",
    keys: Keys::These(&[
        key(
            "bucket",
            "a name: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit",
            "",
            "The name that the tool opens it by.",
        ),
        key("access", "`\"read-only\"` or `\"read-write\"`", "`\"read-only\"`", "What may be done there."),
        key("bytes_max", "a size", "`\"10MiB\"`", "Keys and values together."),
        key("keys_max", "a whole number", "10,000", "Keys."),
    ]),
    below: &[],
    renamed: BUCKET_RENAMED,
};

/// A volume.
pub(in crate::policy) static VOLUME: Section = Section {
    title: "files",
    doc: "A volume, made at its first use; it lives in the tenant's own name space. A package has a volume at one place \
          only. Quotas are the volume's, whichever package writes; writing past one fails with `quota`. With `access = \
          \"scratch\"` it is no volume but a folder of the call's own, empty when the call starts and gone when it ends, \
          with quotas of its own; what is in it counts among the tenant's volumes meanwhile.",
    keys: Keys::These(&[
        key(
            "volume",
            "a name: 1 to 64 lower-case letters, digits, `-` and `_`, beginning with a letter or digit",
            "",
            "The volume; left out for a scratch folder.",
        ),
        key(
            "mount",
            "an absolute path of letters, digits, `.`, `-` and `_`, at most 128 bytes",
            "`/` and the volume's name; `/scratch`",
            "Where the tool finds it.",
        ),
        key(
            "access",
            "`\"read-only\"`, `\"read-write\"` or `\"scratch\"`",
            "`\"read-only\"`",
            "What may be done there, or that it is the call's own.",
        ),
        key("bytes_max", "a size", "`\"100MiB\"`", "Contents of its files together."),
        key("files_max", "a whole number", "10,000", "Files and folders."),
    ]),
    below: &[],
    renamed: VOLUME_RENAMED,
};

const BUCKET_RENAMED: &[(&str, &str)] = &[
    ("name", "bucket"),
    ("mode", "access"),
    ("max_bytes", "bytes_max"),
    ("quota", "bytes_max"),
    ("max_keys", "keys_max"),
];

const VOLUME_RENAMED: &[(&str, &str)] = &[
    ("name", "volume"),
    ("path", "mount"),
    ("mode", "access"),
    ("max_bytes", "bytes_max"),
    ("quota", "bytes_max"),
    ("max_files", "files_max"),
];

/// What the ceiling caps buckets at.
pub(in crate::policy) static BUCKET_CAP: Section = Section {
    title: "kv of the ceiling",
    doc: "What a tenant's bucket is cut to.",
    keys: Keys::These(&[
        key("access", "`\"read-only\"` or `\"read-write\"`", "`\"read-write\"`", "What may be done there at most."),
        key("bytes_max", "a size", "no cap", "Keys and values of one bucket together."),
        key("keys_max", "a whole number", "no cap", "Keys of one bucket."),
    ]),
    below: &[],
    renamed: BUCKET_RENAMED,
};

/// What the ceiling caps volumes at.
pub(in crate::policy) static VOLUME_CAP: Section = Section {
    title: "files of the ceiling",
    doc: "What a tenant's volume is cut to.",
    keys: Keys::These(&[
        key("access", "`\"read-only\"` or `\"read-write\"`", "`\"read-write\"`", "What may be done there at most."),
        key("bytes_max", "a size", "no cap", "Contents of one volume together."),
        key("files_max", "a whole number", "no cap", "Files and folders of one volume."),
    ]),
    below: &[],
    renamed: VOLUME_RENAMED,
};

/// What may be called, and what it holds then.
pub(in crate::policy) static CALL: Section = Section {
    title: "call",
    doc: "Tools that a tool may call. Such a call is decided as any other of the same key is, and made by the rules for its own \
          package. Besides, it holds no more than the call that makes it, kind by kind: buckets and volumes that both have, \
          with the lesser access and the smaller quotas; requests that both could send, with a credential only where both \
          send the same; the lesser clock, random and log; settings that both have with the same value; calls that both \
          may make. A pattern alone says that. With `grants = \"own\"` it holds what policy gives its package, whoever \
          calls it: the caller gets at that, through what the tool lets it ask for.",
    keys: Keys::These(&[
        key("tool", "a pattern as in `[tools]`", "", "The packages whose tools may be called."),
        key("grants", "`\"caller\"` or `\"own\"`", "`\"caller\"`", "What such calls hold at most."),
    ]),
    below: &[],
    renamed: &[("tools", "tool"), ("package", "tool"), ("hold", "grants")],
};
