//! Every key that a policy can have: what the parser knows them by, and what the reference page is made from.

use crate::policy::limits::LIMITS;

/// A key.
#[derive(Debug)]
pub(in crate::policy) struct Key {
    pub(in crate::policy) name: &'static str,
    /// What it takes, in words.
    pub(in crate::policy) takes: &'static str,
    /// What holds without it, in words; empty: it has to be there.
    pub(in crate::policy) default: &'static str,
    pub(in crate::policy) doc: &'static str,
}

/// A table of the file.
#[derive(Debug)]
pub(in crate::policy) struct Section {
    /// What it is called in problems and on the page.
    pub(in crate::policy) title: &'static str,
    pub(in crate::policy) doc: &'static str,
    keys: Keys,
    /// Tables below it, whose keys are found one level too high.
    below: &'static [&'static Section],
    /// Keys as people or earlier versions write them, and what they are called.
    renamed: &'static [(&'static str, &'static str)],
}

#[derive(Debug)]
enum Keys {
    These(&'static [Key]),
    /// Those of the limits' own table.
    Limits,
}

impl Section {
    pub(in crate::policy) fn names(&self) -> impl Iterator<Item = &'static str> {
        let (these, limits) = match self.keys {
            Keys::These(these) => (these, &[][..]),
            Keys::Limits => (&[][..], LIMITS),
        };
        these.iter().map(|key| key.name).chain(limits.iter().map(|limit| limit.name))
    }

    /// Its keys, but for the limits.
    pub(in crate::policy) fn keys(&self) -> &'static [Key] {
        match self.keys {
            Keys::These(these) => these,
            Keys::Limits => &[],
        }
    }

    pub(super) fn knows(&self, key: &str) -> bool {
        self.names().any(|name| name == key)
    }

    pub(super) fn below(&self, key: &str) -> Option<&'static Section> {
        self.below.iter().copied().find(|section| section.knows(key) || section.successor(key).is_some())
    }

    pub(super) fn successor(&self, key: &str) -> Option<&'static str> {
        self.renamed.iter().find(|(old, _)| *old == key).map(|(_, new)| *new)
    }
}

const fn key(name: &'static str, takes: &'static str, default: &'static str, doc: &'static str) -> Key {
    Key { name, takes, default, doc }
}

/// The tenant's file.
pub(in crate::policy) static TENANT: Section = Section {
    title: "a policy",
    doc: "A tenant's policy is one TOML file of at most 256 KiB. The empty file is a policy too: every tool may be called, \
          under the default limits, and none holds anything.",
    keys: Keys::These(&[
        key("tools", "a table", "every tool may be called", "Which packages may be called at all."),
        key("limits", "a table", "the default limits", "What one call may use."),
        key(
            "grant",
            "any number of tables, 1,000 at most",
            "no tool holds anything",
            "What calls of some packages hold.",
        ),
        key("egress", "a table", "as the ceiling says", "What requests of all calls together may take."),
        key("audit", "a table", "nothing is kept", "What of the calls is kept beside the record."),
        key("trust", "a table", "no key is known", "Whose signatures on the tenant's own packages are known."),
    ]),
    below: &[&AUDIT, &EGRESS, &TRUST],
    renamed: &[
        ("limit", "limits"),
        ("grants", "grant"),
        ("tool", "tools"),
        ("allow", "tools.allow"),
        ("deny", "tools.deny"),
    ],
};

/// The platform's file.
pub(in crate::policy) static CEILING: Section = Section {
    title: "a ceiling",
    doc: "The platform's ceiling is the file `platform.toml` in the data folder. Where there is none, the built-in one \
          is in force: every kind of grant for every package, HTTP to any HTTPS host on port 443. Where there is one, \
          what none of its `[[grant]]`s covers is given to no one: a file without any takes every grant away.",
    keys: Keys::These(&[
        key("tools", "a table", "every tool may be called", "Which packages may be called at all, by any tenant."),
        key("limits", "a table", "the built-in ceiling", "What one call may use at most, whatever a tenant says."),
        key(
            "grant",
            "any number of tables, 1,000 at most",
            "no tool holds anything",
            "What calls of some packages may hold at most.",
        ),
        key(
            "egress",
            "a table",
            "see below",
            "What requests of each tenant may take, how its secrets may be sent, and exceptions to what is always refused on the network.",
        ),
        key("storage", "a table", "1 GiB, 10 GiB and 1 GiB", "What each tenant may store."),
        key("audit", "a table", "as tenants say", "What of its calls a tenant may have kept."),
        key("trust", "a table", "no key is known", "Whose signatures on the catalogue's packages are known."),
    ]),
    below: &[&TOOLS, &LIMITS_SECTION, &CEILING_GRANT, &EGRESS_CAP, &STORAGE, &AUDIT_CAP, &CATALOGUE_TRUST],
    renamed: &[("limit", "limits"), ("grants", "grant"), ("network", "egress"), ("quotas", "storage")],
};

/// `[tools]` of either file.
pub(in crate::policy) static TOOLS: Section = Section {
    title: "[tools]",
    doc: "Patterns name packages: `\"name\"` and `\"*\"` a tenant's own, `\"catalogue/name\"` and `\"catalogue/*\"` the \
          catalogue's. In the ceiling `\"name\"` is the package of that name of any tenant: a tenant chooses its own \
          names, so give to the catalogue's packages what you would not give to just anyone's. What `deny` names \
          cannot be called, whatever `allow` says.",
    keys: Keys::These(&[
        key("allow", "a list of patterns, 1,000 at most", "`[\"*\", \"catalogue/*\"]`", "What may be called."),
        key("deny", "a list of patterns, 1,000 at most", "`[]`", "What may not be called; wins over `allow`."),
    ]),
    below: &[],
    renamed: &[("allowed", "allow"), ("denied", "deny"), ("block", "deny")],
};

/// `[limits]` of either file, and of what a package declares.
pub(in crate::policy) static LIMITS_SECTION: Section = Section {
    title: "[limits]",
    doc: "Per call. In force is the least of three: the ceiling's value; the policy's, or the default where it says \
          nothing; and what the package declares, where it does. A value above the ceiling's is cut to that, and \
          `policy check` says so. Sizes are numbers of bytes or texts such as `\"64MiB\"`; times are texts such as \
          `\"5s\"` or `\"250ms\"`.",
    keys: Keys::Limits,
    below: &[],
    renamed: &[
        ("memory", "memory_bytes"),
        ("max_memory", "memory_bytes"),
        ("timeout", "deadline"),
        ("time", "deadline"),
        ("max_fuel", "fuel"),
        ("tables", "table_elements"),
        ("handles", "resources"),
        ("arguments", "arguments_bytes"),
        ("result", "result_bytes"),
        ("log", "log_bytes"),
        ("requests", "http_requests"),
        ("max_requests", "http_requests"),
        ("open_files", "files_open"),
    ],
};

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

/// A rule for requests.
pub(in crate::policy) static HTTP: Section = Section {
    title: "http",
    doc: "A rule matches a request when all that it names does; of several the first. Private, loopback, link-local and metadata addresses are \
          refused whatever a rule says, but for the ceiling's `[egress]`. Redirects are the tool's to follow, each as a \
          request of its own.",
    keys: Keys::These(&[
        key("scheme", "`\"https\"` or `\"http\"`", "`\"https\"`", "The scheme."),
        key(
            "host",
            "a host name, an address, `\"*.example.com\"` for all below one, or `\"*\"`",
            "",
            "The host, in ASCII: an international name is written as `xn--…`.",
        ),
        key("port", "1 to 65535", "443, or 80 for `http`", "The port."),
        key("methods", "a list, 16 at most", "`[\"GET\", \"HEAD\"]`", "Methods, in upper case; `\"*\"` is any."),
        key(
            "paths",
            "a list, 100 at most",
            "`[\"/*\"]`",
            "Paths, as they stand in the URL without the query; `*` at the end stands for anything.",
        ),
        key(
            "headers",
            "a table, 16 at most: `{ x-team = \"core\", x-debug = false }`",
            "any",
            "Header fields: a text is the value that it has to have, once; `true`: it has to be there; `false`: it may not.",
        ),
        key(
            "only_headers",
            "a list, 100 at most",
            "any",
            "The only header fields that the tool may send beside those of `headers`.",
        ),
        key(
            "credential",
            "the name of a secret, or a table",
            "none",
            "The secret that the host puts into the request on its way out; not in the ceiling.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("hosts", "host"),
        ("url", "host"),
        ("domain", "host"),
        ("ports", "port"),
        ("method", "methods"),
        ("path", "paths"),
        ("header", "headers"),
        ("secret", "credential"),
        ("auth", "credential"),
    ],
};

/// What a rule's requests leave with.
pub(in crate::policy) static CREDENTIAL: Section = Section {
    title: "credential",
    doc: "`credential = \"github\"` is `{ secret = \"github\", header = \"authorization\", value = \"Bearer {}\" }`. The secret \
          is put in after the decision and goes to the rule's host alone; the tool never has it. What the tool sends as \
          that header itself is left out; as that parameter, or with a `range`, its request is refused. Where the secret \
          is not set, nothing is sent. In what comes back (header fields, trailers and the body) the value is \
          overwritten with `*`, as it is and in base64, hexadecimal and escaped forms; a compressed response is refused. A \
          host that hands the value out in yet another form, or in pieces, is not stopped: give secrets to hosts that keep \
          them, and use ones that cannot be guessed.",
    keys: Keys::These(&[
        key("secret", "a name", "", "The secret, as `cofferdam secret set` names it."),
        key("header", "a name", "`\"authorization\"`", "The header field that it goes into."),
        key(
            "value",
            "a text with `{}` in it once",
            "`\"Bearer {}\"` for `authorization`, else `\"{}\"`",
            "The field's value; `{}` is the secret.",
        ),
        key("query", "a name", "none", "The parameter of the query that it is, instead of a header."),
        key("basic", "a text", "none", "The user whose password it is in basic authentication, instead of a header."),
        key("plain_http", "`true` or `false`", "`false`", "Has to be `true` in a rule with `scheme = \"http\"`."),
    ]),
    below: &[],
    renamed: &[("name", "secret"), ("template", "value"), ("user", "basic"), ("username", "basic"), ("param", "query")],
};

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

const REQUESTS: Key = key("requests_per_minute", "a whole number", "no bound", "Requests that leave in one minute.");
const SENT: Key = key("sent_bytes_per_hour", "a size", "no bound", "Bodies of requests in one hour.");
const RECEIVED: Key = key("received_bytes_per_hour", "a size", "no bound", "Bodies of responses in one hour.");
const CONNECTIONS: Key = key("connections", "a whole number", "no bound", "Connections at once; 64 in any case.");

/// `[egress]` of a tenant's file.
pub(in crate::policy) static EGRESS: Section = Section {
    title: "[egress]",
    doc: "Of all the tenant's calls together; in force is the lesser of this and the ceiling's. Minutes and hours are those \
          of the clock in UTC. What is past a quota is refused at once, by its name, and in the record. A host counts \
          by itself and in memory: several hosts let through as many times as much, and a restart begins anew.",
    keys: Keys::These(&[REQUESTS, SENT, RECEIVED, CONNECTIONS]),
    below: &[&EGRESS_CAP],
    renamed: QUOTAS_RENAMED,
};

const QUOTAS_RENAMED: &[(&str, &str)] = &[
    ("requests", "requests_per_minute"),
    ("sent_bytes", "sent_bytes_per_hour"),
    ("received_bytes", "received_bytes_per_hour"),
];

const EGRESS_RENAMED: &[(&str, &str)] = &[
    ("private", "private_addresses"),
    ("allow_private", "private_addresses"),
    ("secrets", "credentials"),
    ("requests", "requests_per_minute"),
    ("sent_bytes", "sent_bytes_per_hour"),
    ("received_bytes", "received_bytes_per_hour"),
];

/// `[egress]` of the platform's.
pub(in crate::policy) static EGRESS_CAP: Section = Section {
    title: "[egress] of the ceiling",
    doc: "The quotas are each tenant's, as in a policy.",
    keys: Keys::These(&[
        REQUESTS,
        SENT,
        RECEIVED,
        CONNECTIONS,
        key(
            "credentials",
            "`\"none\"`, `\"https\"` or `\"any\"`",
            "`\"https\"`",
            "How tenants' secrets may be sent: not at all; by TLS; in clear, too, where a rule says `plain_http`.",
        ),
        key(
            "private_addresses",
            "a list of networks such as `\"10.1.0.0/16\"`, 100 at most",
            "`[]`",
            "Private, loopback, link-local and metadata addresses that requests may go to all the same, where a rule of \
             both files lets them.",
        ),
    ]),
    below: &[],
    renamed: EGRESS_RENAMED,
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
