//! Rules for requests: a request has to match one of each file. Which of the tenant's can match at all shows here.

use super::{Given, Scale, ask_platform};
use crate::policy::decide::Layer;
use crate::policy::grant::{Grant, GrantKind};
use crate::policy::http::{CredentialCap, HttpGrant};

impl Scale<'_> {
    pub(super) fn http(&mut self) {
        let (kind, layers) = (GrantKind::Http, &self.layers);
        let package = layers.subject.package;
        let (mut tenant, mut given, mut apart) = (Vec::new(), Vec::new(), Vec::new());
        let credentials = layers.ceiling.rules().host.credentials;
        for row in &layers.tenant_rows {
            for at in &row.gives.http {
                tenant.push(at.value.clone());
                let source = layers.tenant_source(row, kind, at.line);
                let mut by = vec![source];
                for row in &layers.ceiling_rows {
                    let meets = row.gives.http.iter().find(|ceiling| ceiling.value.overlaps(&at.value));
                    by.extend(meets.map(|ceiling| layers.ceiling_source(row, kind, ceiling.line)));
                }
                let refused = at.value.credential().filter(|_| !credentials.lets(at.value.scheme()));
                if refused.is_some() {
                    apart.push(format!("{}: {} ({})", at.value, CredentialCap::rule(at.value.scheme()), by.concat()));
                } else if by.len() > 1 {
                    let (what, rows) = (at.value.to_string(), vec![layers.row_name(row)]);
                    given.push(Given { kind, name: String::new(), what, rows, by });
                } else {
                    apart.push(format!("the ceiling lets nothing through of {} ({})", at.value, by.concat()));
                }
            }
        }
        let rule = format!("default: no http rule of the ceiling for {package} matches");
        if given.is_empty() {
            let words = format!("the ceiling lets through none of the policy's http rules for {package}");
            self.withhold_all(kind, Layer::Ceiling, words, rule, ask_platform(package, kind));
            return;
        }
        let ceiling = layers.ceiling_rows.iter().flat_map(|row| &row.gives.http).map(|at| at.value.clone()).collect();
        let private = layers.ceiling.private_addresses().to_vec();
        let quotas = layers.policy.rules().egress.quotas.min(layers.ceiling.rules().host.egress);
        let grant = HttpGrant::new(tenant, ceiling, private).under(credentials, quotas);
        self.grants.http = Some(Grant::new(grant));
        self.given.extend(given);
        for words in apart {
            self.withhold(kind, Layer::Ceiling, words, rule.clone(), ask_platform(package, kind));
        }
    }
}
