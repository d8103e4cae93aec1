//! Which bucket a call gets at, what it may do there, and how often.

use std::sync::atomic::Ordering;

use futures::future::join_all;

use super::*;
use crate::capability::effects::tests::{Record, recorded};
use crate::policy::{Grant, KvGrant};

/// A host's store, and what its calls may do.
struct World {
    _folder: tempfile::TempDir,
    store: KvStore,
    quotas: Arc<StorageQuotas>,
    limits: CallLimits,
}

struct Call {
    record: Arc<Record>,
    effects: Arc<Effects>,
    kv: KvCall,
}

fn grant(bucket: &str, access: Access) -> KvGrant {
    KvGrant { bucket: bucket.to_owned(), access, bytes_max: 1_000, keys_max: 100 }
}

fn pair(key: &str, value: &str) -> (String, Vec<u8>) {
    (key.to_owned(), value.as_bytes().to_vec())
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = KvStore::open(&folder.path().join("kv.db")).await.unwrap();
        Self { _folder: folder, store, quotas: Arc::default(), limits: CallLimits::default() }
    }

    fn call(&self, tenant: &str, grants: Vec<KvGrant>) -> Call {
        let (record, effects) = recorded();
        let kv = grants.into_iter().map(Grant::for_test).collect();
        let grants = Arc::new(Grants { kv, ..Grants::none() });
        let tenant = tenant.parse().unwrap();
        let kv = KvCall::new(Some(&self.store), &self.quotas, &grants, &self.limits, &tenant, Arc::clone(&effects));
        Call { record, effects, kv }
    }

    /// A call of acme that may write the bucket `notes`.
    fn writer(&self) -> (Call, OpenBucket) {
        let call = self.call("acme", vec![grant("notes", Access::ReadWrite)]);
        let bucket = call.kv.open("notes").unwrap();
        (call, bucket)
    }
}

impl Call {
    fn denials(&self) -> Vec<(String, String)> {
        self.record.denied.lock().iter().map(|denied| (denied.action.clone(), denied.rule.clone())).collect()
    }

    async fn set(&mut self, bucket: &OpenBucket, key: &str, value: &str) -> Result<(), KvFault> {
        self.kv.set_many(bucket, vec![pair(key, value)]).await
    }
}

fn failure<T: std::fmt::Debug>(refused: Result<T, KvFault>) -> String {
    match refused {
        Err(KvFault::Failed(text)) => text,
        other => panic!("not refused: {other:?}"),
    }
}

fn is_denied<T>(refused: &Result<T, KvFault>) -> bool {
    matches!(refused, Err(KvFault::Denied))
}

#[tokio::test]
async fn a_bucket_that_is_not_granted_is_denied_whether_it_is_there_or_not() {
    let world = World::new().await;
    let (mut writer, notes) = world.writer();
    writer.set(&notes, "k", "v").await.unwrap();
    for grants in [Vec::new(), vec![grant("other", Access::ReadWrite)]] {
        let call = world.call("acme", grants);
        for name in ["notes", "none", "", "Notes", "notes ", "notes\0", "../acme/notes", "acme/notes", "*", "not%"] {
            assert!(is_denied(&call.kv.open(name)), "{name:?}");
        }
        let rule = "no kv grant for the bucket".to_owned();
        assert_eq!(call.denials()[0], ("open \"notes\"".to_owned(), rule.clone()));
        assert_eq!(call.denials()[1], ("open \"none\"".to_owned(), rule));
        assert_eq!(call.record.asked.load(Ordering::Relaxed), 0, "nothing was touched");
    }
}

#[tokio::test]
async fn what_was_granted_and_used_is_noted_and_nothing_else() {
    let world = World::new().await;
    let mut call = world.call("acme", vec![grant("notes", Access::ReadWrite), grant("other", Access::ReadOnly)]);
    let used = |call: &Call| call.effects.uses().uses.iter().map(ToString::to_string).collect::<Vec<_>>();
    assert!(is_denied(&call.kv.open("none")));
    assert_eq!(used(&call), [""; 0]);
    let other = call.kv.open("other").unwrap();
    assert!(is_denied(&call.set(&other, "k", "v").await));
    assert_eq!(used(&call), ["read bucket \"other\""], "what is denied is not used");
    let notes = call.kv.open("notes").unwrap();
    call.set(&notes, "k", "v").await.unwrap();
    call.kv.get(&notes, "k").await.unwrap();
    assert_eq!(used(&call), ["read bucket \"notes\"", "read bucket \"other\"", "write bucket \"notes\""]);
}

#[tokio::test]
async fn a_name_in_the_record_is_cut() {
    let call = World::new().await.call("acme", Vec::new());
    assert!(is_denied(&call.kv.open(&"ä".repeat(10_000))));
    assert_eq!(call.denials()[0].0, format!("open \"{}\"", "ä".repeat(RECORDED_NAME_CHARS_MAX)));
}

#[tokio::test]
async fn a_read_only_bucket_is_read_and_every_change_is_denied_and_recorded() {
    let world = World::new().await;
    let (mut writer, notes) = world.writer();
    writer.set(&notes, "k", "1").await.unwrap();
    let mut reader = world.call("acme", vec![grant("notes", Access::ReadOnly)]);
    let bucket = reader.kv.open("notes").unwrap();
    assert!(is_denied(&reader.set(&bucket, "k", "2").await));
    assert!(is_denied(&reader.kv.set_many(&bucket, Vec::new()).await));
    assert!(is_denied(&reader.kv.delete_many(&bucket, vec!["k".into()]).await));
    assert!(is_denied(&reader.kv.increment(&bucket, "k".into(), 1).await));
    let actions: Vec<_> = reader.denials().into_iter().map(|(action, _)| action).collect();
    assert_eq!(actions, ["set in \"notes\"", "set in \"notes\"", "delete in \"notes\"", "increment in \"notes\""]);
    assert_eq!(reader.effects.usage().kv_operations, 0);
    assert_eq!(reader.kv.get(&bucket, "k").await.unwrap().as_deref(), Some(&b"1"[..]));
    assert!(reader.kv.exists(&bucket, "k").await.unwrap());
    assert_eq!(reader.kv.list(&bucket, None).await.unwrap().keys, ["k"]);
    assert_eq!(reader.kv.get_many(&bucket, vec!["k".into()]).await.unwrap().len(), 1);
}

#[tokio::test]
async fn the_same_name_is_another_bucket_for_another_tenant() {
    let world = World::new().await;
    let (mut acme, notes) = world.writer();
    acme.set(&notes, "k", "acme's").await.unwrap();
    let mut globex = world.call("globex", vec![grant("notes", Access::ReadWrite)]);
    let bucket = globex.kv.open("notes").unwrap();
    assert_eq!(globex.kv.get(&bucket, "k").await.unwrap(), None);
    assert!(!globex.kv.exists(&bucket, "k").await.unwrap());
    assert!(globex.kv.list(&bucket, None).await.unwrap().keys.is_empty());
    assert_eq!(globex.kv.get_many(&bucket, vec!["k".into()]).await.unwrap(), [None]);
    assert_eq!(globex.kv.increment(&bucket, "k".into(), 5).await.unwrap(), 5, "no counter of acme's");
    globex.kv.delete_many(&bucket, vec!["k".into()]).await.unwrap();
    assert_eq!(acme.kv.get(&notes, "k").await.unwrap().as_deref(), Some(&b"acme's"[..]));
}

#[tokio::test]
async fn two_buckets_of_a_call_are_two() {
    let world = World::new().await;
    let mut call = world.call("acme", vec![grant("one", Access::ReadWrite), grant("two", Access::ReadOnly)]);
    let (one, two) = (call.kv.open("one").unwrap(), call.kv.open("two").unwrap());
    call.set(&one, "k", "v").await.unwrap();
    assert_eq!(call.kv.get(&two, "k").await.unwrap(), None);
    assert!(is_denied(&call.set(&two, "k", "v").await));
}

#[tokio::test]
async fn nothing_is_read_or_changed_while_the_decision_cannot_be_recorded() {
    let world = World::new().await;
    let (mut before, notes) = world.writer();
    before.set(&notes, "k", "v").await.unwrap();
    let (mut call, bucket) = world.writer();
    call.record.failures.store(7, Ordering::Relaxed);
    let stopped = |stopped: bool| assert!(stopped);
    stopped(matches!(call.kv.get(&bucket, "k").await, Err(KvFault::Stop(_))));
    stopped(matches!(call.kv.get_many(&bucket, vec!["k".into()]).await, Err(KvFault::Stop(_))));
    stopped(matches!(call.kv.exists(&bucket, "k").await, Err(KvFault::Stop(_))));
    stopped(matches!(call.kv.list(&bucket, None).await, Err(KvFault::Stop(_))));
    stopped(matches!(call.set(&bucket, "k", "w").await, Err(KvFault::Stop(_))));
    stopped(matches!(call.kv.delete_many(&bucket, vec!["k".into()]).await, Err(KvFault::Stop(_))));
    stopped(matches!(call.kv.increment(&bucket, "n".into(), 1).await, Err(KvFault::Stop(_))));
    assert_eq!(call.effects.usage().kv_operations, 0);
    assert_eq!(call.kv.get(&bucket, "k").await.unwrap().as_deref(), Some(&b"v"[..]));
    assert!(!call.kv.exists(&bucket, "n").await.unwrap());
}

#[tokio::test]
async fn as_many_operations_as_the_limit_and_not_one_more() {
    let mut world = World::new().await;
    world.limits.kv_operations = 5;
    let (mut call, bucket) = world.writer();
    call.kv.set_many(&bucket, vec![pair("a", "1"), pair("b", "2")]).await.unwrap();
    // One too many for what is left: none of them is done.
    let past =
        failure(call.kv.set_many(&bucket, vec![pair("a", "x"), pair("b", "x"), pair("c", "x"), pair("d", "x")]).await);
    assert_eq!(past, "limits.kv_operations is 5: use fewer operations in one call, or raise it in the policy");
    assert_eq!(call.kv.get_many(&bucket, vec!["a".into(), "c".into()]).await.unwrap()[1], None);
    // An empty batch asks too.
    call.kv.get_many(&bucket, Vec::new()).await.unwrap();
    for _ in 0..2 {
        assert!(failure(call.kv.exists(&bucket, "a").await).contains("kv_operations"));
        assert!(failure(call.kv.list(&bucket, None).await).contains("kv_operations"));
    }
    assert_eq!(call.effects.usage().kv_operations, 5);
    let (mut next, bucket) = world.writer();
    assert_eq!(next.kv.get(&bucket, "a").await.unwrap().as_deref(), Some(&b"1"[..]));
}

#[tokio::test]
async fn a_key_has_as_many_bytes_as_the_limit_and_not_one_more() {
    let mut world = World::new().await;
    world.limits.kv_key_bytes = 4;
    let (mut call, bucket) = world.writer();
    for key in ["", "abcd", "ää"] {
        call.set(&bucket, key, "1").await.unwrap();
        assert!(call.kv.exists(&bucket, key).await.unwrap(), "{key:?}");
    }
    for key in ["abcde", "äää"] {
        let (one, many) = (key.to_owned(), vec!["abcd".to_owned(), key.to_owned()]);
        for refused in [
            failure(call.kv.get(&bucket, key).await),
            failure(call.kv.get_many(&bucket, many.clone()).await),
            failure(call.kv.exists(&bucket, key).await),
            failure(call.kv.set_many(&bucket, vec![pair("abcd", "2"), pair(key, "2")]).await),
            failure(call.kv.delete_many(&bucket, many).await),
            failure(call.kv.increment(&bucket, one, 1).await),
        ] {
            assert_eq!(refused, "limits.kv_key_bytes is 4: use a shorter key, or raise it in the policy");
        }
    }
    assert_eq!(call.kv.get(&bucket, "abcd").await.unwrap().as_deref(), Some(&b"1"[..]), "batches are all or nothing");
}

#[tokio::test]
async fn a_value_has_as_many_bytes_as_the_limit_and_not_one_more() {
    let mut world = World::new().await;
    world.limits.kv_value_bytes = 8;
    let (mut call, bucket) = world.writer();
    call.kv.set_many(&bucket, vec![pair("a", "12345678"), pair("b", "")]).await.unwrap();
    let past = failure(call.kv.set_many(&bucket, vec![pair("c", "1"), pair("a", "123456789")]).await);
    assert_eq!(past, "limits.kv_value_bytes is 8: store less under one key, or raise it in the policy");
    assert!(!call.kv.exists(&bucket, "c").await.unwrap());
}

#[tokio::test]
async fn no_more_crosses_at_once_than_may() {
    let mut world = World::new().await;
    world.limits.hostcall_bytes = 12;
    let (mut call, bucket) = world.writer();
    call.kv.set_many(&bucket, vec![pair("a", "12345"), pair("b", "12345"), pair("c", "")]).await.unwrap();
    let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
    let both = call.kv.get_many(&bucket, keys(&["a", "none", "b"])).await.unwrap();
    assert_eq!(both, [Some(pair("a", "12345")), None, Some(pair("b", "12345"))]);
    let past = failure(call.kv.get_many(&bucket, keys(&["a", "b", "c"])).await);
    assert_eq!(past, "limits.hostcall_bytes is 12: ask for fewer keys at once, or raise it in the policy");
}

#[tokio::test]
async fn quotas_of_a_bucket_hold_at_the_limit_and_one_past_it() {
    let world = World::new().await;
    let small = KvGrant { bytes_max: 10, keys_max: 2, ..grant("small", Access::ReadWrite) };
    let mut call = world.call("acme", vec![small]);
    let bucket = call.kv.open("small").unwrap();
    call.set(&bucket, "a", "123456789").await.unwrap();
    assert_eq!(failure(call.set(&bucket, "a", "1234567890").await), "quota: the bucket may hold 10 bytes");
    assert_eq!(failure(call.set(&bucket, "b", "").await), "quota: the bucket may hold 10 bytes");
    call.kv.set_many(&bucket, vec![pair("a", "1"), pair("b", "1")]).await.unwrap();
    assert_eq!(failure(call.set(&bucket, "c", "1").await), "quota: the bucket may hold 2 keys");
    assert_eq!(failure(call.kv.increment(&bucket, "c".into(), 1).await), "quota: the bucket may hold 2 keys");
    call.kv.delete_many(&bucket, vec!["a".into()]).await.unwrap();
    call.set(&bucket, "c", "1").await.unwrap();
}

#[tokio::test]
async fn all_buckets_of_a_tenant_together_have_a_quota_and_a_new_one_is_in_force_at_once() {
    let world = World::new().await;
    world.quotas.buckets_bytes_max.store(20, Ordering::Relaxed);
    let mut call = world.call("acme", vec![grant("one", Access::ReadWrite), grant("two", Access::ReadWrite)]);
    let (one, two) = (call.kv.open("one").unwrap(), call.kv.open("two").unwrap());
    call.set(&one, "a", "123456789").await.unwrap();
    call.set(&two, "a", "123456789").await.unwrap();
    assert_eq!(failure(call.set(&two, "b", "").await), "quota: the tenant may hold 20 bytes");
    // In a bucket that was opened before, too.
    world.quotas.buckets_bytes_max.store(21, Ordering::Relaxed);
    call.set(&two, "b", "").await.unwrap();
    world.quotas.buckets_bytes_max.store(5, Ordering::Relaxed);
    assert_eq!(failure(call.kv.increment(&one, "n".into(), 1).await), "quota: the tenant may hold 5 bytes");
    let mut globex = world.call("globex", vec![grant("one", Access::ReadWrite)]);
    let bucket = globex.kv.open("one").unwrap();
    globex.set(&bucket, "a", "1234").await.unwrap();
}

#[tokio::test]
async fn many_calls_at_once_fill_a_bucket_to_its_quota_and_no_further() {
    let world = World::new().await;
    let full = KvGrant { bytes_max: 100, keys_max: 1_000, ..grant("full", Access::ReadWrite) };
    let outcomes = join_all((0..60).map(|number| {
        let mut call = world.call("acme", vec![full.clone()]);
        async move {
            let bucket = call.kv.open("full").unwrap();
            call.set(&bucket, &format!("{number:02}"), "v").await.is_ok()
        }
    }))
    .await;
    assert_eq!(outcomes.into_iter().filter(|stored| *stored).count(), 33, "33 times 3 bytes");
    let mut call = world.call("acme", vec![full]);
    let bucket = call.kv.open("full").unwrap();
    assert_eq!(call.kv.list(&bucket, None).await.unwrap().keys.len(), 33);
}

#[tokio::test]
async fn counters_of_many_calls_lose_nothing() {
    let world = World::new().await;
    join_all((0..20).map(|_| {
        let (mut call, bucket) = world.writer();
        async move { call.kv.increment(&bucket, "n".into(), 3).await.unwrap() }
    }))
    .await;
    let (mut call, bucket) = world.writer();
    assert_eq!(call.kv.get(&bucket, "n").await.unwrap().as_deref(), Some(&b"60"[..]));
    call.set(&bucket, "t", "text").await.unwrap();
    assert!(failure(call.kv.increment(&bucket, "t".into(), 1).await).contains("not a counter"));
    assert!(failure(call.kv.increment(&bucket, "n".into(), u64::MAX).await).contains("overflow"));
    assert_eq!(call.kv.get(&bucket, "n").await.unwrap().as_deref(), Some(&b"60"[..]));
}

#[tokio::test]
async fn pages_of_keys_give_each_key_once() {
    let mut world = World::new().await;
    world.limits.kv_operations = 10_000;
    let many = KvGrant { bytes_max: 1 << 20, keys_max: 10_000, ..grant("many", Access::ReadWrite) };
    let mut call = world.call("acme", vec![many]);
    let bucket = call.kv.open("many").unwrap();
    let pairs = (0..2_500).map(|number| pair(&number.to_string(), "")).collect();
    call.kv.set_many(&bucket, pairs).await.unwrap();
    let (mut keys, mut cursor) = (Vec::new(), None);
    loop {
        let page = call.kv.list(&bucket, cursor).await.unwrap();
        keys.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(keys.len(), 2_500);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 2_500);
}

#[tokio::test]
async fn a_host_without_a_store_says_so_and_denies_all_the_same() {
    let world = World::new().await;
    let (record, effects) = recorded();
    let kv = vec![Grant::for_test(grant("notes", Access::ReadWrite))];
    let grants = Arc::new(Grants { kv, ..Grants::none() });
    let tenant = "acme".parse().unwrap();
    let mut call = KvCall::new(None, &world.quotas, &grants, &world.limits, &tenant, effects);
    assert!(is_denied(&call.open("other")));
    let bucket = call.open("notes").unwrap();
    assert_eq!(failure(call.get(&bucket, "k").await), "this host has no key-value store");
    assert_eq!(record.asked.load(Ordering::Relaxed), 0);
}

mod interface {
    use wasmtime::component::{Resource, ResourceTable};

    use super::super::bind::KvView;
    use super::*;
    use crate::capability::bindings::wasi::keyvalue::store::{Error, Host, HostBucket};

    #[tokio::test]
    async fn a_guest_is_told_in_the_interface_s_words_and_stopped_where_there_are_none() {
        let world = World::new().await;
        let (mut call, _) = world.writer();
        call.kv.operations_left = 1;
        let mut table = ResourceTable::new();
        let mut view = KvView { table: &mut table, call: &mut call.kv, line: None };
        let denied = view.open("other".into()).unwrap_err();
        assert!(matches!(view.convert_error(denied), Ok(Error::AccessDenied)));

        let bucket = view.open("notes".into()).unwrap();
        let again = || Resource::new_borrow(bucket.rep());
        view.set(again(), "k".into(), vec![1]).await.unwrap();
        let past = view.get(again(), "k".into()).await.unwrap_err();
        assert!(matches!(view.convert_error(past), Ok(Error::Other(text)) if text.contains("kv_operations")));

        let forged = view.get(Resource::new_borrow(77), "k".into()).await.unwrap_err();
        assert!(view.convert_error(forged).is_err());
        HostBucket::drop(&mut view, Resource::new_own(bucket.rep())).unwrap();
        let dropped = view.get(again(), "k".into()).await.unwrap_err();
        assert!(view.convert_error(dropped).is_err());
        let unrecorded = Stop::AuditUnavailable(crate::Error::internal("x")).into();
        assert!(view.convert_error(unrecorded).unwrap_err().is::<Stop>(), "for the engine's verdict");
    }
}
