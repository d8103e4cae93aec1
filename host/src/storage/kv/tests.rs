//! Buckets at their limits, under concurrency, across tenants, and after reopening.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures::future::join_all;

use super::*;

/// What a bucket holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct BucketUsage {
    /// Keys and values together.
    bytes: u64,
    keys: u64,
}

/// One at a time, for tests.
impl KvStore {
    async fn usage(&self, bucket: &Bucket) -> Result<BucketUsage, KvError> {
        let query = sqlx::query_as::<_, (i64, i64)>("select bytes, keys from buckets where tenant = ? and name = ?");
        let row = query.bind(bucket.tenant.as_str()).bind(&bucket.name).fetch_optional(&self.readers).await?;
        let (bytes, keys) = row.unwrap_or_default();
        Ok(BucketUsage { bytes: bytes.cast_unsigned(), keys: keys.cast_unsigned() })
    }

    async fn set(&self, bucket: &Bucket, key: String, value: Vec<u8>) -> Result<(), KvError> {
        self.set_many(bucket, vec![(key, value)]).await
    }

    async fn delete(&self, bucket: &Bucket, key: String) -> Result<(), KvError> {
        self.delete_many(bucket, vec![key]).await
    }
}

async fn store() -> (tempfile::TempDir, KvStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = KvStore::open(&folder.path().join("kv.db")).await.unwrap();
    (folder, store)
}

fn bucket(tenant: &str, bytes_max: u64, keys_max: u64) -> Bucket {
    Bucket { tenant: tenant.parse().unwrap(), name: "b".into(), bytes_max, keys_max, tenant_bytes_max: 1 << 30 }
}

fn pair(key: &str, value: &str) -> (String, Vec<u8>) {
    (key.to_owned(), value.as_bytes().to_vec())
}

fn quota<T: std::fmt::Debug>(refused: Result<T, KvError>) -> (&'static str, &'static str) {
    match refused {
        Err(KvError::Quota { whose, what, .. }) => (whose, what),
        other => panic!("not a quota: {other:?}"),
    }
}

#[tokio::test]
async fn values_read_back_with_growing_versions_and_after_reopening() {
    let (folder, store) = store().await;
    let a = bucket("a", 1_000, 10);
    assert_eq!(store.get(&a, "k").await.unwrap(), None);
    assert_eq!(store.usage(&a).await.unwrap(), BucketUsage::default());
    store.set(&a, "k".into(), b"one".to_vec()).await.unwrap();
    let one = store.get_versioned(&a, "k").await.unwrap().unwrap();
    store.set(&a, "k".into(), b"three".to_vec()).await.unwrap();
    store.set(&a, "e".into(), Vec::new()).await.unwrap();
    let three = store.get_versioned(&a, "k").await.unwrap().unwrap();
    assert!(three.version > one.version);
    assert_eq!(store.usage(&a).await.unwrap(), BucketUsage { bytes: 7, keys: 2 });
    store.delete(&a, "k".into()).await.unwrap();
    store.set(&a, "k".into(), b"four".to_vec()).await.unwrap();
    // Not a version that it had before: who remembers that one must not take this value for it.
    assert!(store.get_versioned(&a, "k").await.unwrap().unwrap().version > three.version);
    drop(store);
    let store = KvStore::open(&folder.path().join("kv.db")).await.unwrap();
    for (key, value) in [("k", Some(b"four".to_vec())), ("none", None), ("e", Some(Vec::new()))] {
        assert_eq!(store.get(&a, key).await.unwrap(), value);
    }
}

#[tokio::test]
async fn quotas_hold_at_the_limit_and_one_past_it_and_a_batch_is_all_or_nothing() {
    let (_folder, store) = store().await;
    let a = bucket("a", 6, 2);
    store.set_many(&a, vec![pair("k1", "x"), pair("k2", "x")]).await.unwrap();
    assert_eq!(quota(store.set_many(&a, vec![pair("k1", "y"), pair("k2", "yy")]).await), ("the bucket", "bytes"));
    assert_eq!(store.get(&a, "k1").await.unwrap().unwrap(), b"x");
    let roomy = Bucket { bytes_max: 100, ..a.clone() };
    assert_eq!(quota(store.set(&roomy, "k3".into(), Vec::new()).await), ("the bucket", "keys"));
    assert!(!store.exists(&a, "k3").await.unwrap());
    // One write may both take and give, as long as it ends within the quota.
    store.set_many(&a, vec![pair("k1", "xx"), pair("k2", "")]).await.unwrap();
    store.delete_many(&a, vec!["k2".into(), "absent".into(), "k2".into()]).await.unwrap();
    assert_eq!(store.usage(&a).await.unwrap(), BucketUsage { bytes: 4, keys: 1 });
    store.set(&a, "k1".into(), b"wxyz".to_vec()).await.unwrap();
    // A quota that was lowered lets the bucket shrink and not grow.
    let lowered = Bucket { bytes_max: 1, ..a.clone() };
    assert_eq!(quota(store.set(&lowered, "k1".into(), b"vwxyz".to_vec()).await), ("the bucket", "bytes"));
    store.set(&lowered, "k1".into(), b"vwx".to_vec()).await.unwrap();
    assert_eq!(store.usage(&a).await.unwrap(), BucketUsage { bytes: 5, keys: 1 });
}

#[tokio::test]
async fn the_tenants_quota_covers_all_its_buckets_and_no_other_tenants() {
    let (_folder, store) = store().await;
    let first = Bucket { tenant_bytes_max: 10, ..bucket("a", 100, 10) };
    let second = Bucket { name: "c".into(), ..first.clone() };
    store.set(&first, "k".into(), vec![0; 5]).await.unwrap();
    store.set(&second, "k".into(), vec![0; 3]).await.unwrap();
    assert_eq!(quota(store.set(&second, "k".into(), vec![0; 4]).await), ("the tenant", "bytes"));
    assert_eq!(store.usage(&second).await.unwrap(), BucketUsage { bytes: 4, keys: 1 });
    // A bucket that a refused write would have made is not there, and does not count.
    let third = Bucket { name: "d".into(), ..first.clone() };
    quota(store.set(&third, "k".into(), Vec::new()).await);
    let others = Bucket { tenant: "b".parse().unwrap(), ..first.clone() };
    store.set(&others, "k".into(), vec![0; 9]).await.unwrap();
    store.delete(&first, "k".into()).await.unwrap();
    store.set(&third, "k".into(), vec![0; 5]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn quotas_and_counters_hold_under_concurrency() {
    let (_folder, store) = store().await;
    let a = bucket("a", 1 << 20, 10);
    let tasks = (0..200).map(|number| {
        let (store, a) = (store.clone(), a.clone());
        tokio::spawn(async move { store.set(&a, format!("k{number}"), b"x".to_vec()).await.is_ok() })
    });
    let kept = join_all(tasks).await.into_iter().filter(|kept| *kept.as_ref().unwrap()).count();
    assert_eq!(kept, 10);
    assert_eq!(store.list(&a, None).await.unwrap().keys.len(), 10);
    // By bytes: each grows its own key, and together they may not pass the quota.
    let tight = Bucket { name: "tight".into(), bytes_max: 500, keys_max: 1_000, ..a.clone() };
    let tasks = (0..100).map(|number| {
        let (store, tight) = (store.clone(), tight.clone());
        tokio::spawn(async move { store.set(&tight, format!("{number:03}"), vec![0; 17]).await.is_ok() })
    });
    let kept = join_all(tasks).await.into_iter().filter(|kept| *kept.as_ref().unwrap()).count();
    assert_eq!((kept, store.usage(&tight).await.unwrap().bytes), (25, 500));
    let counter = Bucket { name: "c".into(), ..a };
    let adds = (0..200).map(|_| {
        let (store, counter) = (store.clone(), counter.clone());
        tokio::spawn(async move { store.increment(&counter, "n".into(), 2).await.unwrap() })
    });
    let seen: BTreeSet<u64> = join_all(adds).await.into_iter().map(Result::unwrap).collect();
    assert!(seen.into_iter().eq((1..=200).map(|n| n * 2)));
}

#[tokio::test]
async fn a_value_is_replaced_unless_it_changed_and_never_twice_the_same() {
    let (_data, store) = store().await;
    let notes = bucket("acme", 1_000, 10);
    let swap = async |version, value: &str| store.swap(&notes, "k".into(), version, value.into()).await;
    let version = async || store.version(&notes, "k").await.unwrap();
    assert!(matches!(swap(Some(1), "a").await, Err(KvError::Changed)), "there is none");
    swap(None, "a").await.unwrap();
    assert!(matches!(swap(None, "b").await, Err(KvError::Changed)), "there is one");
    let first = version().await;
    swap(first, "b").await.unwrap();
    assert!(matches!(swap(first, "c").await, Err(KvError::Changed)));
    // What went and came back is another one.
    store.delete(&notes, "k".into()).await.unwrap();
    store.set(&notes, "k".into(), "a".into()).await.unwrap();
    assert!(matches!(swap(first, "c").await, Err(KvError::Changed)));
    assert_eq!(store.get(&notes, "k").await.unwrap().unwrap(), b"a");
    let small = Bucket { bytes_max: 5, ..notes.clone() };
    let past = store.swap(&small, "k".into(), version().await, b"too long".to_vec()).await;
    assert_eq!(quota(past), ("the bucket", "bytes"));
    // Of many who looked at the same one replaces it.
    let seen = version().await;
    let swaps = (0..20).map(|number| store.swap(&notes, "k".into(), seen, format!("{number}").into_bytes()));
    let done = join_all(swaps).await;
    assert_eq!(done.iter().filter(|done| done.is_ok()).count(), 1);
}

#[tokio::test]
async fn signed_counters_count_in_both_directions_and_unsigned_ones_do_not() {
    let (_data, store) = store().await;
    let notes = bucket("acme", 1_000, 10);
    assert_eq!(store.add(&notes, "n".into(), -3).await.unwrap(), -3);
    assert_eq!(store.add(&notes, "n".into(), 1).await.unwrap(), -2);
    assert!(matches!(store.increment(&notes, "n".into(), 1).await, Err(KvError::NotACounter)));
    assert_eq!(store.add(&notes, "n".into(), 7).await.unwrap(), 5);
    assert_eq!(store.increment(&notes, "n".into(), 1).await.unwrap(), 6);
    assert!(matches!(store.add(&notes, "n".into(), i64::MAX).await, Err(KvError::Overflow)));
    store.set(&notes, "big".into(), u64::MAX.to_string().into_bytes()).await.unwrap();
    assert!(matches!(store.add(&notes, "big".into(), 1).await, Err(KvError::NotACounter)));
    assert!(matches!(store.increment(&notes, "big".into(), 1).await, Err(KvError::Overflow)));
}

#[tokio::test]
async fn only_counters_count() {
    let (_folder, store) = store().await;
    let a = bucket("a", 1_000, 10);
    for value in ["", "x", "-1", "+1", " 1", "1.0", "18446744073709551616", "000000000000000000001"] {
        store.set(&a, "k".into(), value.as_bytes().to_vec()).await.unwrap();
        let refused = store.increment(&a, "k".into(), 1).await;
        assert!(matches!(refused, Err(KvError::NotACounter)), "{value:?}: {refused:?}");
    }
    assert_eq!(store.increment(&a, "n".into(), u64::MAX).await.unwrap(), u64::MAX);
    assert!(matches!(store.increment(&a, "n".into(), 1).await, Err(KvError::Overflow)));
    assert_eq!(store.get(&a, "n").await.unwrap().unwrap(), u64::MAX.to_string().as_bytes());
}

#[tokio::test]
async fn pages_of_keys_follow_each_other_whatever_comes_and_goes() {
    let (_folder, store) = store().await;
    let a = bucket("a", 1 << 20, 10_000);
    let key = |n: usize| format!("{:04}", 9_999 - n);
    let all = 2 * LISTED_KEYS_MAX + 1;
    store.set_many(&a, (0..all).map(|n| (key(n), Vec::new())).collect()).await.unwrap();
    let first = store.list(&a, None).await.unwrap();
    assert_eq!((first.keys.len(), &first.keys[0]), (LISTED_KEYS_MAX, &key(0)));
    // What was seen goes, what was seen changes, something comes: the rest is still given once.
    store.delete_many(&a, (0..500).map(key).collect()).await.unwrap();
    store.set(&a, key(700), b"changed".to_vec()).await.unwrap();
    store.set(&a, "new".into(), Vec::new()).await.unwrap();
    let second = store.list(&a, first.cursor).await.unwrap();
    let third = store.list(&a, second.cursor).await.unwrap();
    assert_eq!(third.cursor, None);
    let rest: Vec<_> = second.keys.into_iter().chain(third.keys).collect();
    let expected: Vec<_> = (LISTED_KEYS_MAX..all).map(key).chain(["new".to_owned()]).collect();
    assert!(rest == expected);
    assert_eq!(store.list(&a, Some(u64::MAX)).await.unwrap(), KeyPage { keys: vec![], cursor: None });
}

#[tokio::test]
async fn another_tenants_bucket_of_the_same_name_is_another_bucket() {
    let (_folder, store) = store().await;
    let (a, b) = (bucket("a", 100, 10), bucket("b", 100, 10));
    store.set(&a, "k".into(), b"secret".to_vec()).await.unwrap();
    assert_eq!(store.get(&b, "k").await.unwrap(), None);
    assert_eq!(store.list(&b, None).await.unwrap().keys, Vec::<String>::new());
    store.delete(&b, "k".into()).await.unwrap();
    assert_eq!(store.increment(&b, "k".into(), 1).await.unwrap(), 1);
    assert_eq!(store.get(&a, "k").await.unwrap().unwrap(), b"secret");
    // Nor do places and versions tell of what others write.
    assert_eq!(store.get_versioned(&b, "k").await.unwrap().unwrap().version, 1);
}

#[tokio::test]
async fn a_write_given_up_before_its_turn_never_happens_and_the_next_ones_do() {
    let (_folder, store) = store().await;
    let a = bucket("a", 100, 10);
    let mut given_up = Box::pin(store.set(&a, "gone".into(), Vec::new()));
    assert!(futures::poll!(&mut given_up).is_pending());
    // This test runs on one thread: the writing task has not run yet.
    drop(given_up);
    store.set(&a, "k".into(), Vec::new()).await.unwrap();
    assert_eq!(store.list(&a, None).await.unwrap().keys, ["k"]);
}

/// While one tenant has many large writes waiting, another's single one is done among the first.
#[tokio::test]
async fn hostile_flood_of_large_writes_keeps_nobody_else_waiting() {
    let (_folder, store) = store().await;
    let (a, b) = (bucket("a", 1 << 30, 1 << 20), bucket("b", 1 << 20, 10));
    let done = Arc::new(AtomicUsize::new(0));
    let flood: Vec<_> = (0..20)
        .map(|turn| {
            let (store, a, done) = (store.clone(), a.clone(), Arc::clone(&done));
            tokio::spawn(async move {
                let pairs = (0..1_000).map(|n| pair(&format!("{turn}-{n}"), "x")).collect();
                store.set_many(&a, pairs).await.unwrap();
                done.fetch_add(1, Ordering::SeqCst);
            })
        })
        .collect();
    tokio::task::yield_now().await;
    store.set(&b, "k".into(), b"v".to_vec()).await.unwrap();
    let before = done.load(Ordering::SeqCst);
    assert!(before <= 3, "{before} of another's writes came first");
    join_all(flood).await.into_iter().for_each(|write| write.unwrap());
    assert_eq!(store.usage(&a).await.unwrap().keys, 20_000);
}
