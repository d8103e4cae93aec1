//! A small world of ceilings, policies and needs, and what is held in it by a reckoning of its own.

mod properties;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::limits::CallLimits;

/// A bucket or a volume: name, access, bytes, items.
type Entry = (&'static str, Access, Option<u64>, Option<u64>);

/// What one `[[grant]]` of either file says, in the small world of these tests.
#[derive(Debug, Clone)]
struct Said {
    tools: Vec<&'static str>,
    /// A ceiling uses the first one's numbers as its caps.
    kv: Vec<Entry>,
    files: Vec<Entry>,
    http: Vec<(&'static str, &'static str, &'static str)>,
    clock: Option<Clock>,
    random: Option<Random>,
    log: Option<LogLevel>,
    config: Option<&'static str>,
    /// Patterns, and whether what they name holds its own.
    call: Vec<(&'static str, bool)>,
    /// Routes, and tokens; of a ceiling, the providers that stand beside them in [`ROUTES`].
    model: Vec<(&'static str, Option<u64>)>,
    prompt: Vec<&'static str>,
}

/// One of the files.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    allow: Option<Vec<&'static str>>,
    deny: Vec<&'static str>,
    limits: BTreeMap<&'static str, u64>,
    grants: Vec<Said>,
}

pub(super) const PACKAGES: [&str; 3] = ["a", "b", "catalogue/a"];
const PATTERNS: [&str; 5] = ["a", "b", "*", "catalogue/a", "catalogue/*"];
const HOSTS: [&str; 4] = ["*", "x.test", "*.x.test", "y.test"];
const METHODS: [&str; 3] = ["*", "GET", "POST"];
const PATHS: [&str; 3] = ["/*", "/p/*", "/p/q"];
const LIMITS: [&str; 3] = ["fuel", "memory_bytes", "kv_operations"];
const PROMPTS: [&str; 2] = ["x", "y"];

/// Routes of every tenant here: which provider a ceiling names in its place, and those that it chooses from.
const ROUTES: [(&str, &str, &[&str]); 2] = [("r", "p", &["p", "q"]), ("s", "q", &["q"])];

/// What every ceiling says of providers.
const PROVIDERS: &str = "[[provider]]\nname = \"p\"\nprotocol = \"openai\"\nurl = \"https://p.test/v1\"\n\
    models = [{ name = \"m\", input_price = \"1 USD\", output_price = \"1 USD\", context_tokens = 1_000 }]\n\
    [[provider]]\nname = \"q\"\nprotocol = \"anthropic\"\nurl = \"https://q.test/v1\"\n\
    models = [{ name = \"m\", input_price = \"1 USD\", output_price = \"1 USD\", context_tokens = 1_000 }]\n";

/// And every tenant of routes and prompts.
fn routes() -> String {
    let choice = |provider: &&str| format!("{{ provider = {provider:?}, model = \"m\" }}");
    let route = |(name, _, choices): &(&str, &str, &[&str])| {
        let choices: Vec<String> = choices.iter().map(choice).collect();
        format!("[[model]]\nname = {name:?}\nchoices = [{}]\n", choices.join(", "))
    };
    ROUTES.iter().map(route).collect::<String>() + "[prompts]\nx = \"\"\ny = \"\"\n"
}

/// What everyone may do everything by.
const ALL: &str = "[limits]\nfuel = 1_000_000_000_000\nkv_operations = 2_000_000\n[[grant]]\ntools = [\"*\", \"catalogue/*\"]\nkv = true\n\
                   files = true\nhttp = true\nclock = true\nrandom = true\nlog = true\nconfig = true\ncall = true\n\
                   model = true\nprompt = true\n";

/// Requests that tell all rules of these tests apart.
pub(super) fn requests() -> impl Iterator<Item = (HttpTarget, &'static str, &'static str, &'static str)> {
    let hosts = ["x.test", "w.x.test", "y.test", "z.test"];
    let paths = ["/", "/p", "/p/q", "/p/q/r"];
    let all = hosts.into_iter().flat_map(move |host| paths.into_iter().map(move |path| (host, path)));
    all.flat_map(|(host, path)| ["GET", "POST", "PUT"].into_iter().map(move |method| (host, method, path)))
        .map(|(host, method, path)| (HttpTarget::read("https", host, method, path).unwrap(), host, method, path))
}

pub(super) fn rules() -> impl Strategy<Value = Rules> {
    let patterns = |count: std::ops::Range<usize>| prop::collection::vec(prop::sample::select(&PATTERNS[..]), count);
    let store = |names: &'static [&'static str]| {
        let access = prop::sample::select(vec![Access::ReadOnly, Access::ReadWrite]);
        let number = prop::option::of(1..20u64);
        prop::collection::vec((prop::sample::select(names), access, number.clone(), number), 0..3)
    };
    let request =
        (prop::sample::select(&HOSTS[..]), prop::sample::select(&METHODS[..]), prop::sample::select(&PATHS[..]));
    let said = (
        patterns(1..4),
        store(&["k", "l"]),
        store(&["v", "w"]),
        prop::collection::vec(request, 0..3),
        prop::option::of(prop::sample::select(vec![Clock::Frozen, Clock::Coarse, Clock::Real])),
        prop::option::of(prop::sample::select(vec![Random::Seeded, Random::Secure])),
        prop::option::of(prop::sample::select(vec![LogLevel::Trace, LogLevel::Info, LogLevel::Critical])),
        prop::option::of(prop::sample::select(vec!["one", "two"])),
        prop::collection::vec((prop::sample::select(&PATTERNS[..]), any::<bool>()), 0..3),
        prop::collection::vec((prop::sample::select(vec!["r", "s"]), prop::option::of(1..20u64)), 0..3),
        prop::collection::vec(prop::sample::select(&PROMPTS[..]), 0..2),
    );
    let said = said.prop_map(|(tools, kv, files, http, clock, random, log, config, call, model, prompt)| Said {
        tools,
        kv,
        files,
        http,
        clock,
        random,
        log,
        config,
        call,
        model,
        prompt,
    });
    let limits = prop::collection::btree_map(prop::sample::select(&LIMITS[..]), 1 << 16..1u64 << 20, 0..3);
    // Mostly callable: a package that is not says nothing of what it would hold.
    let allow = prop::option::weighted(0.3, patterns(0..4));
    let deny = prop_oneof![3 => Just(Vec::new()), 1 => patterns(0..2)];
    (allow, deny, limits, prop::collection::vec(said, 0..4)).prop_map(|(allow, deny, limits, grants)| Rules {
        allow,
        deny,
        limits,
        grants,
    })
}

fn quoted(words: &[&str]) -> String {
    words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", ")
}

fn word(value: impl serde::Serialize) -> String {
    serde_json::to_string(&value).unwrap()
}

impl Rules {
    /// The file, as text.
    pub(super) fn text(&self, is_ceiling: bool) -> String {
        let mut text = "[tools]\n".to_owned();
        if let Some(allow) = &self.allow {
            text += &format!("allow = [{}]\n", quoted(allow));
        }
        text += &format!("deny = [{}]\n[limits]\n", quoted(&self.deny));
        for (limit, value) in &self.limits {
            text += &format!("{limit} = {value}\n");
        }
        for said in &self.grants {
            text += &said.text(is_ceiling);
        }
        text + &if is_ceiling { PROVIDERS.to_owned() } else { routes() }
    }

    fn lets(&self, package: &str) -> bool {
        let names = |patterns: &[&str]| patterns.iter().any(|pattern| names(pattern, package));
        !names(&self.deny) && self.allow.as_deref().is_none_or(names)
    }

    /// The grants that name `package`.
    fn of(&self, package: &str) -> Vec<&Said> {
        self.grants.iter().filter(|said| said.tools.iter().any(|pattern| names(pattern, package))).collect()
    }
}

fn names(pattern: &str, package: &str) -> bool {
    match pattern {
        "*" => !package.contains('/'),
        "catalogue/*" => package.contains('/'),
        one => one == package,
    }
}

impl Said {
    fn text(&self, is_ceiling: bool) -> String {
        let mut lines = vec!["[[grant]]".to_owned(), format!("tools = [{}]", quoted(&self.tools))];
        for (kind, name, items_max, stores) in
            [("kv", "bucket", "keys_max", &self.kv), ("files", "volume", "files_max", &self.files)]
        {
            let quota = |(_, access, bytes, items): &Entry| {
                let bytes = bytes.map(|bytes| format!(", bytes_max = {bytes}")).unwrap_or_default();
                let items = items.map(|items| format!(", {items_max} = {items}")).unwrap_or_default();
                format!("access = {}{bytes}{items}", word(access))
            };
            if is_ceiling {
                lines.extend(stores.first().map(|cap| format!("{kind} = {{ {} }}", quota(cap))));
            } else {
                let stores: Vec<String> =
                    stores.iter().map(|store| format!("{{ {name} = {:?}, {} }}", store.0, quota(store))).collect();
                lines.push(format!("{kind} = [{}]", stores.join(", ")));
            }
        }
        let rule = |(host, method, path): &(&str, &str, &str)| {
            format!("{{ host = {host:?}, methods = [{method:?}], paths = [{path:?}] }}")
        };
        lines.push(format!("http = [{}]", self.http.iter().map(rule).collect::<Vec<_>>().join(", ")));
        lines.extend(self.clock.map(|clock| format!("clock = {}", word(clock))));
        lines.extend(self.random.map(|random| format!("random = {}", word(random))));
        lines.extend(self.log.map(|log| format!("log = {}", word(log))));
        lines.extend(self.config.map(|key| match is_ceiling {
            true => "config = true".to_owned(),
            false => format!("config = {{ {key} = \"value\" }}"),
        }));
        if !self.call.is_empty() {
            let rule = |(tool, own): &(&str, bool)| {
                let grants = if *own { "own" } else { "caller" };
                format!("{{ tool = {tool:?}, grants = {grants:?} }}")
            };
            lines.push(format!("call = [{}]", self.call.iter().map(rule).collect::<Vec<_>>().join(", ")));
        }
        if !self.model.is_empty() {
            let route = |(route, tokens): &(&str, Option<u64>)| {
                let tokens = tokens.map(|tokens| format!(", tokens_max = {tokens}")).unwrap_or_default();
                if is_ceiling { format!("{:?}", provider(route)) } else { format!("{{ route = {route:?}{tokens} }}") }
            };
            lines.push(format!("model = [{}]", self.model.iter().map(route).collect::<Vec<_>>().join(", ")));
        }
        if !self.prompt.is_empty() {
            lines.push(if is_ceiling {
                "prompt = true".to_owned()
            } else {
                format!("prompt = [{}]", quoted(&self.prompt))
            });
        }
        lines.join("\n") + "\n"
    }

    fn lets_request(&self, host: &str, method: &str, path: &str) -> bool {
        self.http.iter().any(|(hosts, methods, paths)| {
            (*hosts == "*" || *hosts == host || hosts.strip_prefix('*').is_some_and(|below| host.ends_with(below)))
                && (*methods == "*" || *methods == method)
                && (*paths == path || paths.strip_suffix('*').is_some_and(|beginning| path.starts_with(beginning)))
        })
    }
}

/// What a ceiling names where a tenant names `route`.
fn provider(route: &str) -> &'static str {
    ROUTES.iter().find(|(name, ..)| *name == route).map(|(_, provider, _)| *provider).unwrap()
}

/// Packages that no rule names: there can always be more than are named.
const UNNAMED: [&str; 2] = ["unnamed", "catalogue/unnamed"];

/// Whether what is held by `less` is held by `more` too.
pub(super) fn is_within(less: &Grants, more: &Grants) -> bool {
    let kv = |less: &Grant<KvGrant>| {
        more.kv.iter().any(|more| {
            more.bucket == less.bucket
                && less.access <= more.access
                && less.bytes_max <= more.bytes_max
                && less.keys_max <= more.keys_max
        })
    };
    let files = |less: &Grant<FilesGrant>| {
        more.files.iter().any(|more| {
            (&more.volume, &more.mount) == (&less.volume, &less.mount)
                && less.access <= more.access
                && less.bytes_max <= more.bytes_max
                && less.files_max <= more.files_max
        })
    };
    let calls = |name: &&str| {
        let passing = |grants: &Grants| grants.call.as_ref().and_then(|call| call.decide(&package(name)).ok());
        passing(less) <= passing(more)
    };
    let lets =
        |grants: &Grants, target: &HttpTarget| grants.http.as_ref().is_some_and(|http| http.decide(target).is_ok());
    let models = less.model.iter().flat_map(|grant| grant.routes.values()).all(|less| {
        let more = more.model.as_ref().and_then(|grant| grant.routes.get(&less.name));
        more.is_some_and(|more| {
            let mut choices = less.choices.iter().zip(&more.choices);
            less.tokens_max.unwrap_or(u64::MAX) <= more.tokens_max.unwrap_or(u64::MAX)
                && choices.all(|(less, more)| less.offered.is_err() || more.offered.is_ok())
        })
    });
    models
        && less.prompt.keys().all(|name| more.prompt.contains_key(name))
        && less.kv.iter().all(kv)
        && PACKAGES.iter().chain(&UNNAMED).all(calls)
        && less.files.iter().all(files)
        && requests().all(|(target, ..)| !lets(less, &target) || lets(more, &target))
        && *less.clock <= *more.clock
        && *less.random <= *more.random
        && less.log.as_ref().is_none_or(|less| more.log.as_ref().is_some_and(|more| **less >= **more))
        && less.config.iter().all(|(key, value)| more.config.get(key) == Some(value))
}

fn kinds_of(bits: u16) -> BTreeSet<GrantKind> {
    GrantKind::ALL.into_iter().enumerate().filter(|(nth, _)| bits & 1 << nth != 0).map(|(_, kind)| kind).collect()
}

/// Buckets or volumes by name.
type Stores = BTreeMap<String, (Access, u64, u64)>;

/// What the rows of both files come to, by a reckoning of its own.
fn stores(above: &[&Said], below: &[&Said], of: fn(&Said) -> &Vec<Entry>, default: (u64, u64)) -> Stores {
    let least = |all: &[&Entry], number: fn(&Entry) -> Option<u64>, otherwise| {
        all.iter().filter_map(|entry| number(entry)).min().unwrap_or(otherwise)
    };
    let caps: Vec<&Entry> = above.iter().filter_map(|said| of(said).first()).collect();
    let mut stores = Stores::new();
    for name in ["k", "l", "v", "w"] {
        let own: Vec<&Entry> = below.iter().flat_map(|said| of(said)).filter(|entry| entry.0 == name).collect();
        let widest = |all: &[&Entry]| all.iter().map(|entry| entry.1).max();
        let (Some(access), Some(cap)) = (widest(&own), widest(&caps)) else { continue };
        let bytes = least(&own, |entry| entry.2, default.0).min(least(&caps, |cap| cap.2, u64::MAX));
        let items = least(&own, |entry| entry.3, default.1).min(least(&caps, |cap| cap.3, u64::MAX));
        stores.insert(name.to_owned(), (access.min(cap), bytes, items));
    }
    stores
}
