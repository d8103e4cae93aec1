//! A change on its way into the metadata store: one transaction, which carries its entries for the record with it.

use sqlx::query::Query;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Sqlite, Transaction};

use super::rows::{ComponentRow, OutboxRow, PackageRow, PolicyKind, PrincipalRow, TenantRow, VersionRow};
use super::{failed, time};
use crate::error::Result;
use crate::id::{Digest, PackageName, PrincipalId, TenantId};

/// Commits whole, or leaves nothing when it is dropped. Every method fails when the store does.
#[derive(Debug)]
pub struct Change {
    transaction: Transaction<'static, Sqlite>,
}

impl Change {
    pub(super) fn new(transaction: Transaction<'static, Sqlite>) -> Self {
        Self { transaction }
    }

    /// A new tenant.
    pub async fn insert_tenant(&mut self, row: &TenantRow) -> Result<()> {
        let query = sqlx::query("insert into tenants (id, digest_key, created) values (?, ?, ?)");
        let query = query.bind(row.id.to_string()).bind(row.digest_key.to_vec());
        self.run(query.bind(time::to_micros(row.created))).await
    }

    /// Whether a tenant's keys are refused.
    pub async fn suspend_tenant(&mut self, id: &TenantId, suspended: bool) -> Result<()> {
        let query = sqlx::query("update tenants set state = ? where id = ?");
        self.run(query.bind(if suspended { "suspended" } else { "active" }).bind(id.to_string())).await
    }

    /// A new principal.
    pub async fn insert_principal(&mut self, row: &PrincipalRow) -> Result<()> {
        let query =
            sqlx::query("insert into principals (id, tenant, name, scopes, hash, created) values (?, ?, ?, ?, ?, ?)");
        let query = query.bind(row.id.to_string()).bind(row.tenant.to_string()).bind(row.name.clone());
        self.run(query.bind(row.scopes.clone()).bind(row.hash.to_vec()).bind(time::to_micros(row.created))).await
    }

    /// A new secret for a principal.
    pub async fn rotate_principal(&mut self, id: PrincipalId, hash: &[u8; 32]) -> Result<()> {
        let query = sqlx::query("update principals set hash = ? where id = ? and revoked is null");
        self.run(query.bind(hash.to_vec()).bind(id.to_string())).await
    }

    /// A principal that stops now, for good.
    pub async fn revoke_principal(&mut self, id: PrincipalId) -> Result<()> {
        let query = sqlx::query("update principals set revoked = ? where id = ? and revoked is null");
        self.run(query.bind(time::to_micros(time::now())).bind(id.to_string())).await
    }

    /// A policy or ceiling, in force from the commit on.
    pub async fn insert_policy(
        &mut self,
        tenant: &TenantId,
        kind: PolicyKind,
        digest: &Digest,
        text: &str,
    ) -> Result<()> {
        let keep = sqlx::query("insert or ignore into policy_texts (tenant, digest, text) values (?, ?, ?)");
        self.run(keep.bind(tenant.to_string()).bind(digest.to_string()).bind(text.to_owned())).await?;
        let query = sqlx::query(
            "insert into policies (tenant, kind, number, digest, since) values (?1, ?2,
             (select coalesce(max(number), 0) + 1 from policies where tenant = ?1 and kind = ?2), ?3, ?4)",
        );
        let query = query.bind(tenant.to_string()).bind(kind.as_str()).bind(digest.to_string());
        self.run(query.bind(time::to_micros(time::now()))).await
    }

    /// A component.
    pub async fn insert_component(&mut self, row: &ComponentRow) -> Result<()> {
        let query =
            sqlx::query("insert into components (tenant, digest, bytes, facts, admitted) values (?, ?, ?, ?, ?)");
        let query = query.bind(row.tenant.to_string()).bind(row.digest.to_string()).bind(row.bytes.cast_signed());
        self.run(query.bind(row.facts.clone()).bind(time::to_micros(row.admitted))).await
    }

    /// A package's promoted versions; makes the package where it is new.
    pub async fn put_package(&mut self, row: &PackageRow) -> Result<()> {
        let query = sqlx::query(
            "insert into packages (tenant, name, promoted, rolled_back) values (?, ?, ?, ?)
             on conflict do update set promoted = excluded.promoted, rolled_back = excluded.rolled_back",
        );
        let promoted = serde_json::to_string(&row.promoted).map_err(failed)?;
        let query = query.bind(row.tenant.to_string()).bind(row.name.to_string()).bind(promoted);
        self.run(query.bind(row.rolled_back.as_ref().map(ToString::to_string))).await
    }

    /// A new version.
    pub async fn insert_version(&mut self, row: &VersionRow) -> Result<()> {
        let query = sqlx::query(
            "insert into versions
             (tenant, package, version, component, needs, limits, published, signature, signer, approved, publisher)
             values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        );
        let query = query.bind(row.tenant.to_string()).bind(row.package.to_string()).bind(row.version.to_string());
        let query = query.bind(row.component.to_string()).bind(row.needs.clone()).bind(row.limits.clone());
        let query = query.bind(time::to_micros(row.published)).bind(row.signature.clone()).bind(row.signer.clone());
        self.run(query.bind(row.approved.map(|id| id.to_string())).bind(row.publisher.clone())).await
    }

    /// What a version's publisher says of it.
    pub async fn deprecate(
        &mut self,
        tenant: &TenantId,
        package: &PackageName,
        version: &semver::Version,
        message: &str,
    ) -> Result<()> {
        let query = sqlx::query("update versions set deprecated = ? where tenant = ? and package = ? and version = ?");
        let query = query.bind(message.to_owned()).bind(tenant.to_string()).bind(package.to_string());
        self.run(query.bind(version.to_string())).await
    }

    /// A small fact of the host, in place of the one of that name before.
    pub async fn put_mark(&mut self, name: &'static str, value: &str) -> Result<()> {
        let query = sqlx::query("insert or replace into marks (name, value) values (?, ?)");
        self.run(query.bind(name).bind(value.to_owned())).await
    }

    /// Puts an entry for the record into the outbox, behind those that are there.
    pub async fn record(&mut self, row: &OutboxRow) -> Result<()> {
        let query = sqlx::query("insert into outbox (change, tenant, principal, event) values (?, ?, ?, ?)");
        let query = query.bind(row.change.to_string()).bind(row.tenant.to_string());
        self.run(query.bind(row.principal.map(|id| id.to_string())).bind(row.event.clone())).await
    }

    /// Makes the change durable. When this fails, whether it is there is known once the store is read again.
    pub async fn commit(self) -> Result<()> {
        self.transaction.commit().await.map_err(failed)
    }

    pub(super) async fn run(&mut self, query: Query<'_, Sqlite, SqliteArguments>) -> Result<()> {
        query.execute(&mut *self.transaction).await.map(drop).map_err(failed)
    }
}
