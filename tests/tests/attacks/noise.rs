//! Everything at once, by one tenant, while another one's calls are measured.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cofferdam::Code;
use cofferdam_tests::{Tenant, eventually, run, shared};
use serde_json::{Value, json};

/// How long it goes on.
const TIME: Duration = Duration::from_secs(8);
/// How many attack at once.
const CROWD: usize = 12;
/// What 99 of 100 calls of the other tenant take at most, in a build that is not optimised, on a machine that does other things.
const P99_MAX: Duration = Duration::from_secs(2);

/// Calls the catalogue's `noop` until `over`, and gives how long each took, sorted.
async fn measured(tenant: &Tenant, over: impl Fn() -> bool) -> Vec<Duration> {
    let mut took = Vec::new();
    while !over() || took.len() < 20 {
        let began = Instant::now();
        let answer = tenant.agent.call("catalogue/noop", json!({})).await;
        took.push(began.elapsed());
        assert_eq!(answer.status, 200, "{answer:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    took.sort_unstable();
    took
}

fn p99(sorted: &[Duration]) -> Duration {
    sorted[(sorted.len() * 99).div_ceil(100) - 1]
}

/// Spins, bombs, floods, reaches and asks where it may not, by the dozen: the other tenant's p99 stays below two seconds, and
/// each of these calls is in the record with its own end.
#[test]
fn hostile_noise_of_everything_at_once() {
    run(async {
        let server = shared().await;
        let (noisy, bystander) = (server.tenant("noisy").await, server.tenant("quiet").await);
        noisy
            .policy(&format!(
                "[limits]\nfuel = 20_000_000_000\ndeadline = \"1s\"\nmemory_bytes = \"64MiB\"\nlog_bytes = 10_000\n{}\
                 kv = [{{ bucket = \"b\", access = \"read-write\", keys_max = 10 }}]\n\
                 files = [{{ volume = \"v\", mount = \"/v\", access = \"read-write\", bytes_max = 10_000 }}]\nlog = \"trace\"\n",
                server.upstream.grant("catalogue/*")
            ))
            .await;
        let stall = server.upstream.url(&noisy.name, "/stall");
        let attacks: Vec<(&str, Value)> = vec![
            ("limits.spin", json!({})),
            ("limits.spin-host", json!({})),
            ("limits.grow", json!({"pages": 60_000, "or_break": true})),
            ("limits.recurse", json!({})),
            ("limits.hold", json!({"what": "fields", "count": 1_000_000})),
            ("limits.random", json!({"bytes": 4_000_000_000_u32})),
            ("limits.log", json!({"lines": 10_000, "bytes": 1_000})),
            ("limits.print", json!({"lines": 10_000, "bytes": 1_000})),
            ("limits.result", json!({"bytes": 50_000_000, "shape": "text"})),
            ("limits.sleep", json!({"milliseconds": 60_000})),
            ("limits.kv-set", json!({"bucket": "b", "count": 1_000, "key": "k", "value_bytes": 10_000})),
            ("limits.file-write", json!({"path": "/v/f", "count": 100, "bytes": 1_000})),
            ("limits.http", json!({"url": stall})),
            ("limits.http", json!({"url": "http://169.254.169.254/"})),
            ("attack.header-flood", json!({"count": 100_000, "bytes": 1_000})),
            ("attack.break-down", json!({"how": "out-of-bounds"})),
            ("attack.lift", json!({"at": 0, "length": 2_u64 << 30})),
            (
                "attack.reach",
                json!({"mount": "/v", "way": "read", "path": "../../../etc/passwd", "to_mount": "", "to": "", "follow": true}),
            ),
        ];
        let calm = measured(&bystander, || true).await;
        let over = AtomicBool::new(false);
        let end = Instant::now() + TIME;
        let crowd = futures::future::join_all((0..CROWD).map(|first| {
            let (noisy, attacks) = (&noisy, &attacks);
            async move {
                let mut made = Vec::new();
                for (tool, arguments) in attacks.iter().cycle().skip(first * 7) {
                    let answer = noisy.agent.call(&format!("catalogue/{tool}"), arguments.clone()).await;
                    assert_ne!(answer.code(), Some(Code::Internal), "{tool}: {answer:?}");
                    made.push((*tool, answer));
                    if Instant::now() >= end {
                        return made;
                    }
                }
                made
            }
        }));
        let attacking = async {
            let made = crowd.await;
            over.store(true, Ordering::Relaxed);
            made
        };
        let (made, loud) = futures::join!(attacking, measured(&bystander, || over.load(Ordering::Relaxed)));
        let (calm, loud) = (p99(&calm), p99(&loud));
        println!("p99 of another tenant's calls: {calm:?} in quiet, {loud:?} beside {CROWD} that attack");
        assert!(loud < P99_MAX, "{loud:?} where it was {calm:?}");
        // Each attack came to its own end, and the record has it.
        let tried: std::collections::BTreeSet<&str> = made.iter().flatten().map(|(tool, _)| *tool).collect();
        assert!(tried.len() >= 10, "{tried:?}");
        let decided = eventually("every call's end in the record", async || {
            let log = noisy.log(0).await;
            let count = |kind: &str| log.iter().filter(|entry| entry["kind"] == kind).count();
            (count("call.decided") == count("call.ended")).then(|| count("call.decided"))
        })
        .await;
        assert!(decided >= CROWD, "{decided}");
    });
}
