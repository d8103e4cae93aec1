use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::error::Code;

fn tenant(name: &str) -> TenantId {
    name.parse().unwrap()
}

#[test]
fn what_is_large_is_not_begun_on_the_spot() {
    let begun = |bytes| Checks::on_the_spot(bytes, Ok);
    assert_eq!(begun(SMALL_BYTES_MAX).unwrap(), Effort::Small);
    assert!(matches!(begun(SMALL_BYTES_MAX + 1), Err(Unchecked::TooLarge)));
}

#[test]
fn steps_that_were_too_few_on_the_spot_are_a_fault_apart() {
    let say = |max| Error::new(Code::InvalidArguments, format!("more than {max}"));
    assert!(matches!(Effort::Small.spent(say), Unchecked::TooLarge));
    assert!(matches!(Effort::Large.spent(say), Unchecked::Fault(error) if error.to_string().contains("2000000")));
}

/// One tenant's checks wait for each other, also those that nobody waits for any more; another's do not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_checks_of_one_tenant_take_one_turn() {
    let checks = Arc::new(Checks(Desk::new(2)));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let slow = {
        let most = Arc::clone(&most);
        move |_| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            std::thread::sleep(Duration::from_millis(200));
            running.fetch_sub(1, Ordering::SeqCst);
            Ok(())
        }
    };
    let crowd: Vec<_> = (0..4)
        .map(|_| {
            let (checks, slow) = (Arc::clone(&checks), slow.clone());
            tokio::spawn(async move { checks.apart(&tenant("a"), slow).await })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(50)).await;
    crowd[0].abort();
    let b = tenant("b");
    let other = tokio::time::timeout(Duration::from_millis(150), checks.apart(&b, Ok)).await;
    assert_eq!(other.expect("another's turn").unwrap(), Effort::Large);
    for check in crowd {
        let _ = check.await;
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}
