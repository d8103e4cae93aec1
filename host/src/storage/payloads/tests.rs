//! What is kept reads back, to its own tenant, for its time; what is erased, altered or put elsewhere does not.

use super::*;
use crate::storage::TenantRow;

struct World {
    folder: tempfile::TempDir,
    store: Store,
    payloads: Payloads,
}

const DAY: Duration = Duration::from_secs(86_400);

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = DataFolder::open(folder.path()).unwrap();
        let store = Store::open(&data.database()).await.unwrap();
        let mut change = store.change().await.unwrap();
        for id in ["acme", "globex"] {
            let id = id.parse().unwrap();
            let row = TenantRow { id, suspended: false, digest_key: [1; 32], created: SystemTime::UNIX_EPOCH };
            change.insert_tenant(&row).await.unwrap();
        }
        change.commit().await.unwrap();
        let payloads = Payloads::open(&data, &store).await.unwrap();
        Self { folder, store, payloads }
    }

    async fn keep_for(&self, tenant: &str, call: CallId, text: &str, retention: Duration, tenant_bytes_max: u64) {
        let tenant: TenantId = tenant.parse().unwrap();
        let pieces = vec![
            (PayloadKind::Arguments, text.as_bytes().to_vec()),
            (PayloadKind::Result, format!("result of {text}").into_bytes()),
        ];
        let payload = NewPayload { tenant: &tenant, call, retention, pieces, tenant_bytes_max };
        self.payloads.keep(payload).await.unwrap();
    }

    async fn keep(&self, tenant: &str, call: CallId, text: &str) {
        self.keep_for(tenant, call, text, DAY, 1 << 20).await;
    }

    /// The arguments, where the call's payload is there.
    async fn arguments(&self, tenant: &str, call: CallId) -> Option<Piece> {
        let kept = self.payloads.read(&tenant.parse().unwrap(), call).await.unwrap()?;
        kept.pieces.get(&PayloadKind::Arguments).cloned()
    }

    async fn erase(&self, tenant: &str, call: Option<CallId>) {
        let mut change = self.store.change().await.unwrap();
        change.erase_payloads(&tenant.parse().unwrap(), call).await.unwrap();
        change.commit().await.unwrap();
    }

    async fn bytes(&self, tenant: &str) -> u64 {
        self.payloads.bytes(&tenant.parse().unwrap()).await.unwrap()
    }

    async fn alter(&self, sql: &'static str) {
        let done = sqlx::raw_sql(sql).execute(self.payloads.rows.writer()).await.unwrap();
        assert!(done.rows_affected() > 0, "{sql}");
    }

    /// Whether any file of the data folder holds these bytes.
    fn is_on_disk(&self, bytes: &[u8]) -> bool {
        std::fs::read_dir(self.folder.path()).unwrap().any(|file| {
            let path = file.unwrap().path();
            path.is_file() && std::fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
        })
    }
}

fn whole(text: &str) -> Option<Piece> {
    Some(Piece::Whole(text.as_bytes().to_vec()))
}

#[tokio::test]
async fn what_is_kept_reads_back_and_nobody_else_s_does() {
    let world = World::new().await;
    let (one, other) = (CallId::new(), CallId::new());
    world.keep("acme", one, "a secret of one").await;
    world.keep("globex", other, "a secret of the other").await;
    assert_eq!(world.arguments("acme", one).await, whole("a secret of one"));
    assert_eq!(world.arguments("globex", other).await, whole("a secret of the other"));
    assert_eq!((world.arguments("acme", other).await, world.arguments("globex", one).await), (None, None));
    // Keeping it again changes nothing.
    world.keep("acme", one, "another text").await;
    assert_eq!(world.arguments("acme", one).await, whole("a secret of one"));
    // And after another start.
    let data = DataFolder::open(world.folder.path()).unwrap();
    let again = Payloads::open(&data, &world.store).await.unwrap();
    let kept = again.read(&"acme".parse().unwrap(), one).await.unwrap().unwrap();
    assert_eq!(kept.pieces[&PayloadKind::Result], Piece::Whole(b"result of a secret of one".to_vec()));
    assert!(!world.is_on_disk(b"a secret of"), "in clear");
}

#[tokio::test]
async fn what_was_altered_or_comes_from_elsewhere_is_found() {
    let world = World::new().await;
    let (one, other) = (CallId::new(), CallId::new());
    world.keep("acme", one, "one").await;
    world.keep("acme", other, "other").await;
    world.alter("delete from payloads where kind = 'result'").await;
    // The two calls' arguments, swapped.
    world
        .alter(
            "create temp table was as select call, sealed from payloads;
         update payloads set sealed = (select sealed from was where was.call <> payloads.call)",
        )
        .await;
    assert_eq!(world.arguments("acme", one).await, Some(Piece::Altered));
    assert_eq!(world.arguments("acme", other).await, Some(Piece::Altered));
    // A piece in the place of another of the same call.
    let third = CallId::new();
    world.keep("acme", third, "third").await;
    world.alter("delete from payloads where kind = 'result'").await;
    world.alter("update payloads set kind = 'result' where kind = 'arguments'").await;
    let kept = world.payloads.read(&"acme".parse().unwrap(), third).await.unwrap().unwrap();
    assert_eq!(kept.pieces[&PayloadKind::Result], Piece::Altered);
}

#[tokio::test]
async fn room_is_bounded_by_tenant_and_comes_back() {
    let world = World::new().await;
    let (one, other) = (CallId::new(), CallId::new());
    world.keep_for("acme", one, &"x".repeat(500), DAY, 1_200).await;
    assert!((1_000..1_200).contains(&world.bytes("acme").await));
    world.keep_for("acme", other, &"y".repeat(500), DAY, 1_200).await;
    assert_eq!(world.arguments("acme", other).await, Some(Piece::Missing));
    assert!(world.bytes("acme").await < 1_200);
    // The other tenant has its own.
    world.keep_for("globex", other, &"y".repeat(500), DAY, 1_200).await;
    assert!(matches!(world.arguments("globex", other).await, Some(Piece::Whole(_))));
    world.erase("acme", Some(one)).await;
    world.payloads.finish_erasures().await.unwrap();
    assert_eq!(world.bytes("acme").await, 0);
    let third = CallId::new();
    world.keep_for("acme", third, &"z".repeat(500), DAY, 1_200).await;
    assert!(matches!(world.arguments("acme", third).await, Some(Piece::Whole(_))));
}

#[tokio::test]
async fn what_is_over_is_not_read_and_swept_and_a_shorter_time_holds_for_all() {
    let world = World::new().await;
    let (over, kept) = (CallId::new(), CallId::new());
    world.keep_for("acme", over, "over", Duration::ZERO, 1 << 20).await;
    world.keep("acme", kept, "kept").await;
    assert_eq!(world.arguments("acme", over).await, None);
    assert_eq!(world.payloads.sweep(|_| None).await.unwrap(), 2);
    assert_eq!(world.arguments("acme", kept).await, whole("kept"));
    assert_eq!(world.payloads.sweep(|_| Some(DAY)).await.unwrap(), 0);
    assert_eq!(world.payloads.sweep(|_| Some(Duration::ZERO)).await.unwrap(), 2);
    assert_eq!((world.arguments("acme", kept).await, world.bytes("acme").await), (None, 0));
}

#[tokio::test]
async fn an_erased_call_is_gone_at_once_and_from_the_disk_after_it() {
    let world = World::new().await;
    let (one, other) = (CallId::new(), CallId::new());
    world.keep("acme", one, "one").await;
    world.keep("acme", other, "other").await;
    let sealed: Vec<u8> = sqlx::query_scalar("select sealed from payloads where call = ? and kind = 'arguments'")
        .bind(one.to_string())
        .fetch_one(world.payloads.rows.writer())
        .await
        .unwrap();
    world.erase("acme", Some(one)).await;
    // Committed and no more: as after a crash.
    assert_eq!(world.arguments("acme", one).await, None);
    assert!(world.payloads.erased(&"acme".parse().unwrap(), one).await.unwrap().is_some());
    assert!(world.is_on_disk(&sealed));
    world.payloads.finish_erasures().await.unwrap();
    assert!(!world.is_on_disk(&sealed));
    assert_eq!(world.arguments("acme", other).await, whole("other"));
    assert!(world.payloads.erased(&"acme".parse().unwrap(), other).await.unwrap().is_none());
    // What was still on its way in is not there either.
    world.keep("acme", one, "late").await;
    assert_eq!(world.arguments("acme", one).await, None);
}

#[tokio::test]
async fn erasing_all_erases_the_key_and_with_it_every_copy() {
    let world = World::new().await;
    let (before, after) = (CallId::new(), CallId::new());
    let acme: TenantId = "acme".parse().unwrap();
    world.keep("acme", before, "before").await;
    world.keep("globex", before, "the other's").await;
    // A copy of the file, as a backup has it.
    sqlite_copy(&world).await;
    let wrapped = world.store.payload_key(&acme).await.unwrap().unwrap().wrapped;
    tokio::time::sleep(Duration::from_millis(2)).await;
    world.erase("acme", None).await;
    assert!(world.payloads.erased(&acme, before).await.unwrap().is_some());
    world.payloads.finish_erasures().await.unwrap();
    assert!(!world.is_on_disk(&wrapped));
    assert_eq!((world.arguments("acme", before).await, world.bytes("acme").await), (None, 0));
    assert_eq!(world.arguments("globex", before).await, whole("the other's"));
    // What comes later is sealed by another key, and the copy's rows do not open.
    let later = CallId::new();
    world.keep("acme", later, "later").await;
    assert_eq!(world.arguments("acme", later).await, whole("later"));
    assert!(world.payloads.erased(&acme, after).await.unwrap().is_some(), "its id was made before");
    world.alter("insert into payloads select * from kept.payloads where tenant = 'acme'").await;
    assert_eq!(world.arguments("acme", before).await, None);
    world
        .alter("update payloads set key = (select key from payloads where tenant = 'acme' order by kept desc limit 1)")
        .await;
    assert_eq!(world.arguments("acme", before).await, Some(Piece::Altered));
}

async fn sqlite_copy(world: &World) {
    let path = world.folder.path().join("keys/copy.db");
    let sql = format!("vacuum into '{0}'; attach '{0}' as kept", path.display());
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(world.payloads.rows.writer()).await.unwrap();
}

/// A backup that reads the file keeps deleted bytes in it: until it is done, the erasure is not.
#[tokio::test]
async fn an_erasure_is_done_only_when_the_bytes_are_gone() {
    let world = World::new().await;
    let (acme, one): (TenantId, _) = ("acme".parse().unwrap(), CallId::new());
    world.keep("acme", one, "one").await;
    let query = "select sealed from payloads where kind = 'arguments'";
    let sealed: Vec<u8> = sqlx::query_scalar(query).fetch_one(world.payloads.rows.writer()).await.unwrap();
    let mut backup = world.payloads.rows.begin_reading().await;
    world.erase("acme", None).await;
    assert!(!world.payloads.finish_erasures().await.unwrap(), "the backup still reads it");
    assert_eq!(world.arguments("acme", one).await, None);
    assert!(world.is_on_disk(&sealed));
    assert_eq!(world.store.open_payload_erasures().await.unwrap(), [(acme, None)]);
    sqlx::query("select 1").execute(&mut *backup).await.unwrap();
    backup.commit().await.unwrap();
    assert!(world.payloads.finish_erasures().await.unwrap());
    assert!(!world.is_on_disk(&sealed));
    assert_eq!(world.store.open_payload_erasures().await.unwrap(), []);
}

/// A host without its key, or with another one, would take all that is kept for altered, and seal on with the new one.
#[tokio::test]
async fn a_key_that_is_gone_or_another_one_is_refused_and_never_replaced() {
    let world = World::new().await;
    let call = CallId::new();
    world.keep("acme", call, "kept").await;
    let data = DataFolder::open(world.folder.path()).unwrap();
    let (path, aside) = (data.keys().join("payloads.key"), data.keys().join("aside"));
    let another = [9; 32];
    for marked in [true, false] {
        std::fs::rename(&path, &aside).unwrap();
        let error = Payloads::open(&data, &world.store).await.unwrap_err();
        assert!(error.message().contains("is gone"), "{error:?}");
        assert!(!path.exists(), "a new one was made");
        std::fs::copy(&aside, &path).unwrap();
        std::fs::write(&path, another).unwrap();
        let error = Payloads::open(&data, &world.store).await.unwrap_err();
        assert!(error.message().contains("is not the key") && error.what_next().unwrap().contains("payloads.db"));
        std::fs::rename(&aside, &path).unwrap();
        let again = Payloads::open(&data, &world.store).await.unwrap();
        assert!(again.read(&"acme".parse().unwrap(), call).await.unwrap().is_some());
        again.close().await;
        if marked {
            // As a host kept it that knew of no mark.
            let sql = "delete from marks where name = 'payloads-key-check'";
            let options = sqlx::sqlite::SqliteConnectOptions::new().filename(data.database());
            let store = sqlx::SqlitePool::connect_with(options).await.unwrap();
            assert_eq!(sqlx::query(sql).execute(&store).await.unwrap().rows_affected(), 1);
            store.close().await;
        }
    }
    // Lost for good, and what it sealed with it.
    std::fs::write(&path, another).unwrap();
    world.payloads.close().await;
    std::fs::remove_file(data.payloads()).unwrap();
    let world = World { payloads: Payloads::open(&data, &world.store).await.unwrap(), ..world };
    assert_eq!(world.arguments("acme", call).await, None);
    world.keep("acme", call, "anew").await;
    assert_eq!(world.arguments("acme", call).await, whole("anew"));
}
