//! Routes: their choices and when one of these gets no calls.

use super::{Keys, Section, key};

/// A `[[route]]`.
pub(in crate::policy) static ROUTE: Section = Section {
    title: "[[route]]",
    doc: "A route is called by `routes/` and its name, as a tool is by its own. Its choices are looked at in their order, \
          and the first that takes the call gets it; a call that none takes is refused, with what spoke against each. A \
          key sees a route where it may call at least one of its choices. What was decided follows from this file and from \
          what the record has of the call, so that it can be decided again.",
    keys: Keys::These(&[
        key("name", "a name such as `\"summarise\"`", "", "What it is called by."),
        key("choices", "a list of tables, 1 to 16", "", "What it chooses from."),
        key(
            "fallback",
            "`\"next\"` or `\"none\"`",
            "`\"next\"`",
            "What is done when the choice that got the call fails, is unavailable, or goes past its deadline, fuel, memory \
             or another of its limits, or the host has no room for it: with `\"next\"` the next one that takes the call \
             gets it. Each attempt is a call of its own, with its own limits, and what a failed one did is done: say \
             `\"none\"` where it must not be done twice.",
        ),
        key("breaker", "a table", "see below", "When a choice gets no calls for a time."),
    ]),
    below: &[&CHOICE, &BREAKER],
    renamed: &[("choice", "choices"), ("tools", "choices"), ("on_failure", "fallback")],
};

/// A choice.
pub(in crate::policy) static CHOICE: Section = Section {
    title: "choices",
    doc: "A choice takes a call of which all that it names holds. The risk of a call is the highest of what is derived of \
          the tool, `tools.risk_floor` and what the caller declares. How hard it is the caller declares, too; where it does \
          not, it is estimated: the bytes of texts longer than 200, and a fourth of all others, are low below 4 KiB and \
          high from 64 KiB on. A choice whose tool needs what a `[[flow]]` denies the session takes no call either.",
    keys: Keys::These(&[
        key("tool", "a tool such as `\"notes.add\"`, `\"notes.add@1\"` or `\"notes.add@1.2.0\"`", "", "The tool."),
        key(
            "without",
            "a list of kinds of grant, such as `[\"http\"]`",
            "none",
            "It runs without these, as where nothing of them is granted: what the tool could do with them it leaves out, \
             and less is reserved for it. So the same tool can stand in a route twice, and goes without where the choice \
             before does not take the call. A choice whose tool cannot do without one of them takes none.",
        ),
        key("max_input_bytes", "a size", "any", "The arguments are no larger."),
        key("max_risk", "`\"low\"`, `\"medium\"` or `\"high\"`", "any", "The call's risk is no higher."),
        key("max_complexity", "`\"low\"`, `\"medium\"` or `\"high\"`", "any", "The call is no harder."),
        key(
            "max_load",
            "from 0 to 1",
            "any",
            "The tenant's calls that run or wait are no more than this part of those that may run at once, counted by \
             twentieths.",
        ),
        key(
            "min_budget_left",
            "from 0 to 1",
            "any",
            "So much is left of the scarcest budget that binds all calls of the key: of those for money where there are \
             any, else for tokens, for fuel, for calls. Whatever this says, a choice for which a budget has no room takes no call.",
        ),
        key(
            "share",
            "from 0 to 1",
            "every key",
            "It takes calls of this part of all keys, always of the same ones: with a larger share of more, and still of \
             those. Where several choices have one, their parts lie one behind the other.",
        ),
        key("trust", "`\"catalogue\"` or `\"own\"`", "any", "The tool is the catalogue's, or the tenant's own."),
        key(
            "cost",
            "`\"low\"`, `\"medium\"` or `\"high\"`",
            "nothing is said",
            "What a call costs beside the others'. It is told with the decision, and decides nothing.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("name", "tool"),
        ("max_size", "max_input_bytes"),
        ("max_bytes", "max_input_bytes"),
        ("risk", "max_risk"),
        ("complexity", "max_complexity"),
        ("load", "max_load"),
        ("budget", "min_budget_left"),
        ("weight", "share"),
        ("canary", "share"),
        ("percent", "share"),
        ("origin", "trust"),
        ("off", "without"),
    ],
};

/// A breaker.
pub(in crate::policy) static BREAKER: Section = Section {
    title: "breaker",
    doc: "Each choice has a breaker of its own, for this route alone: a tool that fails here can still be called by its name. \
          What counts as failed is what `fallback` is for, but for a host without room; that a tool says that its work \
          failed does not count, since callers can bring that about. A breaker that is open lets no call through; then one, \
          and how that ends decides. With `fallback = \"none\"` a choice with a `share` has no more calls under way at once \
          than would open its breaker if all of them failed; further ones go to the next choice, so that nobody sees more \
          failures of it than that takes. Counted in memory: with the host they begin anew.",
    keys: Keys::These(&[
        key(
            "failure_rate",
            "above 0, to 1",
            "`0.5`",
            "It opens when this part of the window's calls, or more, has failed.",
        ),
        key("slow_rate", "above 0, to 1", "`0.8`", "It opens when this part of the window's calls, or more, was slow."),
        key("slow", "a time from `\"1ms\"` to `\"1h\"`", "`\"10s\"`", "What slow is: running for so long or longer."),
        key("calls", "1 to 1,000,000", "`20`", "Calls that the window has to hold first."),
        key("window", "a time from `\"1s\"` to `\"1h\"`", "`\"1m\"`", "How far back calls count."),
        key(
            "open",
            "a time from `\"100ms\"` to `\"1day\"`",
            "`\"30s\"`",
            "How long it is open before it lets one call through.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("failures", "failure_rate"),
        ("slow_after", "slow"),
        ("min_calls", "calls"),
        ("calls_min", "calls"),
        ("open_for", "open"),
        ("cooldown", "open"),
    ],
};
