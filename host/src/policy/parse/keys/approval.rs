//! `[approval]`: which calls wait for somebody's word.

use super::{Keys, Section, key};

const LEVEL: &str = "`\"low\"`, `\"medium\"` or `\"high\"`";
const TOOLS: &str = "a list of patterns as in `[tools]`, 100 at most";
const TIME: &str = "a time such as `\"1h\"`, from `\"1s\"` to `\"7days\"`";

const RENAMED: &[(&str, &str)] = &[
    ("risk", "from_risk"),
    ("min_risk", "from_risk"),
    ("expires", "time"),
    ("timeout", "time"),
    ("require", "tools"),
    ("unless", "except"),
];

/// `[approval]` of a tenant's file.
pub(in crate::policy) static APPROVAL: Section = Section {
    title: "[approval]",
    doc: "A call that waits is not run: it is answered with the id of an approval. Somebody who may `approve-call`, \
          never the key that made the call, lets it go or refuses it; the same call is then made again, with that \
          id. A call that a tool makes names none: it goes by one that such a call was given. An approval is for one \
          tool in one version of one component, with the same arguments, by the same key in the same session, and is \
          used once; where the session has got labels since, or the call's risk is higher now, it does not hold. The \
          risk of a call is the highest of what is derived of the tool, `tools.risk_floor` and what the caller \
          declares. Of two files both ask.",
    keys: Keys::These(&[
        key("from_risk", LEVEL, "no call waits for its risk", "Calls of this risk and above wait."),
        key("tools", TOOLS, "`[]`", "Packages: calls of these wait, whatever their risk."),
        key("except", TOOLS, "`[]`", "Packages: calls of these do not wait for their risk."),
        key(
            "time",
            TIME,
            "`\"1h\"`",
            "How long an approval waits for a decision, and from then on for its use. A refusal stands as long.",
        ),
    ]),
    below: &[],
    renamed: RENAMED,
};

/// `[approval]` of the platform's file.
pub(in crate::policy) static APPROVAL_CAP: Section = Section {
    title: "[approval] of the ceiling",
    doc: "The same for calls of every tenant, beside what its own policy says. Somebody of the tenant decides.",
    keys: Keys::These(&[
        key("from_risk", LEVEL, "as tenants say", "Calls of this risk and above wait."),
        key("tools", TOOLS, "as tenants say", "Packages: calls of these wait, whatever their risk."),
        key(
            "except",
            TOOLS,
            "`[]`",
            "Packages: calls of these do not wait for their risk, as far as the platform is concerned.",
        ),
        key("time", TIME, "as tenants say", "How long an approval waits at most."),
    ]),
    below: &[],
    renamed: RENAMED,
};
