//! Changes that are durable stand, whatever fails behind them; and who asks is asked again when the turn has come.

use sqlx::SqlitePool;
use tempfile::TempDir;

use super::*;
use crate::access::Action;
use crate::audit::entry::KeyRevoked;
use crate::control::{NewKey, Publication};
use crate::engine::EngineSettings;
use crate::error::Code;
use crate::host::{Host, HostSettings};
use crate::id::{Digest, PackageName};
use crate::identity::Scope;
use crate::registry::{Admission, Inspection};
use crate::storage::ComponentRow;

/// A host with a tenant, a key of it of every scope, and another one that is to go.
struct World {
    host: Host,
    all: Caller,
    leaked: NewKey,
    /// The store's file, for whoever breaks it.
    store: SqlitePool,
    _folder: TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = TempDir::new().unwrap();
        let mut settings = HostSettings::new(folder.path());
        settings.engine = EngineSettings { live_calls_max: 2, guest_threads: Some(1), ..EngineSettings::default() };
        let (host, key) = Host::open(settings).await.unwrap();
        let platform = host.router.authenticate(key.unwrap().expose()).unwrap();
        let (_, key) = host.control.create_tenant(&platform, "acme".parse().unwrap()).await.unwrap();
        let operator = host.router.authenticate(key.text.expose()).unwrap();
        let scopes = Scope::ALL.into_iter().collect();
        let all = host.control.create_key(&operator, "all", scopes).await.unwrap();
        let leaked = host.control.create_key(&operator, "leaked", scopes).await.unwrap();
        let all = host.router.authenticate(all.text.expose()).unwrap();
        let file = folder.path().join("host.db");
        let store = SqlitePool::connect(&format!("sqlite://{}", file.display())).await.unwrap();
        Self { host, all, leaked, store, _folder: folder }
    }

    fn control(&self) -> &Control {
        &self.host.control
    }

    fn is_valid(&self, key: &NewKey) -> bool {
        self.host.router.authenticate(key.text.expose()).is_ok()
    }

    async fn outbox(&self) -> usize {
        self.control().0.store.outbox(None).await.unwrap().len()
    }

    async fn sql(&self, sql: &'static str) {
        sqlx::raw_sql(sql).execute(&self.store).await.unwrap();
    }

    /// Entries of the kind that a revocation has.
    async fn revocations(&self) -> usize {
        self.count(|event| matches!(event, Event::KeyRevoked(_))).await
    }

    /// Entries of the tenant's with such an event.
    async fn count(&self, is: fn(&Event) -> bool) -> usize {
        let count = move |log: &crate::audit::log::LogReader| {
            let entries = log.read(0)?.map(|entry| entry.unwrap());
            Ok(entries.filter(|entry| is(&entry.event)).count())
        };
        self.control().0.logs.reading(&self.all.tenant.id, count).await.unwrap()
    }
}

/// In force, and owed to the record.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_a_key_whose_revocation_cannot_be_recorded_at_once_is_revoked() {
    let world = World::new().await;
    let (control, tenant, key) = (world.control(), world.all.tenant.id.clone(), world.leaked.view.id);
    let (mut turn, _) = control.turn_for(&world.all, |caller| caller.may(Action::ChangeKeys)).await.unwrap();
    turn.change.revoke_principal(key).await.unwrap();
    turn.record(&tenant, None, |change| KeyRevoked { change, key }).await.unwrap();
    control.0.audit.clone().close().unwrap();
    let error = turn.commit(&tenant).await.unwrap_err();
    assert_eq!(error.code(), Code::AuditUnavailable);
    assert!(error.what_next().unwrap().contains("stands"), "{error}");
    assert!(!world.is_valid(&world.leaked));
    // The next start finds it where the change put it.
    assert_eq!(world.outbox().await, 1);
    // Nothing is changed meanwhile that could not be recorded either.
    let refused = control.create_key(&world.all, "more", Scope::ALL.into_iter().collect()).await.unwrap_err();
    assert_eq!(refused.code(), Code::AuditUnavailable);
    assert_eq!(control.make_up().await.unwrap_err().code(), Code::AuditUnavailable);
}

/// In force; the outbox is cleared by a later turn, and the record has it once.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_a_key_whose_revocation_stays_in_the_outbox_is_revoked() {
    let world = World::new().await;
    world.sql("create trigger kept before delete on outbox begin select raise(abort, 'kept'); end").await;
    world.control().revoke_key(&world.all, world.leaked.view.id).await.unwrap();
    assert!(!world.is_valid(&world.leaked));
    assert_eq!(world.outbox().await, 1);
    world.sql("drop trigger kept").await;
    world.control().create_key(&world.all, "more", Scope::ALL.into_iter().collect()).await.unwrap();
    assert_eq!(world.outbox().await, 0);
    assert_eq!(world.revocations().await, 1);
}

/// In force as soon as the store can be read again, without another change.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_a_key_whose_revocation_could_not_be_read_back_is_revoked_by_itself() {
    let world = World::new().await;
    world.sql("update principals set scopes = '[\"none\"]' where name = 'operator' and tenant = 'acme'").await;
    let error = world.control().revoke_key(&world.all, world.leaked.view.id).await.unwrap_err();
    assert!(error.what_next().unwrap().contains("stands"), "{error}");
    // It keeps no other tenant from its changes.
    let platform = world.control().0.snapshot.tenant(&TenantId::platform()).unwrap();
    let first = platform.keyring.principals().next().unwrap().id;
    let turn = world.control().turn().await.unwrap();
    world.control().replace_secret(turn, &platform.id, first, None).await.unwrap();
    world.sql("update principals set scopes = '[\"operator\"]' where name = 'operator' and tenant = 'acme'").await;
    for _ in 0..100 {
        // The host does that once a second, and may be at it just now.
        let _ = world.control().make_up().await;
        if !world.is_valid(&world.leaked) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert!(!world.is_valid(&world.leaked));
    assert_eq!((world.revocations().await, world.outbox().await), (1, 0));
}

/// `unauthenticated` or `denied`: what gave leave when the request came is asked again.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_a_caller_of_before_changes_nothing() {
    let world = World::new().await;
    let control = world.control();
    let leaked = world.host.router.authenticate(world.leaked.text.expose()).unwrap();
    let forbid =
        "forbid (principal, action == Action::\"change-keys\", resource) when { principal.name == \"leaked\" };";
    control.set_access(&world.all, forbid).await.unwrap();
    let scopes = Scope::ALL.into_iter().collect();
    assert_eq!(control.create_key(&leaked, "more", scopes).await.unwrap_err().code(), Code::Denied);
    control.revoke_key(&world.all, leaked.principal.id).await.unwrap();
    let changes = [
        control.create_key(&leaked, "more", scopes).await.map(drop),
        control.rotate_key(&leaked, world.all.principal.id).await.map(drop),
        control.revoke_key(&leaked, world.all.principal.id).await,
        control.set_policy(&leaked, "# more\n").await.map(drop),
        control.set_access(&leaked, "").await.map(drop),
        control.rotate_log_key(&leaked).await.map(drop),
        control.erase_payloads(&leaked).await,
        control
            .deprecate(&leaked, &"own".parse().unwrap(), semver::Version::new(1, 0, 0), String::new())
            .await
            .map(drop),
    ];
    for change in changes {
        assert_eq!(change.unwrap_err().code(), Code::Unauthenticated);
    }
    assert!(!control.keys(&world.all).await.unwrap().iter().any(|key| key.name == "more"));
}

/// Recorded once: whether there is something to change is looked at when the turn has come.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_suspending_by_the_dozen_at_once_is_one_change() {
    let world = World::new().await;
    let (control, snapshot) = (world.control(), world.host.snapshot());
    let platform = snapshot.tenant(&TenantId::platform()).unwrap();
    let first = platform.keyring.principals().next().unwrap().id;
    let key = control.replace_secret(control.turn().await.unwrap(), &platform.id, first, None).await.unwrap();
    let platform = world.host.router.authenticate(key.text.expose()).unwrap();
    let suspend = |_| control.suspend_tenant(&platform, &world.all.tenant.id, None);
    for suspended in futures::future::join_all((0..12).map(suspend)).await {
        assert!(suspended.unwrap().suspended);
    }
    assert_eq!(world.count(|event| matches!(event, Event::TenantSuspended(_))).await, 1);
    assert!(!world.is_valid(&world.leaked));
}

/// `conflict`: what components say of themselves is bounded together.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_components_that_say_much_of_themselves_are_bounded_together() {
    let world = World::new().await;
    let (control, tenant) = (world.control(), world.all.tenant.id.clone());
    let mut turn = control.turn().await.unwrap();
    for nth in 0..32_u8 {
        assert!(control.room_for_component(&tenant).await.is_ok());
        let (digest, facts) = (Digest::of(&[nth]), " ".repeat(1 << 20));
        let row =
            ComponentRow { tenant: tenant.clone(), digest, bytes: 1, facts, admitted: std::time::SystemTime::now() };
        turn.change.insert_component(&row).await.unwrap();
    }
    turn.commit(&tenant).await.unwrap();
    let refused = control.room_for_component(&tenant).await.unwrap_err();
    assert_eq!((refused.code(), &refused.facts()["maximum"]), (Code::Conflict, &(32 << 20).into()));
    // It is nobody else's bound.
    assert!(control.room_for_component(&TenantId::platform()).await.is_ok());
}

/// As many as may be, however many ask at once.
#[tokio::test(flavor = "multi_thread")]
async fn hostile_publishing_at_once_does_not_pass_the_bound_on_versions() {
    let world = World::new().await;
    let (control, tenant) = (world.control(), world.all.tenant.id.clone());
    let digest = Digest::of(b"component");
    let admission = Admission { digest, inspection: Inspection::for_test(), definitions: vec![] };
    let facts = serde_json::to_string(&admission).unwrap();
    let mut turn = control.turn().await.unwrap();
    let row = ComponentRow { tenant: tenant.clone(), digest, bytes: 1, facts, admitted: std::time::SystemTime::now() };
    turn.change.insert_component(&row).await.unwrap();
    turn.commit(&tenant).await.unwrap();
    let own: PackageName = "own".parse().unwrap();
    let publish = |patch| {
        let publication = Publication {
            version: semver::Version::new(1, 0, patch),
            component: digest,
            needs: None,
            limits: Default::default(),
            promote: true,
            signature: None,
        };
        control.publish(&world.all, own.clone(), publication)
    };
    let published = futures::future::join_all((0..10).map(publish)).await;
    let done = published.iter().filter(|published| published.is_ok()).count();
    let versions = |tenant: &crate::snapshot::Tenant| tenant.versions().cloned().collect::<Vec<_>>();
    let before = versions(&control.0.snapshot.tenant(&tenant).unwrap());
    // However many versions run it, what a component was found to be is there once, and stays when something else changes.
    control.create_key(&world.all, "more", Scope::ALL.into_iter().collect()).await.unwrap();
    let after = versions(&control.0.snapshot.tenant(&tenant).unwrap());
    assert_eq!((before.len(), after.len()), (done, done));
    for version in before.iter().chain(&after) {
        assert!(Arc::ptr_eq(&version.admission, &before[0].admission) && Arc::ptr_eq(&version.tools, &before[0].tools));
    }
    assert_eq!(done, super::super::bounds::VERSIONS_MAX);
    for refused in published.into_iter().filter_map(Result::err) {
        assert_eq!(refused.code(), Code::Conflict, "{refused}");
    }
}
