//! Every key that a policy can have: what the parser knows them by, and what the reference page is made from.

mod approval;
mod budget;
mod cache;
mod egress;
mod flow;
mod grant;
mod host;
mod model;
mod plans;
mod route;

pub(in crate::policy) use self::approval::{APPROVAL, APPROVAL_CAP};
pub(in crate::policy) use self::budget::{BUDGET, BUDGET_CAP, BUDGET_FOR};
pub(in crate::policy) use self::cache::{CACHE, CACHE_CAP};
pub(in crate::policy) use self::egress::{CREDENTIAL, EGRESS, EGRESS_CAP, HTTP};
pub(in crate::policy) use self::flow::{FLOW, LABELS};
pub(in crate::policy) use self::grant::{BUCKET, BUCKET_CAP, CALL, CEILING_GRANT, GRANT, VOLUME, VOLUME_CAP};
pub(in crate::policy) use self::host::{AUDIT, AUDIT_CAP, CATALOGUE_TRUST, STORAGE, TRUST};
pub(in crate::policy) use self::model::{MODEL, MODEL_CHOICE, MODEL_GRANT, PROMPTS_DOC, PROVIDER, PROVIDER_MODEL};
pub(in crate::policy) use self::plans::{ADMISSION, ADMISSION_CAP, ADMISSION_FOR, PLAN};
pub(in crate::policy) use self::route::{BREAKER, CHOICE, ROUTE};

use crate::amounts::BUDGETS;
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
    /// These, and those of the budgets' own table.
    Budgets(&'static [Key]),
}

impl Section {
    pub(in crate::policy) fn names(&self) -> impl Iterator<Item = &'static str> {
        let (these, limits, budgets) = match self.keys {
            Keys::These(these) => (these, &[][..], &[][..]),
            Keys::Limits => (&[][..], LIMITS, &[][..]),
            Keys::Budgets(these) => (these, &[][..], BUDGETS),
        };
        let these = these.iter().map(|key| key.name).chain(limits.iter().map(|limit| limit.name));
        these.chain(budgets.iter().map(|budget| budget.name))
    }

    /// Its keys, but for the limits and the budgets.
    pub(in crate::policy) fn keys(&self) -> &'static [Key] {
        match self.keys {
            Keys::These(these) | Keys::Budgets(these) => these,
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
        key(
            "route",
            "any number of tables, 100 at most",
            "there are no routes",
            "Names under which calls go to one of several tools.",
        ),
        key("model", "any number of tables, 100 at most", "there are none", "Routes to models."),
        key("prompts", "a table of texts, 100 at most", "there are none", "Prompt templates."),
        key("budget", "a table", "as the ceiling says", "What all calls together may use."),
        key("egress", "a table", "as the ceiling says", "What requests of all calls together may take."),
        key("approval", "a table", "no call waits", "Which calls wait for somebody to approve them."),
        key("cache", "a table", "no answer is kept", "Which calls an earlier answer may stand in for."),
        key("labels", "a table", "nothing brings a label", "What brings labels to sessions."),
        key("flow", "any number of tables, 100 at most", "nothing is denied", "What labelled sessions may not do."),
        key("admission", "a table", "every call is of normal priority", "How important calls may be."),
        key("audit", "a table", "nothing is kept", "What of the calls is kept beside the record."),
        key("trust", "a table", "no key is known", "Whose signatures on the tenant's own packages are known."),
    ]),
    below: &[&BUDGET, &ADMISSION, &APPROVAL, &AUDIT, &CACHE, &EGRESS, &LABELS, &TRUST],
    renamed: &[
        ("limit", "limits"),
        ("grants", "grant"),
        ("routes", "route"),
        ("models", "model"),
        ("prompt", "prompts"),
        ("tool", "tools"),
        ("budgets", "budget"),
        ("allow", "tools.allow"),
        ("deny", "tools.deny"),
        ("flows", "flow"),
        ("approvals", "approval"),
        ("label", "labels"),
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
        key("provider", "any number of tables, 100 at most", "there is none", "Who answers requests to models."),
        key("budget", "a table", "as tenants say", "What all calls of each tenant together may use."),
        key("plan", "any number of tables, 100 at most", "all tenants alike", "What tenants have beside each other."),
        key("admission", "a table", "as tenants say", "How important calls may be."),
        key("approval", "a table", "as tenants say", "Which calls wait for somebody to approve them."),
        key("cache", "a table", "16 MiB", "What answers are kept that may stand in for calls."),
        key("storage", "a table", "1 GiB, 10 GiB and 1 GiB", "What each tenant may store."),
        key("audit", "a table", "as tenants say", "What of its calls a tenant may have kept."),
        key("trust", "a table", "no key is known", "Whose signatures on the catalogue's packages are known."),
    ]),
    below: &[
        &TOOLS,
        &LIMITS_SECTION,
        &CEILING_GRANT,
        &BUDGET_CAP,
        &PLAN,
        &ADMISSION_CAP,
        &APPROVAL_CAP,
        &CACHE_CAP,
        &EGRESS_CAP,
        &STORAGE,
        &AUDIT_CAP,
        &CATALOGUE_TRUST,
    ],
    renamed: &[
        ("limit", "limits"),
        ("grants", "grant"),
        ("budgets", "budget"),
        ("plans", "plan"),
        ("approvals", "approval"),
        ("providers", "provider"),
        ("network", "egress"),
        ("quotas", "storage"),
    ],
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
        key(
            "risk_floor",
            "`\"low\"`, `\"medium\"` or `\"high\"`",
            "`\"low\"`",
            "What the risk of every call counts as at least: in listings, for access rules and for routes. Of two files \
             the higher one holds.",
        ),
    ]),
    below: &[],
    renamed: &[("allowed", "allow"), ("denied", "deny"), ("block", "deny"), ("risk", "risk_floor")],
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
