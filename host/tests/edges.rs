//! The walls between the host's modules, as ARCHITECTURE.md draws them: who may name whom, who knows status codes, who
//! knows the engine, who does no input or output. Tests within the modules may reach further.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr as _;

use proc_macro2::{Delimiter, TokenStream, TokenTree};

/// Every module of the host with those that it may name, from the top down: what a row allows stands below it, so there
/// is no way round in a circle. A new module gets a row here and a line in ARCHITECTURE.md.
const EDGES: &[(&str, &str)] = &[
    (
        "cli",
        "http host control what_if router snapshot access identity registry engine capability policy storage admission audit",
    ),
    (
        "http",
        "host control what_if router approvals sessions snapshot access identity registry engine capability policy admission audit",
    ),
    (
        "host",
        "control router answers approvals sessions snapshot access identity registry engine capability policy storage admission audit",
    ),
    (
        "control",
        "what_if answers approvals sessions snapshot access identity registry capability policy storage admission audit",
    ),
    ("what_if", "snapshot access identity policy audit"),
    (
        "router",
        "answers approvals sessions snapshot access identity registry engine capability policy admission audit storage",
    ),
    ("answers", "engine policy audit"),
    ("snapshot", "access identity registry policy storage audit"),
    ("registry", "engine capability policy storage"),
    ("engine", "capability policy"),
    ("capability", "policy storage"),
    ("admission", "approvals sessions policy audit"),
    ("approvals", "audit"),
    ("sessions", "audit"),
    ("access", "identity policy"),
    ("identity", ""),
    ("policy", ""),
    ("audit", "storage"),
    ("storage", ""),
];

/// What any module may name: words without behaviour, the one error among them.
const GROUND: [&str; 12] = [
    "amounts",
    "descriptors",
    "downstream",
    "error",
    "id",
    "labels",
    "limits",
    "money",
    "routed",
    "shares",
    "turns",
    "uses",
];

/// Names that only these places may use, with what that keeps true.
const ONLY: &[(&str, &[&str], &str)] = &[
    ("wasmtime", &["engine", "capability"], "everything else outlives a change of engine"),
    ("wasmtime_wasi", &["engine", "capability"], "everything else outlives a change of engine"),
    ("wasmtime_wasi_http", &["engine", "capability"], "everything else outlives a change of engine"),
    ("wasmtime_wasi_io", &["engine", "capability"], "everything else outlives a change of engine"),
    // What guests and models ask of others has status codes, too; they are data there.
    (
        "StatusCode",
        &["http", "capability/http", "capability/model"],
        "an error means the same at every door; only `http` gives it a number",
    ),
    // The demo serves a page for a tool to fetch.
    ("axum", &["http", "cli/demo"], "the API has one front door"),
    ("sqlx", &["storage"], "one place knows SQL"),
];

/// Places without input and output, so that the same question always has the same answer.
const PURE: [&str; 3] = ["access", "policy", "audit/entry"];
const EFFECTS: &[&str] = &[
    "std::fs",
    "std::env",
    "std::process",
    "std::thread",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::ToSocketAddrs",
    "std::net::UdpSocket",
    "std::time::Instant",
    "SystemTime::now",
    "cap_std",
    "getrandom",
    "hyper",
    "libc",
    "object_store",
    "reqwest",
    "rustix",
    "sqlx",
    "tokio",
];

/// A path that a file names, such as `crate::policy::Grant`.
type Named = Vec<String>;

#[test]
fn modules_name_only_what_is_below_them() {
    let allowed: BTreeMap<_, BTreeSet<_>> =
        EDGES.iter().map(|(module, below)| (*module, below.split_whitespace().chain(GROUND).collect())).collect();
    let mut wrong = Vec::new();
    for (place, names) in sources() {
        let module = place.split(['/', '.']).next().unwrap();
        let ground = GROUND.contains(&module);
        let Some(below) = allowed.get(module).or(ground.then_some(&GROUND.into())).cloned() else {
            wrong.push(format!("the module `{module}` is not in the table"));
            continue;
        };
        for name in names.iter().filter(|name| name[0] == "crate" && name.len() > 1) {
            let other = name[1].as_str();
            let known = allowed.contains_key(other) || GROUND.contains(&other);
            if known && other != module && !below.contains(other) {
                wrong.push(format!("src/{place} names {}, and `{module}` may not know `{other}`", name.join("::")));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{}\n(host/tests/edges.rs says who may name whom, ARCHITECTURE.md why)",
        wrong.join("\n")
    );
}

#[test]
fn the_table_has_no_circle() {
    for (at, (module, below)) in EDGES.iter().enumerate() {
        for other in below.split_whitespace() {
            let place = EDGES.iter().position(|(name, _)| *name == other);
            assert!(place.is_some_and(|place| place > at), "`{other}` does not stand below `{module}`");
        }
    }
}

#[test]
fn some_names_have_one_place() {
    let mut wrong = Vec::new();
    for (place, names) in sources() {
        for (name, places, why) in ONLY {
            if names.iter().any(|path| path.iter().any(|part| part == name))
                && !places.iter().any(|at| within(&place, at))
            {
                wrong.push(format!("src/{place} names `{name}`, which only {} may: {why}", places.join(" and ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_decides_has_no_effects() {
    let mut wrong = Vec::new();
    for (place, names) in sources().into_iter().filter(|(place, _)| PURE.iter().any(|at| within(place, at))) {
        for (name, effect) in names.iter().flat_map(|name| EFFECTS.iter().map(move |effect| (name.join("::"), effect)))
        {
            let used =
                name == **effect || name.starts_with(&format!("{effect}::")) || name.ends_with(&format!("::{effect}"));
            if used {
                wrong.push(format!("src/{place} names `{name}`; {} do no input or output", PURE.join(" and ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn paths_are_found_however_they_are_written() {
    let text = "use crate::{policy::{Grant, self as p}, id}; /// [`crate::http`]
        fn f() { super::super::audit::go(std::time::SystemTime::now()); }
        macro_rules! m { () => { $crate::error::Error } }
        #[cfg(test)] mod tests { use crate::cli; } #[cfg(test)] use crate::main;";
    let found = names(TokenStream::from_str(text).unwrap(), &["storage".into(), "kv".into()]);
    let found: Vec<_> = found.iter().map(|name| name.join("::")).filter(|name| name.contains("::")).collect();
    let expected = [
        "crate::policy::Grant",
        "crate::policy::self",
        "crate::id",
        "crate::audit::go",
        "std::time::SystemTime::now",
        "crate::error::Error",
    ];
    assert_eq!(found, expected);
}

fn within(place: &str, at: &str) -> bool {
    place.strip_prefix(at).is_some_and(|rest| rest.starts_with(['/', '.']))
}

/// Every file of the host but its roots and its tests, with all paths that it names.
fn sources() -> Vec<(String, Vec<Named>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    walk(&root, &mut files);
    let sources: Vec<_> = files
        .iter()
        .map(|file| (file.strip_prefix(&root).unwrap().to_str().unwrap().to_owned(), file))
        .filter(|(place, _)| !matches!(place.as_str(), "lib.rs" | "main.rs"))
        .filter(|(place, _)| !place.split('/').any(|part| matches!(part, "tests" | "tests.rs")))
        .map(|(place, file)| {
            let tokens = TokenStream::from_str(&fs::read_to_string(file).unwrap()).unwrap();
            let module = place.trim_end_matches(".rs").trim_end_matches("/mod").split('/').map(str::to_owned);
            let names = names(tokens, &module.collect::<Vec<_>>());
            (place, names)
        })
        .collect();
    assert!(sources.len() > 100, "only {} files in {}", sources.len(), root.display());
    sources
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

/// The paths in `tokens`, those by `super` from the crate's root. Comments are no tokens, and what is for tests alone is
/// passed over.
fn names(tokens: TokenStream, module: &[String]) -> Vec<Named> {
    let mut found = Vec::new();
    collect(tokens, &[], &mut found);
    found.into_iter().map(|name| from_root(name, module)).collect()
}

fn collect(tokens: TokenStream, stem: &[String], found: &mut Vec<Named>) {
    let tokens: Vec<_> = tokens.into_iter().collect();
    let punct = |at: usize, of: char| matches!(tokens.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == of);
    let (mut at, mut path) = (0, stem.to_vec());
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Punct(hash) if hash.as_char() == '#' && is_test_only(tokens.get(at + 1)) => {
                // Up to the end of the item: its braces, or a semicolon.
                while at < tokens.len() && !punct(at, ';') && !is_braces(&tokens[at]) {
                    at += 1;
                }
            }
            // Another name for what was just named.
            TokenTree::Ident(word) if word == "as" && !stem.is_empty() => at += 1,
            TokenTree::Ident(word) => {
                path.push(word.to_string());
                if punct(at + 1, ':') && punct(at + 2, ':') {
                    at += 2;
                    if let Some(TokenTree::Group(group)) = tokens.get(at + 1).filter(|next| is_braces(next)) {
                        collect(group.stream(), &path, found);
                        path = stem.to_vec();
                        at += 1;
                    }
                } else {
                    found.push(std::mem::replace(&mut path, stem.to_vec()));
                }
            }
            TokenTree::Group(group) => collect(group.stream(), stem, found),
            _ => {}
        }
        at += 1;
    }
}

fn is_braces(token: &TokenTree) -> bool {
    matches!(token, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
}

fn is_test_only(attribute: Option<&TokenTree>) -> bool {
    matches!(attribute, Some(TokenTree::Group(group)) if group.stream().to_string().replace(' ', "") == "cfg(test)")
}

/// A path as it would be written from the root of the crate.
fn from_root(name: Named, module: &[String]) -> Named {
    let ups = name.iter().take_while(|part| *part == "super").count();
    if ups == 0 || ups > module.len() {
        return name;
    }
    let stem = std::iter::once("crate".to_owned()).chain(module[..module.len() - ups].iter().cloned());
    stem.chain(name[ups..].iter().cloned()).collect()
}
