//! Rules for calls of other tools that the ceiling, or `[tools]`, makes less of.

use super::{Warnings, hides};
use crate::policy::call::Passing;
use crate::policy::pattern::Pattern;
use crate::policy::rows::{CeilingGives, Row, TenantGives, Tools};

impl Warnings {
    /// Rules of `row` that no rule of the ceiling meets for what `pattern` names, or that it cuts.
    pub(super) fn calls(&mut self, row: &Row<TenantGives>, ceiling_rows: &[&Row<CeilingGives>], pattern: &Pattern) {
        let ceiling = || ceiling_rows.iter().flat_map(|row| &row.gives.call);
        if ceiling().next().is_none() {
            return;
        }
        for (nth, at) in row.gives.call.iter().enumerate() {
            if self.is_full() {
                return;
            }
            let key = format!("grant[{}].call[{}]", row.number, nth + 1);
            let meets = ceiling().filter(|ceiling| ceiling.value.overlaps(&at.value));
            match meets.map(|ceiling| ceiling.value.grants()).max() {
                None => {
                    let message = format!("the ceiling lets nothing through of {} for", at.value);
                    self.add_for(pattern, at.line, key, message);
                }
                Some(Passing::Caller) if at.value.grants() == Passing::Own => {
                    let message = "the ceiling lets no such call hold more than its caller does";
                    self.add(at.line, key, message.to_owned());
                }
                Some(_) => {}
            }
        }
    }

    /// Rules of `row` for packages of which nothing can be called.
    pub(super) fn uncallable(&mut self, row: &Row<TenantGives>, tools: &Tools) {
        for (nth, at) in row.gives.call.iter().enumerate() {
            if let Some(denies) = hides(tools, at.value.tool()) {
                let by = denies.line.map(|line| format!(" (line {line})")).unwrap_or_default();
                let message = format!("by \"{}\" in deny{by}, nothing that it names can be called", denies.value);
                self.add(at.line, format!("grant[{}].call[{}]", row.number, nth + 1), message);
            }
        }
    }
}
