//! Patterns over packages, as policies name tools by them, and an index of which rows of a file name a package.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

use crate::id::{CATALOGUE, Origin, PackageRef};

/// Packages: one, or every one of an origin.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Pattern {
    /// `catalogue/text`, `notes`.
    One(PackageRef),
    /// `catalogue/*`, or `*` for all of the tenant's own.
    Every(Origin),
}

impl Pattern {
    pub(super) fn matches(&self, package: &PackageRef) -> bool {
        match self {
            Self::One(one) => one == package,
            Self::Every(origin) => *origin == package.origin,
        }
    }

    pub(super) fn origin(&self) -> Origin {
        match self {
            Self::One(package) => package.origin,
            Self::Every(origin) => *origin,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(package) => write!(f, "{package}"),
            Self::Every(Origin::Catalogue) => write!(f, "{CATALOGUE}/*"),
            Self::Every(Origin::Own) => f.write_str("*"),
        }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str = "\"name\" or \"*\" for the tenant's own packages, \"catalogue/name\" or \"catalogue/*\"";
        match text.strip_prefix(CATALOGUE).and_then(|rest| rest.strip_prefix('/')).unwrap_or(text) {
            "*" if text == "*" => return Ok(Self::Every(Origin::Own)),
            "*" => return Ok(Self::Every(Origin::Catalogue)),
            _ => {}
        }
        text.parse().map(Self::One).map_err(|_| {
            let given: String = text.chars().take(80).collect();
            match given.split_once(['.', '@']) {
                Some((package, _)) if package.parse::<PackageRef>().is_ok() => {
                    format!("{given:?} is more than a package; rules are for whole packages: write {package:?}")
                }
                _ => format!("{given:?} names no packages: write {FORMS}"),
            }
        })
    }
}

/// Which rows name a package, without looking at every row.
#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    one: HashMap<PackageRef, Vec<usize>>,
    own: Vec<usize>,
    catalogue: Vec<usize>,
}

impl Index {
    /// Of rows, each with what it names.
    pub(super) fn new<'a>(rows: impl Iterator<Item = (usize, &'a Pattern)>) -> Self {
        let mut index = Self::default();
        for (row, pattern) in rows {
            match pattern {
                Pattern::One(package) => index.one.entry(package.clone()).or_default().push(row),
                Pattern::Every(Origin::Own) => index.own.push(row),
                Pattern::Every(Origin::Catalogue) => index.catalogue.push(row),
            }
        }
        index
    }

    /// The rows that name `package`, in their order, each once.
    pub(super) fn rows(&self, package: &PackageRef) -> Vec<usize> {
        let every = match package.origin {
            Origin::Own => &self.own,
            Origin::Catalogue => &self.catalogue,
        };
        let mut rows: Vec<usize> = every.iter().chain(self.one.get(package).into_iter().flatten()).copied().collect();
        rows.sort_unstable();
        rows.dedup();
        rows
    }
}
