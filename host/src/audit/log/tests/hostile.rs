//! What others can do to the logs: many that read at once, and witnesses that sign what they like.

use super::*;
use cofferdam_auditor::cosign::CosigningKey;

/// Each reader holds a thread and waits on it for files that are read on another: were there more than threads, none
/// would get on, and the integrator neither.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn however_many_read_at_once_none_waits_for_ever() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let calls = world.calls("acme", 200).await;
    let reading = async {
        let readers = (0..1_500).map(|_| world.find("acme", calls[0]));
        for found in futures::future::join_all(readers).await {
            assert_eq!(found, ["call.decided", "call.ended"]);
        }
    };
    tokio::time::timeout(Duration::from_secs(120), reading).await.expect("readers wait for each other");
    world.logs.checkpoint(&"acme".parse().unwrap()).await.unwrap();
    assert!(world.indexes("globex", 0).await.is_empty());
    assert_eq!(world.logs.0.readers.tenants(), 1, "a tenant is kept in mind that does not read any more");
    world.close().await;
}

/// A tenant's readers leave room for others'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_tenant_does_not_take_all_leave_to_read() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let (go, wait) = mpsc::channel::<()>();
    let wait = Arc::new(Mutex::new(wait));
    let held: Vec<_> = (0..100)
        .map(|_| {
            let (logs, wait) = (world.logs.clone(), Arc::clone(&wait));
            tokio::spawn(async move {
                let acme = "acme".parse().unwrap();
                let read = move |_: &LogReader| {
                    // Until nobody sends any more.
                    let _ = wait.lock().recv();
                    Ok(())
                };
                logs.reading(&acme, read).await.unwrap();
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    let others = tokio::time::timeout(Duration::from_secs(60), world.indexes("globex", 0));
    assert!(others.await.expect("another tenant waits for acme's readers").is_empty());
    drop(go);
    for task in held {
        task.await.unwrap();
    }
    world.close().await;
}

/// More lines than a note may have would make a checkpoint that no start reads, which is a fork.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lines_that_witnesses_send_never_make_a_checkpoint_that_cannot_be_read() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::open(dir.path()).await;
    let acme: TenantId = "acme".parse().unwrap();
    world.calls("acme", 1).await;
    let checkpoint = world.logs.checkpoint(&acme).await.unwrap();
    let line = |number: u8| {
        let key = CosigningKey::from_seed(&format!("witness.example/{number}"), &[number; 32]).unwrap();
        key.cosign(&checkpoint, 1_700_000_000)
    };
    let cosigned = |lines: String| {
        let asks = world.logs.0.asks.lock();
        asks.as_ref().unwrap().send(Ask::Cosigned(acme.clone(), checkpoint.clone(), lines)).unwrap();
    };
    cosigned(line(1));
    cosigned((0..150).map(line).collect());
    let published = world.logs.checkpoint(&acme).await.unwrap();
    assert_eq!(published.signature_lines().lines().count(), 2, "{published}");
    world.crash().await;
    let world = World::open(dir.path()).await;
    assert_eq!(world.logs.checkpoint(&acme).await.unwrap(), published);
    world.logs.health().unwrap();
    world.close().await;
}
