//! The reference page, `docs/policy.md`: made from the tables that the parser reads by, so that it cannot tell of a key
//! that there is not.

use std::fmt::Write as _;

use super::BUILT_IN;
use super::limits::{LIMITS, Limit};
use super::parse::keys::{
    ADMISSION, ADMISSION_CAP, ADMISSION_FOR, APPROVAL, APPROVAL_CAP, AUDIT, AUDIT_CAP, BREAKER, BUCKET, BUCKET_CAP,
    BUDGET, BUDGET_CAP, BUDGET_FOR, CACHE, CACHE_CAP, CALL, CATALOGUE_TRUST, CEILING, CEILING_GRANT, CHOICE,
    CREDENTIAL, EGRESS, EGRESS_CAP, FLOW, GRANT, HTTP, Key, LABELS, LIMITS_SECTION, MODEL, MODEL_CHOICE, MODEL_GRANT,
    PLAN, PROMPTS_DOC, PROVIDER, PROVIDER_MODEL, ROUTE, STORAGE, Section, TENANT, TOOLS, TRUST, VOLUME, VOLUME_CAP,
};
use crate::amounts::{Amount, Unit};
use crate::limits::CallLimits;

/// How long the page's lines are.
const COLUMNS: usize = 120;

/// What the page begins with.
const OPENING: &str = "\
# Policy
<!-- Made by `cargo test -p cofferdam --lib policy::reference` with UPDATE=1. Change the tables in host/src/policy, not
     this page. -->

What a call of a tool may do is decided from three things, and each can only take away:

1. the platform's **ceiling**: the same for every tenant;
2. the tenant's **policy**;
3. what the tool's package **declares** in its manifest: `[needs]` (kinds of grant: `required`, `optional`) and
   `[limits]`.

A call that is not granted a kind that its package requires is denied before it starts. A kind that is optional and not
granted is missing: clocks stand still, random bytes follow from the call's id, there are no files, buckets, settings or
log, and no request leaves. A kind that the package does not declare it is never given.

A change is in force from the next call on. A file with a mistake changes nothing: all its mistakes are told at once,
each with its line. Keys that are not on this page are mistakes.

Before a policy is in force, `cofferdam policy try` says what it would change for the calls that were recorded, and
`cofferdam policy suggest` writes the smallest grant that covers what calls of a tool really used.
";

/// What the page says between the tenant's file and the platform's.
const EXAMPLE: &str = r#"```toml
[tools]
allow = ["*", "catalogue/*"]
deny = ["catalogue/http-fetch"]

[limits]
fuel = 2_000_000_000
memory_bytes = "64MiB"
deadline = "5s"

[[grant]]
tools = ["notes", "catalogue/files"]
kv = [{ bucket = "notes", access = "read-write", bytes_max = "10MiB", keys_max = 10_000 }]
files = [{ volume = "workspace", mount = "/work", access = "read-only" }]
http = [{ host = "api.github.com", methods = ["GET"], paths = ["/repos/*"], credential = "github" }]
clock = "coarse"
random = "secure"
log = "info"
config = { greeting = "hello" }

[budget]
fuel_per_day = 40_000_000_000_000
calls_per_second = 200
model_cost_per_day = "25 USD"
concurrent_calls = 32

[[budget.for]]
principals = ["nightly"]
tools = ["catalogue/*"]
calls_per_hour = 500

[[route]]
name = "summarise"
choices = [
    { tool = "summarise@2", share = 0.1, max_risk = "medium", cost = "high" },
    { tool = "catalogue/text.count@1", cost = "low" },
]
fallback = "next"

[egress]
requests_per_minute = 600

[approval]
from_risk = "high"
time = "30m"

[cache]
tools = ["catalogue/text"]
time = "5m"

[labels]
private_buckets = ["notes"]
trusted_hosts = ["api.github.com"]

[[flow]]
when = ["private", "untrusted"]
deny = ["http"]

[audit]
payloads = "7d"
record = true
```
"#;

/// The page, in Markdown.
pub fn reference() -> String {
    let mut page = OPENING.to_owned();
    page.push_str("\n## A tenant's policy\n");
    paragraph(&mut page, TENANT.doc);
    page.push_str(EXAMPLE);
    page.push('\n');
    keys(&mut page, TENANT.keys());
    section(&mut page, "### `[tools]`", &TOOLS);
    section(&mut page, "### `[limits]`", &LIMITS_SECTION);
    limits(&mut page);
    section(&mut page, "### `[[grant]]`", &GRANT);
    section(&mut page, "#### `kv`: buckets", &BUCKET);
    section(&mut page, "#### `files`: volumes", &VOLUME);
    section(&mut page, "#### `http`: rules for requests", &HTTP);
    section(&mut page, "##### `credential`: what a rule's requests leave with", &CREDENTIAL);
    section(&mut page, "#### `model`: routes to models", &MODEL_GRANT);
    section(&mut page, "### `[[model]]`: routes to models", &MODEL);
    section(&mut page, "#### `choices` of a route", &MODEL_CHOICE);
    page.push_str("\n### `[prompts]`\n");
    paragraph(&mut page, PROMPTS_DOC);
    page.pop();
    section(&mut page, "### `[budget]`", &BUDGET);
    budgets(&mut page);
    section(&mut page, "#### `[[budget.for]]`", &BUDGET_FOR);
    section(&mut page, "### `[admission]`", &ADMISSION);
    section(&mut page, "#### `[[admission.for]]`", &ADMISSION_FOR);
    section(&mut page, "### `[[route]]`", &ROUTE);
    section(&mut page, "#### `choices`: a route's tools", &CHOICE);
    section(&mut page, "#### `breaker`", &BREAKER);
    section(&mut page, "#### `call`: calls of other tools", &CALL);
    section(&mut page, "### `[egress]`", &EGRESS);
    section(&mut page, "### `[approval]`", &APPROVAL);
    section(&mut page, "### `[cache]`", &CACHE);
    section(&mut page, "### `[labels]`", &LABELS);
    section(&mut page, "### `[[flow]]`", &FLOW);
    section(&mut page, "### `[audit]`", &AUDIT);
    section(&mut page, "### `[trust]`", &TRUST);
    page.push_str("\n## The platform's ceiling\n");
    paragraph(&mut page, CEILING.doc);
    _ = write!(page, "The built-in one is:\n```toml\n{BUILT_IN}```\n\n");
    keys(&mut page, CEILING.keys());
    page.push_str("\n`[tools]` and `[limits]` are written as in a policy.\n");
    section(&mut page, "### `[[grant]]` of the ceiling", &CEILING_GRANT);
    section(&mut page, "#### `kv` of the ceiling", &BUCKET_CAP);
    section(&mut page, "#### `files` of the ceiling", &VOLUME_CAP);
    section(&mut page, "### `[budget]` of the ceiling", &BUDGET_CAP);
    section(&mut page, "### `[[plan]]`", &PLAN);
    section(&mut page, "### `[admission]` of the ceiling", &ADMISSION_CAP);
    section(&mut page, "### `[approval]` of the ceiling", &APPROVAL_CAP);
    section(&mut page, "### `[cache]` of the ceiling", &CACHE_CAP);
    section(&mut page, "### `[egress]` of the ceiling", &EGRESS_CAP);
    section(&mut page, "### `[[provider]]`", &PROVIDER);
    section(&mut page, "#### `models` of a provider", &PROVIDER_MODEL);
    section(&mut page, "### `[storage]`", &STORAGE);
    section(&mut page, "### `[audit]` of the ceiling", &AUDIT_CAP);
    section(&mut page, "### `[trust]` of the ceiling", &CATALOGUE_TRUST);
    page
}

fn section(page: &mut String, heading: &str, section: &Section) {
    _ = write!(page, "\n{heading}\n");
    paragraph(page, section.doc);
    keys(page, section.keys());
}

/// A text in lines, with an empty one behind it.
fn paragraph(page: &mut String, text: &str) {
    if text.is_empty() {
        return;
    }
    let mut column = 0;
    for word in text.split(' ') {
        if column > 0 && column + 1 + word.len() > COLUMNS {
            page.push('\n');
            column = 0;
        } else if column > 0 {
            page.push(' ');
            column += 1;
        }
        page.push_str(word);
        column += word.len();
    }
    page.push_str("\n\n");
}

fn keys(page: &mut String, keys: &[Key]) {
    if keys.is_empty() {
        return;
    }
    page.push_str("| key | takes | without it | |\n|---|---|---|---|\n");
    for Key { name, takes, default, doc } in keys {
        let default = if default.is_empty() { "has to be there" } else { default };
        _ = writeln!(page, "| `{name}` | {takes} | {default} | {doc} |");
    }
}

/// The limits: their values come from the code that puts them in force.
fn limits(page: &mut String) {
    page.push_str(
        "| key | what | default | built-in ceiling | enforced by | what shows |\n|---|---|---|---|---|---|\n",
    );
    let (default, ceiling) = (CallLimits::default(), CallLimits::ceiling());
    for limit in LIMITS {
        let Limit { name, doc, enforced_by, seen, .. } = limit;
        let value = |limits| limit.words((limit.get)(limits));
        _ = writeln!(page, "| `{name}` | {doc} | {} | {} | {enforced_by} | {seen} |", value(&default), value(&ceiling));
    }
    let bounded = LIMITS.iter().filter(|limit| limit.most < i64::MAX as u64);
    let bounded: Vec<String> =
        bounded.map(|limit| format!("`{}` to {}", limit.name, limit.words(limit.most))).collect();
    page.push('\n');
    let text = format!(
        "The platform's own `[limits]` can lower its ceiling and raise it: {}, others as far as you like.",
        bounded.join(", ")
    );
    paragraph(page, &text);
    page.pop();
}

/// The budgets: what each counts, by window.
fn budgets(page: &mut String) {
    page.push_str("\n| key | takes | what |\n|---|---|---|\n");
    for amount in Amount::ALL {
        let name = amount.as_str();
        let takes = match amount.unit() {
            Unit::Count => "a whole number",
            Unit::Bytes => "a size",
            Unit::Money => "a sum such as `\"25 USD\"`, to the billionth of a dollar",
        };
        let keys = format!("`{name}_per_minute`, `{name}_per_hour`, `{name}_per_day`");
        _ = writeln!(page, "| {keys} | {takes} | {} |", amount.meaning());
    }
    page.push_str("| `calls_per_second` | a whole number | The same as a rate: a second's worth may come at once. |\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{Ceiling, Policy, check, check_ceiling};

    #[test]
    fn the_example_on_the_page_is_a_policy_without_a_warning() {
        let text = EXAMPLE.trim_start_matches("```toml\n").trim_end_matches("```\n");
        assert_eq!(check(&Ceiling::builtin(), &Policy::parse(text).unwrap()), []);
        assert_eq!(check_ceiling(&Ceiling::builtin()), []);
    }

    #[test]
    fn the_page_is_the_one_checked_in() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/policy.md");
        let made = reference();
        if std::env::var_os("UPDATE").is_some_and(|update| update == "1") {
            std::fs::write(path, &made).unwrap();
        }
        let checked_in = std::fs::read_to_string(path).unwrap_or_default();
        assert_eq!(checked_in, made, "run this test with UPDATE=1 to bless docs/policy.md");
    }
}
