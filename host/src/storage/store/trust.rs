//! What was recalled, and which versions tenants submitted to the catalogue.

use sqlx::sqlite::SqliteRow;

use super::read::{column, moment, parsed, rows};
use super::rows::{RecallRow, SubmissionRow, SubmissionState};
use super::{Change, Store, failed, time};
use crate::error::Result;
use crate::id::{Digest, PackageName, PrincipalId, SubmissionId, TenantId};

/// Every method fails when the store does, or holds what is not well-formed.
impl Store {
    /// Up to `limit` submissions, newest first: those of `tenant`, or all; that `state` says, or all; older than `before`, or
    /// all.
    pub async fn submissions(
        &self,
        tenant: Option<&TenantId>,
        state: Option<SubmissionState>,
        before: Option<SubmissionId>,
        limit: usize,
    ) -> Result<Vec<SubmissionRow>> {
        let query = sqlx::query(
            "select * from submissions where (?1 is null or tenant = ?1) and (?2 is null or state = ?2)
             and (?3 is null or id < ?3) order by id desc limit ?4",
        );
        let query = query.bind(tenant.map(ToString::to_string)).bind(state.map(SubmissionState::as_str));
        let query = query.bind(before.map(|id| id.to_string())).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        rows(&mut *self.reader().await?, query, submission_row).await
    }

    /// The open ones of a tenant, all of them.
    pub async fn open_submissions(&self, tenant: &TenantId) -> Result<Vec<SubmissionRow>> {
        self.submissions(Some(tenant), Some(SubmissionState::Open), None, usize::MAX).await
    }

    /// One of them.
    pub async fn submission(&self, id: SubmissionId) -> Result<Option<SubmissionRow>> {
        let query = sqlx::query("select * from submissions where id = ?").bind(id.to_string());
        Ok(rows(&mut *self.reader().await?, query, submission_row).await?.pop())
    }
}

impl Change {
    /// A component that is not to run any more; with a new reason where it was recalled before.
    pub async fn recall(&mut self, row: &RecallRow) -> Result<()> {
        let query = sqlx::query(
            "insert into recalls (tenant, digest, reason, since) values (?, ?, ?, ?)
             on conflict do update set reason = excluded.reason",
        );
        let query = query.bind(row.tenant.to_string()).bind(row.digest.to_string()).bind(row.reason.clone());
        self.run(query.bind(time::to_micros(row.since))).await
    }

    /// One that may run again.
    pub async fn lift_recall(&mut self, tenant: &TenantId, digest: &Digest) -> Result<()> {
        let query = sqlx::query("delete from recalls where tenant = ? and digest = ?");
        self.run(query.bind(tenant.to_string()).bind(digest.to_string())).await
    }

    /// An operator's word that a version may run although it asks for more.
    pub async fn approve_version(
        &mut self,
        tenant: &TenantId,
        package: &PackageName,
        version: &semver::Version,
        by: PrincipalId,
    ) -> Result<()> {
        let query = sqlx::query("update versions set approved = ? where tenant = ? and package = ? and version = ?");
        let query = query.bind(by.to_string()).bind(tenant.to_string()).bind(package.to_string());
        self.run(query.bind(version.to_string())).await
    }

    /// A version that is to come into the catalogue.
    pub async fn submit(&mut self, row: &SubmissionRow) -> Result<()> {
        let query = sqlx::query(
            "insert into submissions (id, tenant, package, version, component, message, state, reason, since)
             values (?, ?, ?, ?, ?, ?, 'open', null, ?)",
        );
        let query = query.bind(row.id.to_string()).bind(row.tenant.to_string()).bind(row.package.to_string());
        let query = query.bind(row.version.to_string()).bind(row.component.to_string()).bind(row.message.clone());
        self.run(query.bind(time::to_micros(row.since))).await
    }

    /// What became of it.
    pub async fn decide_submission(&mut self, id: SubmissionId, approved: bool, reason: Option<&str>) -> Result<()> {
        let query = sqlx::query("update submissions set state = ?, reason = ? where id = ? and state = 'open'");
        let state = if approved { SubmissionState::Approved } else { SubmissionState::Refused };
        let query = query.bind(state.as_str()).bind(reason.map(str::to_owned));
        self.run(query.bind(id.to_string())).await
    }
}

pub(super) fn recall_row(row: &SqliteRow) -> Result<RecallRow> {
    Ok(RecallRow {
        tenant: parsed(row, "tenant")?,
        digest: parsed(row, "digest")?,
        reason: column(row, "reason")?,
        since: moment(row, "since")?,
    })
}

fn submission_row(row: &SqliteRow) -> Result<SubmissionRow> {
    let state: String = column(row, "state")?;
    let state = SubmissionState::ALL.into_iter().find(|known| known.as_str() == state).ok_or(state);
    Ok(SubmissionRow {
        id: parsed(row, "id")?,
        tenant: parsed(row, "tenant")?,
        package: parsed(row, "package")?,
        version: parsed(row, "version")?,
        component: parsed(row, "component")?,
        message: column(row, "message")?,
        state: state.map_err(|other| failed(format_args!("no submission is {other:?}")))?,
        reason: column(row, "reason")?,
        since: moment(row, "since")?,
    })
}
