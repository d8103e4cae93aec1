//! Models: the platform's providers, a tenant's routes and prompts, and what a grant says of them.

use super::{Keys, Section, key};

/// `[[provider]]` of the platform's file.
pub(in crate::policy) static PROVIDER: Section = Section {
    title: "[[provider]]",
    doc: "Who answers requests to models. Keys stay in the host: `key` names a secret of the platform's own tenant, which is \
          put into requests on their way out and is in no guest, log or record. Addresses are checked as those of tools' \
          requests are, with the same exceptions.",
    keys: Keys::These(&[
        key("name", "a name: 1 to 64 lower-case letters, digits, `-` and `_`", "", "What routes call it."),
        key(
            "protocol",
            "`\"openai\"` or `\"anthropic\"`",
            "",
            "What it speaks: chat completions and embeddings as OpenAI's API has them, and many servers; or messages as \
             Anthropic's has them.",
        ),
        key(
            "url",
            "a URL such as `\"https://api.example.com/v1\"`",
            "",
            "What stands before `/chat/completions`, `/embeddings` and `/messages`, the version included.",
        ),
        key("key", "the name of a secret", "none", "Its key; in `authorization`, or in `x-api-key` for `anthropic`."),
        key("plain_http", "`true` or `false`", "`false`", "Has to be `true` where a key goes to a URL with `http`."),
        key(
            "timeout",
            "a time, from `\"100ms\"` to `\"10m\"`",
            "`\"30s\"`",
            "How long an attempt may take until the answer begins, and from then on between two pieces of it. Where other \
             choices could answer in its place, it is waited for no longer than its share of the time that the call has \
             left.",
        ),
        key(
            "attempts",
            "1 to 10",
            "3",
            "How often a request is tried before it counts as failed: again only where nothing came of it that the tool has \
             seen, after a time that doubles, with a random part, on top of what the provider says. A pause of more than 10 \
             seconds, or longer than the call has left, is not waited for.",
        ),
        key(
            "output_member",
            "`\"max_tokens\"` or `\"max_completion_tokens\"`",
            "`\"max_tokens\"`",
            "What `openai` calls the bound on an answer: its newer models want the second, most servers know the first.",
        ),
        key("models", "a list of tables, 100 at most", "", "Its models."),
    ]),
    below: &[&PROVIDER_MODEL],
    renamed: &[
        ("type", "protocol"),
        ("base_url", "url"),
        ("endpoint", "url"),
        ("api_key", "key"),
        ("secret", "key"),
        ("retries", "attempts"),
        ("model", "models"),
    ],
};

/// One model of a provider.
pub(in crate::policy) static PROVIDER_MODEL: Section = Section {
    title: "models",
    doc: "Prices are for a million tokens, in US dollars or whatever unit the platform reckons in.",
    keys: Keys::These(&[
        key("name", "a text of at most 128 visible ASCII characters", "", "As the provider calls it."),
        key("kind", "`\"chat\"` or `\"embeddings\"`", "`\"chat\"`", "What it does."),
        key("input_price", "money such as `\"0.15 USD\"`", "", "A million tokens of requests."),
        key("output_price", "money", "none", "A million tokens of answers; of `chat` it has to be there."),
        key("context_tokens", "a whole number", "", "Tokens of request and answer together."),
        key(
            "strength",
            "`\"low\"`, `\"medium\"` or `\"high\"`",
            "`\"high\"`",
            "The hardest requests that it is good for, where a route says nothing of that.",
        ),
    ]),
    below: &[],
    renamed: &[
        ("capability", "kind"),
        ("context", "context_tokens"),
        ("input", "input_price"),
        ("output", "output_price"),
        ("price", "input_price"),
    ],
};

/// `[[model]]` of a tenant's file.
pub(in crate::policy) static MODEL: Section = Section {
    title: "[[model]]",
    doc: "A route: a name that tools use, and models to choose from. Each request is decided by itself: the first choice is \
          taken that nothing stands against. A request that could come to more than is left of a limit or budget takes a \
          later choice; where only that keeps it from the choices that are good enough, it takes the first that is not, and \
          the record says `downgraded`. Risk is never traded for money.",
    keys: Keys::These(&[
        key("name", "a name: 1 to 64 lower-case letters, digits, `-` and `_`", "", "What tools call it."),
        key("choices", "a list of tables, 1 to 16", "", "Models, in the order of preference."),
        key(
            "fallback",
            "`\"next\"` or `\"none\"`",
            "`\"next\"`",
            "Whether another choice is taken where a provider does not answer: the next that nothing stands against.",
        ),
    ]),
    below: &[&MODEL_CHOICE],
    renamed: &[("models", "choices"), ("route", "name")],
};

/// One choice of a route.
pub(in crate::policy) static MODEL_CHOICE: Section = Section {
    title: "choices",
    doc: "The price is the platform's to say: what a choice costs needs no key.",
    keys: Keys::These(&[
        key("provider", "a name", "", "The provider, as the platform names it."),
        key("model", "a text", "", "The model, as the provider names it."),
        key(
            "max_risk",
            "`\"low\"`, `\"medium\"` or `\"high\"`",
            "any",
            "The riskiest: the greater of what was derived of the call and what the request says of itself.",
        ),
        key(
            "max_complexity",
            "`\"low\"`, `\"medium\"` or `\"high\"`",
            "the model's `strength`",
            "The hardest: what the request says of itself, or else by its size: up to about 1,000 tokens, up to 8,000, more; \
             with tools at least `medium`.",
        ),
        key("max_input_tokens", "a whole number", "what the model takes", "The longest, as estimated from its bytes."),
        key(
            "min_budget_left",
            "a number from 0 to 1, such as `0.2`",
            "0",
            "The part that has to be left of what the call may spend, and of the scarcest budget that binds all calls of the \
             key, as the call began: of those for money where there are any, else for tokens, for fuel, for calls. What the \
             call itself may use is not left of it.",
        ),
    ]),
    below: &[],
    renamed: &[("risk", "max_risk"), ("complexity", "max_complexity"), ("max_tokens", "max_input_tokens")],
};

/// `model` of a tenant's grant, where it is a table.
pub(in crate::policy) static MODEL_GRANT: Section = Section {
    title: "model",
    doc: "The name of a route alone stands for `{ route = \"…\" }`.",
    keys: Keys::These(&[
        key("route", "a name", "", "The route, one of the policy's `[[model]]`."),
        key(
            "tokens_max",
            "a whole number",
            "`limits.model_tokens`",
            "Tokens of requests and answers that one call may use by it.",
        ),
    ]),
    below: &[],
    renamed: &[("name", "route"), ("tokens", "tokens_max"), ("max_tokens", "tokens_max")],
};

/// What the page says of `[prompts]`, which has keys of the tenant's own.
pub(in crate::policy) const PROMPTS_DOC: &str = "Prompt templates, by name: texts in which `{name}` is a parameter of the tool's \
    and `{{` and `}}` are braces. What a tool gives for a parameter is put in as it is. At most 100, of 32 KiB each.";
