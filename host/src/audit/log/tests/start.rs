//! What a start finds: the rest of a crash, and what was put back from an older copy.

use super::*;

/// Has the store say that the logs are kept up to the journal's beginning.
pub(super) async fn unkeep(folder: &DataFolder, rows: &'static str) {
    alter(folder, rows).await;
    alter(folder, "update marks set value = '0' where name = 'logs-position'").await;
}

/// Changes what is kept.
async fn alter(folder: &DataFolder, sql: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.database());
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    sqlx::raw_sql(sql).execute(&pool).await.unwrap();
    pool.close().await;
}

/// Copies the files of a folder over those of another, which has no others then.
fn put_back(from: &Path, to: &Path) {
    let _ = std::fs::remove_dir_all(to);
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap() {
        let file = file.unwrap().path();
        std::fs::copy(&file, to.join(file.file_name().unwrap())).unwrap();
    }
}

/// A checkpoint may be of more than a start takes in at once, and is no fork while that is still to come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_journal_is_taken_in_after_a_crash_and_goes_on_from_what_was_signed() {
    for segment_bytes in [16 << 20, Settings::SEGMENT_BYTES_MIN] {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings { segment_bytes, ..Settings::default() };
        let world = World::open_with(dir.path(), settings.clone()).await.unwrap();
        world.calls("acme", 6_000).await;
        assert_eq!(world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap().size(), 12_000);
        let folder = world.folder.clone();
        world.crash().await;
        unkeep(&folder, "delete from logs").await;

        let world = World::open_with(dir.path(), settings).await.unwrap();
        world.integrated().await;
        world.calls("acme", 1).await;
        tokio::time::sleep(CHECKPOINT_PAUSE).await;
        assert_eq!(world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap().size(), 12_002);
        world.close().await;
        let report = check(&folder, |_, _| {}).await.unwrap();
        assert!(report.ok(), "{report:?}");
    }
}

/// A journal from a backup beside logs that went on: what would be appended to it would get indexes that are taken.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_journal_that_was_put_back_without_its_logs_is_refused() {
    let (dir, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let world = World::open(dir.path()).await;
    world.calls("acme", 20).await;
    let folder = world.folder.clone();
    world.close().await;
    put_back(&folder.journal(), backup.path());
    let world = World::open(dir.path()).await;
    world.calls("acme", 20).await;
    world.close().await;
    put_back(backup.path(), &folder.journal());

    let error = World::open_with(dir.path(), small()).await.unwrap_err();
    assert_eq!(error.code(), Code::AuditUnavailable);
    assert!(error.message().contains("made of 80 entries, and the journal has 40"), "{error:?}");
    let report = check(&folder, |_, _| {}).await.unwrap();
    assert_eq!(report.logs["acme"].findings, ["it has 80 entries, the journal 40"]);
}

/// An entry that the log has already is nothing to pass over; and what was once found to be a fork stays one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fork_is_told_until_the_host_ends_whatever_is_asked_then() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    world.calls("acme", 20).await;
    let folder = world.folder.clone();
    world.close().await;
    unkeep(&folder, "select 1").await;

    let world = World::open(dir.path()).await;
    let (acme, globex) = ("acme".parse().unwrap(), "globex".parse().unwrap());
    let error = world.logs.checkpoint(&acme).await.unwrap_err();
    assert!(error.message().contains("acme: the journal goes on with entry 0, the log has 40"), "{error:?}");
    for _ in 0..3 {
        assert!(world.logs.checkpoint(&globex).await.is_err());
        assert_eq!(world.logs.health().unwrap_err().message(), error.message());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.crash().await;
}

/// One that it was handed over to and that is gone is an error in words, and no end of the thread.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_whose_key_is_gone_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    world.calls("acme", 1).await;
    let folder = world.folder.clone();
    world.close().await;
    alter(&folder, "update logs set generation = 7").await;
    let world = World::open(dir.path()).await;
    let error = world.logs.keys(&"acme".parse().unwrap()).await.unwrap_err();
    assert!(error.message().contains("acme: its key was handed over 7 times, and the last one is gone"), "{error:?}");
    // Whoever asks next is told the same; by then so is the host.
    world.logs.keys(&"globex".parse().unwrap()).await.unwrap_err();
    assert_eq!(world.logs.health().unwrap_err().message(), error.message());
    world.crash().await;
}
