//! `[labels]` and `[[flow]]`: what a session that has touched something may do next.

use super::{Keys, Section, key};

const HOSTS: &str = "a list of hosts as in `http`, 100 at most";
const TOOLS: &str = "a list of patterns as in `[tools]`, 100 at most";

/// `[labels]`.
pub(in crate::policy) static LABELS: Section = Section {
    title: "[labels]",
    doc: "What a call used brings labels to its session, before the call has any of it: a session is what an agent names with \
          its calls, and a call that names none is one of its own. What is used is known, since the host grants it. A label \
          stays until an operator clears the session, or no call has named it for thirty days. Without a `[[flow]]` nothing \
          asks for labels, and none are kept.",
    keys: Keys::These(&[
        key(
            "sessions",
            "`\"optional\"` or `\"required\"`",
            "`\"optional\"`",
            "Whether each call has to name its session; one that does not is refused then.",
        ),
        key("private_buckets", "a list of names, 100 at most", "`[]`", "Buckets: using one brings `private`."),
        key("private_volumes", "a list of names, 100 at most", "`[]`", "Volumes: using one brings `private`."),
        key("private_hosts", HOSTS, "`[]`", "Hosts: a request to one brings `private`."),
        key("private_tools", TOOLS, "`[]`", "Packages: calling one brings `private`."),
        key("trusted_hosts", HOSTS, "`[]`", "Hosts: a request to any other brings `untrusted`."),
        key(
            "trusted_providers",
            "a list of names, 100 at most",
            "`[]`",
            "Providers of models, as the platform names them: an answer of any other brings `untrusted`.",
        ),
        key("untrusted_tools", TOOLS, "`[]`", "Packages: calling one brings `untrusted`."),
        key(
            "trusted_publishers",
            "a list of names of keys, 100 at most",
            "whoever published it",
            "Keys: calling a package of the tenant's own in a version that another one published brings `untrusted`.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("session", "sessions"),
        ("buckets", "private_buckets"),
        ("volumes", "private_volumes"),
        ("private", "private_buckets"),
        ("trusted", "trusted_hosts"),
        ("untrusted", "untrusted_tools"),
        ("publishers", "trusted_publishers"),
    ],
};

/// `[[flow]]`.
pub(in crate::policy) static FLOW: Section = Section {
    title: "[[flow]]",
    doc: "What calls may not do in a session that has all the labels that `when` names: a request, a write to a bucket or to a \
          volume, a call of another tool, a question to a model, whose provider reads it, by whichever tool. It is asked at \
          each use and for each piece of what is sent, so a call that is under way is stopped from its next one on; a \
          package that cannot do without what is denied is not called at all. A call that a call makes is of the same \
          session: what it reads, its caller has read. The refusal names the calls that brought the labels. What one \
          session writes to a bucket another can read: deny \
          `kv` and `files` too, or call what it writes to private.",
    keys: Keys::These(&[
        key(
            "when",
            "a list of `\"private\"`, `\"untrusted\"`",
            "",
            "The labels that a session has to have, all of them.",
        ),
        key(
            "deny",
            "a list of `\"http\"`, `\"kv\"`, `\"files\"`, `\"call\"`, `\"model\"`",
            "",
            "What it may not do then.",
        ),
        key("except", TOOLS, "`[]`", "Packages that may all the same."),
        key(
            "require",
            "`\"approval\"`",
            "nobody can approve it",
            "A call that holds what `deny` names is not refused in such a session but waits, as `[approval]` says; once it is \
             approved, it may, by the labels that were there to see. What gets them only while it runs may not.",
        ),
    ]),
    below: &[&LABELS],
    renamed: &[("if", "when"), ("labels", "when"), ("forbid", "deny"), ("unless", "except"), ("tools", "except")],
};
