//! Buckets and volumes: by name and by place, with the wider access and the smallest quota of each file, and the lesser
//! of both.

use std::collections::BTreeMap;

use super::{Given, Scale, ask_platform};
use crate::policy::decide::Layer;
use crate::policy::grant::{Access, FilesGrant, Grant, GrantKind, KvGrant};
use crate::policy::parse::size_words;
use crate::policy::rows::{At, CeilingGives, Quota, Row, Store, TenantGives};
use crate::policy::words;

/// Quotas where the policy states none.
pub(in crate::policy) struct Defaults {
    pub(in crate::policy) bytes: u64,
    /// Keys, or files and folders.
    pub(in crate::policy) items: u64,
}

impl Defaults {
    pub(in crate::policy) const BUCKET: Self = Self { bytes: 10 << 20, items: 10_000 };
    pub(in crate::policy) const VOLUME: Self = Self { bytes: 100 << 20, items: 10_000 };
}

/// What rows of the tenant's file say of one thing.
type Said<'a> = Vec<(&'a Row<TenantGives>, &'a At<Store>)>;

impl<'a> Scale<'a> {
    pub(super) fn buckets(&mut self) {
        let kind = GrantKind::Kv;
        let Some(cap) = self.cap(|gives| gives.kv.as_ref()) else { return };
        let above = self.layers.ceiling_sources(kind);
        for (name, said) in self.said(|gives| &gives.kv, |store| &store.name) {
            let Some(quota) = sum(&said) else { continue };
            self.note_cuts(kind, &format!("bucket {name:?}"), quota, cap, &above);
            let grant = KvGrant {
                bucket: name.clone(),
                access: quota.access.min(cap.access),
                bytes_max: least(quota.bytes_max.unwrap_or(Defaults::BUCKET.bytes), cap.bytes_max),
                keys_max: least(quota.items_max.unwrap_or(Defaults::BUCKET.items), cap.items_max),
            };
            let (bytes, keys) = (size_words(grant.bytes_max), words::count(grant.keys_max));
            let what = format!("bucket {name:?}, {}, at most {bytes} and {keys} keys", grant.access.as_str());
            self.hold(kind, name, what, &said, &above);
            self.grants.kv.push(Grant::new(grant));
        }
    }

    pub(super) fn volumes(&mut self) {
        let kind = GrantKind::Files;
        let Some(cap) = self.cap(|gives| gives.files.as_ref()) else { return };
        let above = self.layers.ceiling_sources(kind);
        for (mount, said) in self.said(|gives| &gives.files, |store| &store.mount) {
            let Some(quota) = sum(&said) else { continue };
            // The parser has seen to it that a place has one volume.
            let Some(volume) = said.first().map(|(_, at)| at.value.name.clone()) else { continue };
            self.note_cuts(kind, &format!("volume {volume:?}"), quota, cap, &above);
            let grant = FilesGrant {
                volume: volume.clone(),
                mount: mount.clone(),
                access: quota.access.under(cap.access),
                bytes_max: least(quota.bytes_max.unwrap_or(Defaults::VOLUME.bytes), cap.bytes_max),
                files_max: least(quota.items_max.unwrap_or(Defaults::VOLUME.items), cap.items_max),
            };
            let (bytes, files) = (size_words(grant.bytes_max), words::count(grant.files_max));
            let access = grant.access.as_str();
            let what = match grant.access {
                Access::Scratch => format!("a scratch folder at {mount}, at most {bytes} and {files} files"),
                _ => format!("volume {volume:?} at {mount}, {access}, at most {bytes} and {files} files"),
            };
            self.hold(kind, mount, what, &said, &above);
            self.grants.files.push(Grant::new(grant));
        }
    }

    fn hold(&mut self, kind: GrantKind, name: String, what: String, said: &Said<'_>, above: &[String]) {
        let layers = &self.layers;
        let rows = said.iter().map(|(row, _)| layers.row_name(row)).collect();
        let tenant = said.iter().map(|(row, at)| layers.tenant_source(row, kind, at.line));
        let by = tenant.chain(above.iter().cloned()).collect();
        self.given.push(Given { kind, name, what, rows, by });
    }

    /// Tells where the ceiling gives less than the policy states.
    fn note_cuts(&mut self, kind: GrantKind, what: &str, stated: Quota, cap: Quota, above: &[String]) {
        let less = |stated: Option<u64>, cap: Option<u64>| cap.filter(|cap| stated.is_some_and(|stated| stated > *cap));
        let mut cuts = Vec::new();
        if stated.access.under(cap.access) < stated.access {
            cuts.push(cap.access.as_str().to_owned());
        }
        if let Some(bytes) = less(stated.bytes_max, cap.bytes_max) {
            cuts.push(format!("at most {}", size_words(bytes)));
        }
        if let Some(items) = less(stated.items_max, cap.items_max) {
            let items_are = if kind == GrantKind::Kv { "keys" } else { "files" };
            cuts.push(format!("at most {} {items_are}", words::count(items)));
        }
        if cuts.is_empty() {
            return;
        }
        let words = format!("the policy grants more of {what}, but it is {}", cuts.join(", "));
        let rule = words::rules(above.iter().cloned());
        let remedy = ask_platform(self.layers.subject.package, kind);
        self.withhold(kind, Layer::Ceiling, words, rule, remedy);
    }

    fn cap(&self, of: fn(&CeilingGives) -> Option<&At<Quota>>) -> Option<Quota> {
        let rows = self.layers.ceiling_rows.iter().filter_map(|row| of(&row.gives));
        rows.map(|at| at.value).reduce(Quota::add)
    }

    /// What the tenant's rows say, by name or place.
    fn said(&self, of: fn(&TenantGives) -> &Vec<At<Store>>, by: fn(&Store) -> &String) -> BTreeMap<String, Said<'a>> {
        let mut said: BTreeMap<String, Said<'a>> = BTreeMap::new();
        for row in self.layers.tenant_rows.iter().copied() {
            for at in of(&row.gives) {
                said.entry(by(&at.value).clone()).or_default().push((row, at));
            }
        }
        said
    }
}

fn sum(said: &Said<'_>) -> Option<Quota> {
    said.iter().map(|(_, at)| at.value.quota).reduce(Quota::add)
}

fn least(stated: u64, cap: Option<u64>) -> u64 {
    cap.map_or(stated, |cap| stated.min(cap))
}
