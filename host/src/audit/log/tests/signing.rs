//! What is signed though nobody asks: what somebody follows, the rest seldom, and none of it in the way of who asks.

use super::*;
use cofferdam_auditor::checkpoint::Checkpoint;

impl World {
    /// The size of the log of `name` as its files have it signed.
    async fn published(&self, name: &str) -> Option<u64> {
        let incarnation = self.store.incarnation().await.unwrap().unwrap();
        let path = self.folder.blobs().join("logs").join(name).join(incarnation).join("checkpoint");
        Some(Checkpoint::parse(&std::fs::read(path).ok()?).unwrap().size())
    }

    async fn until_published(&self, name: &str, size: u64) {
        let published = async {
            while self.published(name).await != Some(size) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(Duration::from_secs(60), published).await.expect("it is not signed");
    }

    /// Has the journal go on to another segment, and so the logs be kept.
    async fn fill_a_segment(&self) {
        let segment = self.audit.segment();
        while self.audit.segment() == segment {
            self.calls("busy", 50).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_nobody_follows_is_signed_once_then_seldom_and_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    world.calls("acme", 1).await;
    world.calls("globex", 1).await;
    world.fill_a_segment().await;
    world.until_published("acme", 2).await;
    world.until_published("globex", 2).await;
    // Somebody follows one of them.
    world.logs.checkpoint(&"globex".parse().unwrap()).await.unwrap();
    world.calls("acme", 1).await;
    world.calls("globex", 1).await;
    world.fill_a_segment().await;
    world.until_published("globex", 4).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(world.published("acme").await, Some(2));
    // It is signed for whoever asks.
    assert_eq!(world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap().size(), 4);
    world.calls("acme", 1).await;
    let (folder, store) = (world.folder.clone(), world.store.incarnation().await.unwrap().unwrap());
    world.close().await;
    let path = folder.blobs().join("logs/acme").join(store).join("checkpoint");
    assert_eq!(Checkpoint::parse(&std::fs::read(path).unwrap()).unwrap().size(), 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_does_not_wait_until_all_logs_are_signed() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let names: Vec<String> = (0..600).map(|number| format!("tenant-{number}")).collect();
    for name in &names {
        world.append(name, &ended(CallId::new())).await;
    }
    world.fill_a_segment().await;
    let signed = async || {
        let mut signed = 0;
        for name in &names {
            signed += usize::from(world.published(name).await.is_some());
        }
        signed
    };
    while signed().await == 0 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    world.logs.checkpoint(&"busy".parse().unwrap()).await.unwrap();
    let by_then = signed().await;
    assert!(by_then < names.len(), "all were signed first");
    for name in &names {
        world.until_published(name, 1).await;
    }
    world.close().await;
}
