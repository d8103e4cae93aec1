//! What of a grant the ceiling takes away.

use super::{Covers, Warnings, word};
use crate::policy::grant::GrantKind;
use crate::policy::http::CredentialCap;
use crate::policy::parse::size_words;
use crate::policy::pattern::Pattern;
use crate::policy::rows::{At, CeilingGives, Quota, Row, Store, TenantGives};

impl Warnings {
    /// What of a grant the ceiling takes away.
    pub(super) fn row(&mut self, row: &Row<TenantGives>, covers: &Covers<'_>) {
        let gives = GrantKind::ALL.iter().any(|kind| row.gives.speaks_of(*kind).is_some());
        if row.tools.is_empty() || !gives {
            self.add(row.line, format!("grant[{}]", row.number), "it gives nothing".to_owned());
        }
        for pattern in &row.tools {
            if self.is_full() {
                return;
            }
            let ceiling_rows = covers.rows(pattern);
            for kind in GrantKind::ALL {
                let Some(line) = row.gives.speaks_of(kind) else { continue };
                if !ceiling_rows.iter().any(|row| row.gives.speaks_of(kind).is_some()) {
                    let key = format!("grant[{}].{kind}", row.number);
                    self.add_for(pattern, line, key, format!("the ceiling gives no {kind} to"));
                }
            }
            self.rules(row, &ceiling_rows, pattern, covers.ceiling.rules().host.credentials);
            let storage = &covers.ceiling.rules().host;
            let cap = |of: fn(&CeilingGives) -> Option<&At<Quota>>| {
                ceiling_rows.iter().filter_map(|row| of(&row.gives)).map(|at| at.value).reduce(Quota::add)
            };
            let kv = cap(|gives| gives.kv.as_ref());
            self.stores(row, GrantKind::Kv, &row.gives.kv, kv, storage.buckets_bytes_max);
            let files = cap(|gives| gives.files.as_ref());
            self.stores(row, GrantKind::Files, &row.gives.files, files, storage.volumes_bytes_max);
            self.words(row, &ceiling_rows);
            self.calls(row, &ceiling_rows, pattern);
        }
    }

    /// Rules for requests that no rule of the ceiling meets.
    fn rules(
        &mut self,
        row: &Row<TenantGives>,
        ceiling_rows: &[&Row<CeilingGives>],
        pattern: &Pattern,
        credentials: CredentialCap,
    ) {
        let ceiling = || ceiling_rows.iter().flat_map(|row| &row.gives.http);
        if ceiling().next().is_none() {
            return;
        }
        for (nth, at) in row.gives.http.iter().enumerate() {
            if self.is_full() {
                return;
            }
            if !ceiling().any(|ceiling| ceiling.value.overlaps(&at.value)) {
                let message = format!("the ceiling lets nothing through of {} for", at.value);
                self.add_for(pattern, at.line, format!("grant[{}].http[{}]", row.number, nth + 1), message);
            }
            if at.value.credential().is_some() && !credentials.lets(at.value.scheme()) {
                let key = format!("grant[{}].http[{}].credential", row.number, nth + 1);
                self.add(
                    at.line,
                    key,
                    format!("{}, so that it refuses its requests", CredentialCap::rule(at.value.scheme())),
                );
            }
        }
    }

    /// Buckets or volumes that are cut.
    fn stores(&mut self, row: &Row<TenantGives>, kind: GrantKind, stores: &[At<Store>], cap: Option<Quota>, all: u64) {
        let Some(cap) = cap else { return };
        for (nth, at) in stores.iter().enumerate() {
            let key = format!("grant[{}].{kind}[{}]", row.number, nth + 1);
            let quota = at.value.quota;
            if quota.access.under(cap.access) < quota.access {
                self.add(at.line, format!("{key}.access"), format!("it is cut to {}", cap.access.as_str()));
            }
            let most = cap.bytes_max.unwrap_or(u64::MAX).min(all);
            if let Some(bytes) = quota.bytes_max.filter(|bytes| *bytes > most) {
                let message = format!("{} is more than the ceiling's {}", size_words(bytes), size_words(most));
                self.add(at.line, format!("{key}.bytes_max"), message);
            }
            if let (Some(items), Some(most)) = (quota.items_max, cap.items_max)
                && items > most
            {
                let items_max = if kind == GrantKind::Kv { "keys_max" } else { "files_max" };
                self.add(at.line, format!("{key}.{items_max}"), format!("{items} is cut to the ceiling's {most}"));
            }
        }
    }

    /// Clock, random and log that are cut.
    fn words(&mut self, row: &Row<TenantGives>, ceiling_rows: &[&Row<CeilingGives>]) {
        let clock = ceiling_rows.iter().filter_map(|row| row.gives.clock.as_ref()).map(|at| at.value).max();
        let random = ceiling_rows.iter().filter_map(|row| row.gives.random.as_ref()).map(|at| at.value).max();
        let log = ceiling_rows.iter().filter_map(|row| row.gives.log.as_ref()).map(|at| at.value).min();
        let key = |key: &str| format!("grant[{}].{key}", row.number);
        if let (Some(at), Some(most)) = (&row.gives.clock, clock)
            && at.value > most
        {
            self.add(at.line, key("clock"), format!("it is cut to the ceiling's {}", word(most)));
        }
        if let (Some(at), Some(most)) = (&row.gives.random, random)
            && at.value > most
        {
            self.add(at.line, key("random"), format!("it is cut to the ceiling's {}", word(most)));
        }
        if let (Some(at), Some(most)) = (&row.gives.log, log)
            && at.value < most
        {
            self.add(at.line, key("log"), format!("it is cut to the ceiling's {}", word(most)));
        }
    }
}
