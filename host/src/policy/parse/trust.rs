//! `[trust]`, of either file.

use super::ENTRIES_MAX;
use super::keys::Section;
use super::reader::Fields;
use crate::policy::problem::Problems;
use crate::policy::trust::Trust;

/// Whose signatures are known, and whether one is needed.
pub(super) fn read_trust(problems: &mut Problems, file: &Fields<'_>, section: &'static Section) -> Trust {
    let mut trust = Trust::default();
    let Some(fields) = file.get("trust").and_then(|node| problems.fields(node, "trust", section)) else { return trust };
    if let Some(node) = fields.get("keys") {
        for (nth, node) in problems.list(node, "trust.keys", ENTRIES_MAX).unwrap_or_default().iter().enumerate() {
            trust.keys.extend(problems.parsed(node, &format!("trust.keys[{}]", nth + 1), str::parse));
        }
    }
    if let Some(node) = fields.get("require") {
        trust.require = problems.truth(node, "trust.require").unwrap_or_default();
        if trust.require && fields.get("keys").is_none() {
            problems.add(node.line, "trust.require", "it needs trust.keys: without one nothing could be published");
        }
    }
    trust
}
