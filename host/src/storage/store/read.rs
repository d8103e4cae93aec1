//! Reading the metadata store: a tenant whole for the snapshot, lists for administration.

use std::collections::{BTreeSet, HashSet};
use std::str::FromStr;

use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Row as _, Sqlite, SqliteConnection};

use super::rows::{
    ComponentRow, OutboxRow, PackageRow, PolicyKind, PolicyRow, PrincipalRow, SecretRow, TenantRow, TenantRows,
    VersionRow,
};
use super::trust::recall_row;
use super::{Store, failed, time};
use crate::error::Result;
use crate::id::{Digest, TenantId};
use crate::storage::seal::WrappedKey;

/// Every method fails when the store does, or holds what is not well-formed.
impl Store {
    /// Every tenant, by name.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>> {
        let query = sqlx::query("select id, state, digest_key, created from tenants order by id");
        rows(&mut *self.reader().await?, query, tenant_row).await
    }

    /// Everything of `tenant` that calls depend on, as it is at one moment, but for components that are `known`: what was
    /// found out about a component never changes, and can be long. `None` when there is no such tenant.
    pub async fn tenant(&self, tenant: &TenantId, known: &HashSet<Digest>) -> Result<Option<TenantRows>> {
        // One transaction: all of it is of one moment.
        let mut reading = self.readers.begin().await.map_err(failed)?;
        let of = |sql: &'static str| sqlx::query(sql).bind(tenant.to_string());
        let query = of("select id, state, digest_key, created from tenants where id = ?");
        let Some(row) = rows(&mut reading, query, tenant_row).await?.pop() else { return Ok(None) };
        let policy = policy_of(&mut reading, tenant, PolicyKind::Policy).await?;
        let access = policy_of(&mut reading, tenant, PolicyKind::Access).await?;
        let query = of("select * from principals where tenant = ? and revoked is null order by id");
        let principals = rows(&mut reading, query, principal_row).await?;
        let query = of("select tenant, name, promoted, rolled_back from packages where tenant = ? order by name");
        let packages = rows(&mut reading, query, package_row).await?;
        let query = of("select * from versions where tenant = ? order by package");
        let versions = rows(&mut reading, query, version_row).await?;
        let mut components = Vec::new();
        let unknown: BTreeSet<&Digest> =
            versions.iter().map(|version| &version.component).filter(|digest| !known.contains(*digest)).collect();
        for digest in unknown {
            let query = of("select * from components where tenant = ?1 and digest = ?2").bind(digest.to_string());
            components.extend(rows(&mut reading, query, component_row).await?);
        }
        let query = of("select id, wrapped from secret_keys where tenant = ?");
        let secret_key = rows(&mut reading, query, secret_key_row).await?.pop();
        let query = of("select name, version, since, sealed from secrets where tenant = ? and sealed is not null");
        let secrets = rows(&mut reading, query, secret_row).await?;
        let query = of("select * from recalls where tenant = ?");
        let recalls = rows(&mut reading, query, recall_row).await?;
        Ok(Some(TenantRows {
            tenant: row,
            policy,
            access,
            principals,
            packages,
            versions,
            components,
            recalls,
            secret_key,
            secrets,
        }))
    }

    /// Every principal of `tenant`, revoked ones too, oldest first.
    pub async fn principals(&self, tenant: &TenantId) -> Result<Vec<PrincipalRow>> {
        let query = sqlx::query("select * from principals where tenant = ? order by created, id");
        rows(&mut *self.reader().await?, query.bind(tenant.to_string()), principal_row).await
    }

    /// The policy or ceiling in force.
    pub async fn policy(&self, tenant: &TenantId, kind: PolicyKind) -> Result<Option<PolicyRow>> {
        policy_of(&mut *self.reader().await?, tenant, kind).await
    }

    /// A policy or ceiling of `tenant` that is or was in force, by its digest.
    pub async fn policy_text(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<String>> {
        let query = sqlx::query_scalar("select text from policy_texts where tenant = ? and digest = ?");
        let query = query.bind(tenant.to_string()).bind(digest.to_string());
        query.fetch_optional(&self.readers).await.map_err(failed)
    }

    /// The components of `tenant`, oldest first.
    pub async fn components(&self, tenant: &TenantId) -> Result<Vec<ComponentRow>> {
        let query = sqlx::query("select * from components where tenant = ? order by admitted, digest");
        rows(&mut *self.reader().await?, query.bind(tenant.to_string()), component_row).await
    }

    /// A component of `tenant`.
    pub async fn component(&self, tenant: &TenantId, digest: &Digest) -> Result<Option<ComponentRow>> {
        let query = sqlx::query("select * from components where tenant = ? and digest = ?");
        let query = query.bind(tenant.to_string()).bind(digest.to_string());
        Ok(rows(&mut *self.reader().await?, query, component_row).await?.pop())
    }

    /// How many components `tenant` has, and how many bytes of facts about them.
    pub async fn count_components(&self, tenant: &TenantId) -> Result<(u64, u64)> {
        let query = "select count(*), coalesce(sum(length(facts)), 0) from components where tenant = ?";
        let query = sqlx::query_as::<_, (i64, i64)>(query).bind(tenant.to_string());
        let (count, bytes) = query.fetch_one(&self.readers).await.map_err(failed)?;
        Ok((count.cast_unsigned(), bytes.cast_unsigned()))
    }

    /// Entries of committed changes that may not be in the journal yet, oldest first: those of `tenant`, or all.
    pub async fn outbox(&self, tenant: Option<&TenantId>) -> Result<Vec<OutboxRow>> {
        let query = sqlx::query(
            "select change, tenant, principal, event from outbox where ?1 is null or tenant = ?1 order by id",
        );
        let read = |row: &SqliteRow| {
            Ok(OutboxRow {
                change: parsed(row, "change")?,
                tenant: parsed(row, "tenant")?,
                principal: parsed_if_there(row, "principal")?,
                event: column(row, "event")?,
            })
        };
        rows(&mut *self.reader().await?, query.bind(tenant.map(ToString::to_string)), read).await
    }

    /// A small fact of the host.
    pub async fn mark(&self, name: &'static str) -> Result<Option<String>> {
        let query = sqlx::query_scalar("select value from marks where name = ?").bind(name);
        query.fetch_optional(&self.readers).await.map_err(failed)
    }

    pub(super) async fn reader(&self) -> Result<sqlx::pool::PoolConnection<Sqlite>> {
        self.readers.acquire().await.map_err(failed)
    }
}

async fn policy_of(within: &mut SqliteConnection, tenant: &TenantId, kind: PolicyKind) -> Result<Option<PolicyRow>> {
    let query = sqlx::query(
        "select digest, text, since from policies join policy_texts using (tenant, digest)
         where tenant = ? and kind = ? order by number desc limit 1",
    );
    let read = |row: &SqliteRow| {
        Ok(PolicyRow { digest: parsed(row, "digest")?, text: column(row, "text")?, since: moment(row, "since")? })
    };
    Ok(rows(within, query.bind(tenant.to_string()).bind(kind.as_str()), read).await?.pop())
}

pub(super) async fn rows<T>(
    within: &mut SqliteConnection,
    query: Query<'_, Sqlite, SqliteArguments>,
    read: impl Fn(&SqliteRow) -> Result<T>,
) -> Result<Vec<T>> {
    query.fetch_all(within).await.map_err(failed)?.iter().map(read).collect()
}

fn tenant_row(row: &SqliteRow) -> Result<TenantRow> {
    Ok(TenantRow {
        id: parsed(row, "id")?,
        suspended: column::<String>(row, "state")? == "suspended",
        digest_key: bytes(row, "digest_key")?,
        created: moment(row, "created")?,
    })
}

fn principal_row(row: &SqliteRow) -> Result<PrincipalRow> {
    Ok(PrincipalRow {
        id: parsed(row, "id")?,
        tenant: parsed(row, "tenant")?,
        name: column(row, "name")?,
        scopes: column(row, "scopes")?,
        hash: bytes(row, "hash")?,
        created: moment(row, "created")?,
        revoked: column::<Option<i64>>(row, "revoked")?.map(time::from_micros),
    })
}

fn component_row(row: &SqliteRow) -> Result<ComponentRow> {
    Ok(ComponentRow {
        tenant: parsed(row, "tenant")?,
        digest: parsed(row, "digest")?,
        bytes: column::<i64>(row, "bytes")?.cast_unsigned(),
        facts: column(row, "facts")?,
        admitted: moment(row, "admitted")?,
    })
}

fn package_row(row: &SqliteRow) -> Result<PackageRow> {
    Ok(PackageRow {
        tenant: parsed(row, "tenant")?,
        name: parsed(row, "name")?,
        promoted: serde_json::from_str(&column::<String>(row, "promoted")?).map_err(failed)?,
        rolled_back: parsed_if_there(row, "rolled_back")?,
    })
}

fn version_row(row: &SqliteRow) -> Result<VersionRow> {
    Ok(VersionRow {
        tenant: parsed(row, "tenant")?,
        package: parsed(row, "package")?,
        version: parsed(row, "version")?,
        component: parsed(row, "component")?,
        needs: column(row, "needs")?,
        limits: column(row, "limits")?,
        deprecated: column(row, "deprecated")?,
        published: moment(row, "published")?,
        signature: column(row, "signature")?,
        signer: column(row, "signer")?,
        publisher: column(row, "publisher")?,
        approved: parsed_if_there(row, "approved")?,
    })
}

fn secret_key_row(row: &SqliteRow) -> Result<WrappedKey> {
    Ok(WrappedKey { id: column(row, "id")?, wrapped: column(row, "wrapped")? })
}

fn secret_row(row: &SqliteRow) -> Result<SecretRow> {
    Ok(SecretRow {
        name: parsed(row, "name")?,
        version: column::<i64>(row, "version")?.cast_unsigned(),
        since: moment(row, "since")?,
        sealed: column(row, "sealed")?,
    })
}

pub(super) fn column<'r, T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>>(
    row: &'r SqliteRow,
    name: &str,
) -> Result<T> {
    row.try_get(name).map_err(failed)
}

pub(super) fn parsed<T: FromStr<Err: std::fmt::Display>>(row: &SqliteRow, name: &str) -> Result<T> {
    column::<String>(row, name)?.parse().map_err(failed)
}

fn parsed_if_there<T: FromStr<Err: std::fmt::Display>>(row: &SqliteRow, name: &str) -> Result<Option<T>> {
    column::<Option<String>>(row, name)?.map(|text| text.parse().map_err(failed)).transpose()
}

pub(super) fn moment(row: &SqliteRow, name: &str) -> Result<std::time::SystemTime> {
    column(row, name).map(time::from_micros)
}

fn bytes(row: &SqliteRow, name: &str) -> Result<[u8; 32]> {
    column::<Vec<u8>>(row, name)?.try_into().map_err(|_| failed(format_args!("{name} is not 32 bytes")))
}
