//! What a version asks for that another one does not: the reason why it does not run by itself.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Inspection;
use crate::limits::CallLimits;
use crate::policy::{GrantKind, LimitsPatch, Needs, stated_anew, stated_more};

/// Interfaces that are told.
const IMPORTS_TOLD_MAX: usize = 100;

/// What a version asks for beyond another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AsksMore {
    /// Interfaces that it imports and the other does not, without their versions; of very many the first hundred.
    pub imports: Vec<String>,
    /// Kinds of grant that it uses where they are granted, and the other does not.
    pub needs: BTreeSet<GrantKind>,
    /// Kinds of grant that it cannot be called without, and the other can.
    pub requires: BTreeSet<GrantKind>,
    /// Limits that it would have more of: key, and both values.
    pub limits: Vec<String>,
}

/// One of the two versions.
#[derive(Debug, Clone, Copy)]
pub struct Asking<'a> {
    /// What was found out about its component.
    pub inspection: &'a Inspection,
    /// What it declares that it needs.
    pub needs: &'a Needs,
    /// The limits that it states.
    pub limits: &'a LimitsPatch,
}

impl AsksMore {
    /// What `next` asks for beyond `before`.
    pub fn between(before: &Asking<'_>, next: &Asking<'_>) -> Self {
        let interfaces = |asking: &Asking<'_>| -> BTreeSet<String> {
            asking.inspection.imports.iter().map(|import| unversioned(import).to_owned()).collect()
        };
        let (known, all) = (interfaces(before), interfaces(next));
        let declared = |asking: &Asking<'_>| -> BTreeSet<GrantKind> {
            asking.needs.required.union(&asking.needs.optional).copied().collect()
        };
        Self {
            imports: all.difference(&known).take(IMPORTS_TOLD_MAX).cloned().collect(),
            needs: declared(next).difference(&declared(before)).copied().collect(),
            requires: next.needs.required.difference(&before.needs.required).copied().collect(),
            limits: stated_more(&CallLimits::ceiling(), before.limits, next.limits),
        }
    }

    /// All that it asks for, where there is nothing to compare it with.
    pub fn of(next: &Asking<'_>) -> Self {
        let nothing = Inspection { imports: Vec::new(), ..next.inspection.clone() };
        let nothing = Asking { inspection: &nothing, needs: &Needs::default(), limits: next.limits };
        Self { limits: stated_anew(next.limits), ..Self::between(&nothing, next) }
    }

    /// Whether it asks for nothing more.
    pub fn is_nothing(&self) -> bool {
        let Self { imports, needs, requires, limits } = self;
        imports.is_empty() && needs.is_empty() && requires.is_empty() && limits.is_empty()
    }
}

/// An interface without its version: a newer one of the same is no other reach.
fn unversioned(import: &str) -> &str {
    import.split_once('@').map_or(import, |(name, _)| name)
}

impl fmt::Display for AsksMore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = |kinds: &BTreeSet<GrantKind>| kinds.iter().map(|kind| kind.as_str()).collect::<Vec<_>>().join(", ");
        let mut parts = Vec::new();
        if !self.imports.is_empty() {
            parts.push(format!("newly imports {}", self.imports.join(", ")));
        }
        if !self.needs.is_empty() {
            parts.push(format!("asks for {}", kinds(&self.needs)));
        }
        if !self.requires.is_empty() {
            parts.push(format!("cannot do without {}", kinds(&self.requires)));
        }
        if !self.limits.is_empty() {
            parts.push(format!("would have more of {}", self.limits.join(", ")));
        }
        if parts.is_empty() { f.write_str("asks for nothing more") } else { f.write_str(&parts.join("; ")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspection(imports: &[&str]) -> Inspection {
        let imports = imports.iter().map(|import| (*import).to_owned()).collect();
        Inspection { imports, ..Inspection::for_test() }
    }

    fn needs(required: &[GrantKind], optional: &[GrantKind]) -> Needs {
        Needs { required: required.iter().copied().collect(), optional: optional.iter().copied().collect() }
    }

    #[test]
    fn what_is_asked_for_newly_is_told_and_what_is_given_up_is_not() {
        let (old, new) = (
            inspection(&["wasi:cli/stdout@0.2.3", "wasi:keyvalue/store@0.2.0"]),
            inspection(&["wasi:cli/stdout@0.2.6", "wasi:http/outgoing-handler@0.2.3"]),
        );
        let (few, more) = (needs(&[], &[GrantKind::Kv]), needs(&[GrantKind::Http], &[]));
        let (tight, loose): (LimitsPatch, LimitsPatch) =
            (toml::from_str("fuel = 1_000_000").unwrap(), LimitsPatch::default());
        let (old, new) = (
            Asking { inspection: &old, needs: &few, limits: &tight },
            Asking { inspection: &new, needs: &more, limits: &loose },
        );
        let asks = AsksMore::between(&old, &new);
        assert_eq!(asks.imports, ["wasi:http/outgoing-handler"]);
        let text = asks.to_string();
        assert!(text.starts_with("newly imports wasi:http/outgoing-handler; asks for http; cannot do without http; would have more of fuel"), "{text}");
        assert!(AsksMore::between(&old, &old).is_nothing());
        // An optional kind that is required now asks for no other reach, but cannot be called without it.
        let required = needs(&[GrantKind::Kv], &[]);
        let stricter = AsksMore::between(&old, &Asking { needs: &required, ..old });
        assert!(stricter.needs.is_empty() && !stricter.is_nothing());
        assert!(AsksMore::between(&Asking { needs: &required, ..old }, &old).is_nothing());
        assert!(AsksMore::between(&Asking { limits: &loose, ..old }, &old).is_nothing());
        // With nothing to compare it with, all of it is told, its limits too.
        let first = AsksMore::of(&old);
        assert_eq!((first.imports.len(), first.limits.len()), (2, 1));
        assert!(first.limits[0].starts_with("fuel (") && first.limits[0].ends_with(" instead of nothing)"), "{first}");
        assert!(AsksMore::of(&new).limits.is_empty());
    }
}
