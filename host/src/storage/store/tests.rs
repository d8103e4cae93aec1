//! What is written reads back, and what was not committed is not there.

use std::collections::HashSet;

use super::*;
use crate::id::{Digest, PackageName, PrincipalId, TenantId};

fn tenant(name: &str) -> TenantRow {
    TenantRow { id: name.parse().unwrap(), suspended: false, digest_key: [7; 32], created: time::now() }
}

fn principal(tenant: &TenantRow, name: &str) -> PrincipalRow {
    PrincipalRow {
        id: PrincipalId::new(),
        tenant: tenant.id.clone(),
        name: name.to_owned(),
        scopes: r#"["agent"]"#.to_owned(),
        hash: [9; 32],
        created: time::now(),
        revoked: None,
    }
}

#[tokio::test]
async fn a_tenant_reads_back_whole_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("host.db");
    let store = Store::open(&path).await.unwrap();
    let acme = tenant("acme");
    let (agent, gone) = (principal(&acme, "agent"), principal(&acme, "gone"));
    let digest = Digest::of(b"component");
    let component =
        ComponentRow { tenant: acme.id.clone(), digest, bytes: 9, facts: "{}".to_owned(), admitted: time::now() };
    let name: PackageName = "notes".parse().unwrap();
    let version = VersionRow {
        tenant: acme.id.clone(),
        package: name.clone(),
        version: "1.0.0".parse().unwrap(),
        component: digest,
        needs: "{}".to_owned(),
        limits: "{}".to_owned(),
        deprecated: None,
        published: time::now(),
        signature: Some("note".to_owned()),
        signer: Some("release.example+00000000".to_owned()),
        publisher: Some("ci".to_owned()),
        approved: None,
    };
    let package = PackageRow {
        tenant: acme.id.clone(),
        name: name.clone(),
        promoted: vec![version.version.clone()],
        rolled_back: None,
    };
    let mut change = store.change().await.unwrap();
    change.insert_tenant(&acme).await.unwrap();
    change.insert_tenant(&tenant("globex")).await.unwrap();
    change.insert_principal(&agent).await.unwrap();
    change.insert_principal(&gone).await.unwrap();
    change.revoke_principal(gone.id).await.unwrap();
    change.rotate_principal(agent.id, &[3; 32]).await.unwrap();
    change.insert_component(&component).await.unwrap();
    change.put_package(&package).await.unwrap();
    change.insert_version(&version).await.unwrap();
    change.deprecate(&acme.id, &name, &version.version, "old").await.unwrap();
    for text in ["a", "b", "a"] {
        change.insert_policy(&acme.id, PolicyKind::Policy, &Digest::of(text.as_bytes()), text).await.unwrap();
    }
    change.suspend_tenant(&acme.id, true).await.unwrap();
    change.commit().await.unwrap();
    store.save_usage(5, "{}").await.unwrap();
    store.save_usage(7, r#"{"a":1}"#).await.unwrap();
    store.close().await;

    let store = Store::open(&path).await.unwrap();
    let rows = store.tenant(&acme.id, &HashSet::new()).await.unwrap().unwrap();
    assert_eq!(rows.tenant, TenantRow { suspended: true, ..acme.clone() });
    assert_eq!(rows.principals, [PrincipalRow { hash: [3; 32], ..agent }]);
    assert_eq!(rows.packages, [package]);
    assert_eq!(rows.versions, [VersionRow { deprecated: Some("old".to_owned()), ..version }]);
    assert_eq!(rows.components, [component]);
    // What is known is not read again.
    assert_eq!(store.tenant(&acme.id, &HashSet::from([digest])).await.unwrap().unwrap().components, []);
    assert_eq!(rows.policy.unwrap().text, "a");
    assert_eq!(store.policy_text(&acme.id, &Digest::of(b"b")).await.unwrap().unwrap(), "b");
    assert_eq!(store.policy(&acme.id, PolicyKind::Ceiling).await.unwrap(), None);
    assert_eq!(store.principals(&acme.id).await.unwrap().len(), 2);
    assert_eq!(store.load_usage().await.unwrap(), Some((7, r#"{"a":1}"#.to_owned())));
    // The other tenant has nothing of it.
    let globex: TenantId = "globex".parse().unwrap();
    let rows = store.tenant(&globex, &HashSet::new()).await.unwrap().unwrap();
    assert!(rows.principals.is_empty() && rows.packages.is_empty() && rows.policy.is_none());
    assert_eq!(store.policy_text(&globex, &Digest::of(b"b")).await.unwrap(), None);
    assert_eq!(store.component(&globex, &digest).await.unwrap(), None);
    assert!(store.tenant(&"nobody".parse().unwrap(), &HashSet::new()).await.unwrap().is_none());
}

#[tokio::test]
async fn a_change_that_is_dropped_leaves_nothing_and_lets_the_next_one_in() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("host.db")).await.unwrap();
    let mut change = store.change().await.unwrap();
    change.insert_tenant(&tenant("acme")).await.unwrap();
    drop(change);
    assert_eq!(store.tenants().await.unwrap(), []);
    let mut change = store.change().await.unwrap();
    change.insert_tenant(&tenant("acme")).await.unwrap();
    let row = OutboxRow {
        change: ChangeId::new(),
        tenant: "acme".parse().unwrap(),
        principal: Some(PrincipalId::new()),
        event: "{}".to_owned(),
    };
    change.record(&row).await.unwrap();
    change.commit().await.unwrap();
    assert_eq!(store.outbox(Some(&"globex".parse().unwrap())).await.unwrap(), []);
    assert_eq!(store.outbox(None).await.unwrap(), std::slice::from_ref(&row));
    for _ in 0..2 {
        store.clear_outbox(row.change).await.unwrap();
        assert_eq!(store.outbox(Some(&row.tenant)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn open_submissions_are_found_behind_however_many_newer_ones() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("host.db")).await.unwrap();
    let acme = tenant("acme");
    let (digest, package, version) =
        (Digest::of(b"component"), "notes".parse().unwrap(), semver::Version::new(1, 0, 0));
    let submission = || SubmissionRow {
        id: crate::id::SubmissionId::new(),
        tenant: acme.id.clone(),
        package: PackageName::clone(&package),
        version: version.clone(),
        component: digest,
        message: String::new(),
        state: SubmissionState::Open,
        reason: None,
        since: time::now(),
    };
    let mut change = store.change().await.unwrap();
    change.insert_tenant(&acme).await.unwrap();
    let (tenant, facts) = (acme.id.clone(), "{}".to_owned());
    change.insert_component(&ComponentRow { tenant, digest, bytes: 9, facts, admitted: time::now() }).await.unwrap();
    let (tenant, name) = (acme.id.clone(), package.clone());
    change.put_package(&PackageRow { tenant, name, promoted: vec![], rolled_back: None }).await.unwrap();
    let row = VersionRow {
        tenant: acme.id.clone(),
        package: package.clone(),
        version: version.clone(),
        component: digest,
        needs: "{}".to_owned(),
        limits: "{}".to_owned(),
        deprecated: None,
        published: time::now(),
        signature: None,
        signer: None,
        publisher: None,
        approved: None,
    };
    change.insert_version(&row).await.unwrap();
    let open = submission();
    change.submit(&open).await.unwrap();
    for _ in 0..1_050 {
        let refused = submission();
        change.submit(&refused).await.unwrap();
        change.decide_submission(refused.id, false, Some("no")).await.unwrap();
    }
    change.commit().await.unwrap();
    let ids = |rows: &[SubmissionRow]| rows.iter().map(|row| row.id).collect::<Vec<_>>();
    assert_eq!(ids(&store.open_submissions(&acme.id).await.unwrap()), [open.id]);
    assert_eq!(ids(&store.submissions(None, Some(SubmissionState::Open), None, 10).await.unwrap()), [open.id]);
    assert!(store.open_submissions(&"globex".parse().unwrap()).await.unwrap().is_empty());
    // Part by part, all of them, each once.
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let part = store.submissions(Some(&acme.id), None, before, 400).await.unwrap();
        let Some(last) = part.last() else { break };
        before = Some(last.id);
        seen.extend(ids(&part));
    }
    let mut once = seen.clone();
    once.dedup();
    assert_eq!((seen.len(), once.len(), seen.last()), (1_051, 1_051, Some(&open.id)));
    assert!(seen.is_sorted_by(|one, other| one.to_string() > other.to_string()));
}

#[tokio::test]
async fn two_live_keys_of_a_tenant_never_share_a_name() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("host.db")).await.unwrap();
    let acme = tenant("acme");
    let first = principal(&acme, "agent");
    let mut change = store.change().await.unwrap();
    change.insert_tenant(&acme).await.unwrap();
    change.insert_principal(&first).await.unwrap();
    change.insert_principal(&principal(&acme, "agent")).await.unwrap_err();
    change.revoke_principal(first.id).await.unwrap();
    change.insert_principal(&principal(&acme, "agent")).await.unwrap();
    change.commit().await.unwrap();
}
