//! Sets of requests, taken apart: what a grant lets through as a list of simple pieces, and whether others cover a piece.
//!
//! Of each dimension (host, method, path) two patterns are one within the other, or apart. So what a piece holds beyond
//! others shows at finitely many requests: one for each pattern of each dimension, outside of the patterns within it.

use std::cell::Cell;
use std::fmt;

use url::Host;

use super::rule::{HostPattern, HttpRule};
use super::{HttpGrant, HttpTarget, Scheme, path};

/// Pieces of one grant that are looked at.
const ATOMS_MAX: usize = 2_000;
/// Requests that are tried of one piece.
const TRIED_MAX: usize = 20_000;
/// Names that are tried before one is given up that no rule knows.
const FRESH_MAX: usize = 32;

/// What comparing one package may still take, in steps: each looks at one pattern or rule.
#[derive(Debug)]
pub(in crate::policy) struct Effort(Cell<u64>);

impl Effort {
    /// About a second.
    pub(in crate::policy) const STEPS_MAX: u64 = 20_000_000;

    pub(in crate::policy) fn new() -> Self {
        Self(Cell::new(Self::STEPS_MAX))
    }

    /// Takes so many steps, where there are as many. Where there are not, none is left: all that comes after is unknown.
    pub(in crate::policy) fn take(&self, steps: usize) -> bool {
        let left = self.0.get().checked_sub(steps as u64);
        self.0.set(left.unwrap_or(0));
        left.is_some()
    }

    fn is_spent(&self) -> bool {
        self.0.get() == 0
    }
}

/// Requests by one method to one pattern of hosts and one of paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) struct Atom {
    scheme: Scheme,
    host: HostPattern,
    port: u16,
    /// `*` is any.
    method: String,
    path: String,
}

/// What of a piece others do not cover.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::policy) enum Left {
    Nothing,
    /// Some of it, such as this request.
    Some(HttpTarget),
    All,
    /// Too many patterns to tell.
    Unknown,
}

impl HttpGrant {
    /// What it lets through, no piece within another one; nothing where that is too much to look at.
    pub(in crate::policy) fn atoms(&self, effort: &Effort) -> Option<Vec<Atom>> {
        let (tenant, ceiling) = (Atom::of_rules(&self.tenant)?, Atom::of_rules(&self.ceiling)?);
        let mut all: Vec<Atom> = Vec::new();
        for one in &tenant {
            for other in &ceiling {
                if !effort.take(1 + 2 * all.len()) {
                    return None;
                }
                let Some(both) = one.meet(other) else { continue };
                if all.iter().any(|known| both.is_within(known)) {
                    continue;
                }
                all.retain(|known| !known.is_within(&both));
                all.push(both);
                if all.len() > ATOMS_MAX {
                    return None;
                }
            }
        }
        Some(all)
    }
}

impl HttpRule {
    /// How many pieces it has.
    pub(in crate::policy) fn pieces(&self) -> usize {
        let (_, _, _, methods, paths) = self.parts();
        methods.len() * paths.len()
    }

    /// Whether some request of `atom` can match it.
    pub(in crate::policy) fn meets(&self, atom: &Atom) -> bool {
        Atom::of(self).iter().any(|own| own.meet(atom).is_some())
    }
}

impl Atom {
    fn of(rule: &HttpRule) -> Vec<Self> {
        let (scheme, host, port, methods, paths) = rule.parts();
        let each = methods.iter().flat_map(|method| paths.iter().map(move |path| (method, path)));
        each.map(|(method, path)| Self { scheme, host: host.clone(), port, method: method.clone(), path: path.clone() })
            .collect()
    }

    fn of_rules(rules: &[HttpRule]) -> Option<Vec<Self>> {
        let atoms: Vec<Self> = rules.iter().flat_map(Self::of).take(ATOMS_MAX + 1).collect();
        (atoms.len() <= ATOMS_MAX).then_some(atoms)
    }

    /// What is in both.
    fn meet(&self, other: &Self) -> Option<Self> {
        let apart = self.scheme != other.scheme || self.port != other.port || !path::overlap(&self.path, &other.path);
        if apart || !self.host.overlaps(&other.host) {
            return None;
        }
        let method = match (self.method.as_str(), other.method.as_str()) {
            ("*", method) | (method, "*") => method,
            (one, other) if one == other => one,
            _ => return None,
        };
        // Two patterns that overlap are one within the other.
        let host = if self.host.is_within(&other.host) { &self.host } else { &other.host };
        let path = if path::is_within(&self.path, &other.path) { &self.path } else { &other.path };
        let (scheme, port) = (self.scheme, self.port);
        Some(Self { scheme, host: host.clone(), port, method: method.to_owned(), path: path.clone() })
    }

    fn is_within(&self, other: &Self) -> bool {
        self.scheme == other.scheme
            && self.port == other.port
            && self.host.is_within(&other.host)
            && (other.method == "*" || self.method == other.method)
            && path::is_within(&self.path, &other.path)
    }

    pub(in crate::policy) fn covers(&self, target: &HttpTarget) -> bool {
        self.scheme == target.scheme
            && self.port == target.port
            && self.host.covers(&target.host)
            && (self.method == "*" || self.method == target.method)
            && path::is_within(&target.path, &self.path)
    }

    /// The same but for the method: what a line of a comparison can have together.
    pub(in crate::policy) fn is_beside(&self, other: &Self) -> bool {
        (self.scheme, &self.host, self.port, &self.path) == (other.scheme, &other.host, other.port, &other.path)
    }

    pub(in crate::policy) fn method(&self) -> &str {
        &self.method
    }

    /// Where to, without the method.
    pub(in crate::policy) fn place(&self) -> String {
        let port = if self.port == self.scheme.port() { String::new() } else { format!(":{}", self.port) };
        format!("{}://{}{port}{}", self.scheme, self.host, self.path)
    }

    /// What of it `others` do not cover.
    pub(in crate::policy) fn beyond(&self, others: &[Self], effort: &Effort) -> Left {
        if !effort.take(others.len()) {
            return Left::Unknown;
        }
        let others: Vec<&Self> = others.iter().filter(|other| self.meet(other).is_some()).collect();
        if others.is_empty() {
            return Left::All;
        }
        if others.iter().any(|other| self.is_within(other)) {
            return Left::Nothing;
        }
        let hosts = self.hosts(&others, effort);
        let methods = self.methods(&others);
        let paths = self.paths(&others, effort);
        if effort.is_spent() || hosts.len() * methods.len() * paths.len() > TRIED_MAX {
            return Left::Unknown;
        }
        let (mut beyond, mut covered) = (None, false);
        for host in &hosts {
            for method in &methods {
                for path in &paths {
                    // Reading a request takes as long as some ten rules do.
                    if !effort.take(10 + others.len()) {
                        return Left::Unknown;
                    }
                    let Some(target) = self.target(host, method, path) else { continue };
                    match others.iter().any(|other| other.covers(&target)) {
                        true => covered = true,
                        false => beyond = beyond.or(Some(target)),
                    }
                }
            }
        }
        match (beyond, covered) {
            (None, _) => Left::Nothing,
            (Some(target), true) => Left::Some(target),
            (Some(_), false) => Left::All,
        }
    }

    /// A request of these parts, where there can be one.
    fn target(&self, host: &str, method: &str, path: &str) -> Option<HttpTarget> {
        let authority = format!("{host}:{}", self.port);
        let target = HttpTarget::read(self.scheme.as_str(), &authority, method, path).ok()?;
        // As a rule would read it: what has another spelling is another request.
        (self.covers(&target) && target.path == path).then_some(target)
    }

    fn hosts(&self, others: &[&Self], effort: &Effort) -> Vec<String> {
        let mut patterns = vec![&self.host];
        patterns.extend(others.iter().map(|other| &other.host).filter(|host| host.is_within(&self.host)));
        let known = |host: &str| {
            if !effort.take(patterns.len()) {
                return usize::MAX;
            }
            let host = Host::Domain(host.to_owned());
            patterns.iter().filter(|pattern| pattern.covers(&host)).count()
        };
        let mut hosts: Vec<String> = Vec::new();
        for pattern in &patterns {
            if !effort.take(patterns.len()) {
                break;
            }
            let outer = patterns.iter().filter(|other| pattern.is_within(other)).count();
            let fresh = |stem: &dyn Fn(usize) -> String| {
                // In this pattern and in those around it, and in none within it.
                (0..FRESH_MAX).map(stem).find(|host| host.len() <= 253 && known(host) == outer)
            };
            hosts.extend(match pattern {
                HostPattern::Any => fresh(&|nth| format!("unlisted{nth}")),
                HostPattern::Below(name) => fresh(&|nth| format!("u{nth}.{name}")),
                HostPattern::Exactly(host) => Some(host.to_string()),
            });
        }
        unique(hosts)
    }

    fn methods(&self, others: &[&Self]) -> Vec<String> {
        if self.method != "*" {
            return vec![self.method.clone()];
        }
        let mut methods: Vec<String> =
            others.iter().map(|other| other.method.clone()).filter(|method| method != "*").collect();
        methods = unique(methods);
        let fresh = (0..).map(|nth| format!("UNLISTED{nth}")).find(|method| methods.binary_search(method).is_err());
        methods.extend(fresh);
        unique(methods)
    }

    fn paths(&self, others: &[&Self], effort: &Effort) -> Vec<String> {
        let mut patterns = vec![&self.path];
        patterns.extend(others.iter().map(|other| &other.path).filter(|path| path::is_within(path, &self.path)));
        let known = |path: &str| match effort.take(patterns.len()) {
            true => patterns.iter().filter(|pattern| path::is_within(path, pattern)).count(),
            false => usize::MAX,
        };
        let mut paths: Vec<String> = Vec::new();
        for pattern in &patterns {
            if !effort.take(patterns.len()) {
                break;
            }
            match pattern.strip_suffix('*') {
                None => paths.push((*pattern).clone()),
                Some(beginning) => {
                    let outer = patterns.iter().filter(|other| path::is_within(pattern, other)).count();
                    // What it begins with is a path of its own, which a pattern without a star can be for.
                    paths.push(beginning.to_owned());
                    paths.extend(
                        (0..FRESH_MAX).map(|nth| format!("{beginning}u{nth}")).find(|path| known(path) == outer),
                    );
                }
            }
        }
        unique(paths)
    }
}

fn unique(mut texts: Vec<String>) -> Vec<String> {
    texts.sort_unstable();
    texts.dedup();
    texts
}

impl fmt::Display for Atom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} to {}", self.method, self.place())
    }
}
