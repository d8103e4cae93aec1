//! The schema that rules are checked against, and the page that tells of it: both made from the table of actions.

use std::fmt::Write as _;
use std::sync::LazyLock;

use cedar_policy::Schema;

use super::action::{Action, On};
use super::rules::{DEPTH_MAX, OPERATORS_MAX, RULES_MAX, Rules};

/// What rules can speak of, but for the actions.
const ENTITIES: &str = r#"// What a key may be used for.
entity Scope enum ["agent", "publisher", "operator", "auditor"];

// A key. Its id stands in the record and in `cofferdam keys list`.
entity Principal in [Scope] = {
  name: String,
  tenant: String,
};

// The asking key's tenant.
entity Tenant = { name: String };

// A package as the tenant names it: "notes" is its own, "catalogue/text" the platform's.
entity Package = {
  name: String,
  origin: String,         // "own" or "catalogue"
};

// A tool as it would run. Its risk is derived from what its component imports and what policy grants it.
entity Tool in [Package] = {
  name: String,           // such as "catalogue/text.count"
  package: String,
  origin: String,
  version: String,
  risk: String,           // "low", "medium" or "high"
  read_only: Bool,
  destructive: Bool,
  idempotent: Bool,
  open_world: Bool,       // it can reach beyond the host
  deterministic: Bool,
};

// When it is asked, UTC.
type Moment = {
  hour: Long,             // from 0 to 23
  weekday: String,        // "mon" to "sun"
};

"#;

/// The schema in Cedar's own language.
pub static SCHEMA: LazyLock<String> = LazyLock::new(|| {
    let mut text = ENTITIES.to_owned();
    for action in Action::ALL {
        let (name, on) = (action.as_str(), action.on().as_str());
        let _ = writeln!(text, "// {}", action.meaning());
        let _ = writeln!(
            text,
            "action \"{name}\" appliesTo {{ principal: [Principal], resource: [{on}], context: Moment }};"
        );
    }
    text
});

/// The schema, read.
pub(super) fn schema() -> Result<&'static Schema, String> {
    static READ: LazyLock<Result<Schema, String>> = LazyLock::new(|| {
        Schema::from_cedarschema_str(&SCHEMA).map(|(schema, _)| schema).map_err(|error| error.to_string())
    });
    READ.as_ref().map_err(Clone::clone)
}

/// What the scopes give, as a text: the built-in set.
pub(super) fn scopes_text(action: Action) -> String {
    let mut text = String::new();
    for scope in action.scopes() {
        let action = action.as_str();
        let _ = writeln!(
            text,
            "@id(\"{scope}-may-{action}\")\npermit (principal in Scope::\"{scope}\", action == Action::\"{action}\", \
             resource);"
        );
    }
    text
}

/// `docs/access.md`.
pub fn reference() -> String {
    let mut page = String::from(INTRODUCTION);
    page.push_str("## Actions\n\n| action | on | scopes | what it is |\n|---|---|---|---|\n");
    for action in Action::ALL {
        let scopes = action.scopes().iter().map(|scope| scope.as_str()).collect::<Vec<_>>().join(", ");
        let on = match action.on() {
            On::Tool => "`Tool`",
            On::Package => "`Package`",
            On::Tenant => "`Tenant`",
        };
        let _ = writeln!(page, "| `{}` | {on} | {scopes} | {} |", action.as_str(), action.meaning());
    }
    let _ = write!(
        page,
        "\n## Limits\n\nA text has at most {} bytes and {RULES_MAX} rules; a rule has at most {OPERATORS_MAX} operators and \
         nests at most {DEPTH_MAX} brackets. Templates (`?principal`, `?resource`) are not \
         taken.\n\n## The schema\n\nEvery text is checked against it before it is put in force, strictly: a name that is \
         not in it is an error.\n\n```cedar\n{}```\n",
        Rules::TEXT_BYTES_MAX,
        *SCHEMA
    );
    page
}

const INTRODUCTION: &str = r#"# Who may do what

Keys have scopes. Where scopes are too coarse, access rules say more: which key may call which tool, publish which
package, and when. They are written in [Cedar](https://docs.cedarpolicy.com), kept beside the policy, and take effect
with the next request.

```cedar
@id("reports-only-read")
forbid (principal, action == Action::"call", resource)
when { principal.name == "reports" && !resource.read_only };

@id("no-promotion-at-weekends")
forbid (principal, action in [Action::"promote", Action::"roll-back"], resource)
when { context.weekday == "sat" || context.weekday == "sun" };

@id("agents-call-the-catalogue")
permit (principal in Scope::"agent", action == Action::"call", resource)
when { resource.origin == "catalogue" || resource.risk == "low" };
```

```
cofferdam policy access check access.cedar      # offline: every problem with its line
cofferdam policy access apply access.cedar
cofferdam policy explain catalogue/notes.add --principal KEY
```

## How a request is decided

Three sets of rules are asked, one after the other, and each only takes away:

1. **The platform's** (`platform.cedar` in the data folder, watched like `platform.toml`). It has `forbid` rules alone;
   what one of them forbids, nobody can permit.
2. **The scopes'**, which are built in: the table below. They are the most that a key may do; no rule adds to them.
3. **The tenant's own.** `forbid` always wins. A `permit` narrows: as soon as one speaks of an action, that action needs a
   `permit` that covers it. An action that no `permit` names is left to the scopes. So a tenant without rules has what
   scopes give, and a first rule about calls does not take the policy out of its operators' hands.

A tool's grants are not decided here but by the [policy](policy.md): a call needs both. Listing asks the same question as
calling does, so `GET /v1/tools` has what the key may call and nothing else.

A rule that cannot be evaluated denies, whatever others say: Cedar checks types beforehand, and what it cannot rule out,
such as a number that grows too large, fails closed.

A refusal has the code `denied`; its `facts` name the `rules` that decided, in `nearest` what came nearest to allowing it
where nothing did, in `decision` the id by which the record has it, and `next` says what would have to change. Rules are
named by their line and their `@id`. Every call's entry in the record has the digests of both texts, the rules that let it
in, and the moment that they saw, so that the same decision can be made again.

Rules that would keep whoever applies them from changing them again are refused.

"#;
