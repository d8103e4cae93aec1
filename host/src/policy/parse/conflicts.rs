//! Grants that add up for a package and cannot: two volumes at one place, one volume at two, a setting with two values.
//!
//! Patterns overlap, so a conflict can be between rows that have no word in common. Wildcards are entered first, then
//! each package by its name is held against them: no pair of rows is ever compared.

use std::collections::{HashMap, HashSet};

use crate::id::Origin;
use crate::policy::grant::SCRATCH;
use crate::policy::pattern::Pattern;
use crate::policy::problem::{Problems, shown};
use crate::policy::rows::{Row, TenantGives};

/// What a package can have only once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Thing<'a> {
    /// A volume, by its place.
    Place(&'a str),
    /// A place, by its volume.
    Volume(&'a str),
    /// A value, by its setting.
    Setting(&'a str),
}

/// Where one was first stated.
#[derive(Clone, Copy)]
struct First<'a> {
    value: &'a str,
    number: usize,
    line: Option<usize>,
}

/// Tells of all such conflicts, each once.
pub(super) fn conflicts(problems: &mut Problems, rows: &[Row<TenantGives>]) {
    let mut every: HashMap<(Origin, Thing<'_>), First<'_>> = HashMap::new();
    let mut one: HashMap<(&Pattern, Thing<'_>), First<'_>> = HashMap::new();
    let mut told = HashSet::new();
    for wildcards in [true, false] {
        for row in rows {
            let things = things(row);
            for pattern in row.tools.iter().filter(|pattern| matches!(pattern, Pattern::Every(_)) == wildcards) {
                for (key, thing, this) in &things {
                    let origin = pattern.origin();
                    let own = match wildcards {
                        true => *every.entry((origin, *thing)).or_insert(*this),
                        false => *one.entry((pattern, *thing)).or_insert(*this),
                    };
                    let firsts = every.get(&(origin, *thing)).into_iter().chain([&own]);
                    for first in firsts.filter(|first| first.value != this.value) {
                        if told.insert((*thing, first.number, this.number)) {
                            problems.add(
                                this.line,
                                format!("grant[{}].{key}", row.number),
                                message(*thing, *this, *first, pattern),
                            );
                        }
                    }
                }
            }
        }
    }
}

fn things(row: &Row<TenantGives>) -> Vec<(&'static str, Thing<'_>, First<'_>)> {
    let first = |value, line| First { value, number: row.number, line };
    let volumes = row.gives.files.iter().flat_map(|at| {
        let (name, mount) = (at.value.name.as_str(), at.value.mount.as_str());
        let place = ("files", Thing::Place(mount), first(name, at.line));
        // Scratch folders are as many as there are places for them.
        let volume = (name != SCRATCH).then(|| ("files", Thing::Volume(name), first(mount, at.line)));
        [Some(place), volume].into_iter().flatten()
    });
    let settings = row.gives.config.iter().flat_map(|at| {
        at.value.iter().map(|(key, value)| ("config", Thing::Setting(key.as_str()), first(value.as_str(), at.line)))
    });
    volumes.chain(settings).collect()
}

fn message(thing: Thing<'_>, this: First<'_>, other: First<'_>, pattern: &Pattern) -> String {
    let place = match other.line {
        Some(line) => format!("grant[{}], line {line}", other.number),
        None => format!("grant[{}]", other.number),
    };
    let (this, other) = (shown(this.value), shown(other.value));
    let said = match thing {
        Thing::Place(mount) => format!("volume {this} and volume {other} ({place}) are both at {mount:?}"),
        Thing::Volume(name) => format!("volume {name:?} is at {this} and at {other} ({place})"),
        Thing::Setting(key) => format!("setting {key:?} is {this} and {other} ({place})"),
    };
    format!("{said} for \"{pattern}\", and can be only one of them")
}
