//! Rules for calls of other tools: a call has to match one of each file. Which of the tenant's can match at all shows here.

use super::{Given, Scale, ask_platform};
use crate::policy::call::{CallGrant, Passing};
use crate::policy::decide::Layer;
use crate::policy::grant::{Grant, GrantKind};

impl Scale<'_> {
    pub(super) fn calls(&mut self) {
        let (kind, layers) = (GrantKind::Call, &self.layers);
        let package = layers.subject.package;
        let (mut tenant, mut given, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        for row in &layers.tenant_rows {
            for at in &row.gives.call {
                tenant.push(at.value.clone());
                let mut by = vec![layers.tenant_source(row, kind, at.line)];
                let mut most = None;
                for row in &layers.ceiling_rows {
                    let meets = row.gives.call.iter().filter(|ceiling| ceiling.value.overlaps(&at.value));
                    most = meets.clone().map(|ceiling| ceiling.value.grants()).max().max(most);
                    by.extend(meets.take(1).map(|ceiling| layers.ceiling_source(row, kind, ceiling.line)));
                }
                match most {
                    None => {
                        apart.push(format!("the ceiling lets nothing through of {} ({})", at.value, by.concat()));
                        continue;
                    }
                    Some(Passing::Caller) if at.value.grants() == Passing::Own => {
                        apart.push(format!("the ceiling lets no call hold more than its caller does: {}", at.value));
                    }
                    Some(_) => {}
                }
                let rule = at.value.capped(most.unwrap_or(Passing::Caller));
                let (what, rows) = (format!("it may call {rule}"), vec![layers.row_name(row)]);
                given.push(Given { kind, name: String::new(), what, rows, by });
            }
        }
        let rule = format!("default: no call rule of the ceiling for {package} matches");
        if given.is_empty() {
            let words = format!("the ceiling lets through none of the policy's call rules for {package}");
            self.withhold_all(kind, Layer::Ceiling, words, rule, ask_platform(package, kind));
            return;
        }
        let ceiling = layers.ceiling_rows.iter().flat_map(|row| &row.gives.call).map(|at| at.value.clone()).collect();
        self.grants.call = Some(Grant::new(CallGrant::new(tenant, ceiling)));
        self.given.extend(given);
        for words in apart {
            self.withhold(kind, Layer::Ceiling, words, rule.clone(), ask_platform(package, kind));
        }
    }
}
