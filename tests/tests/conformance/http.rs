//! Requests that leave for the network.

use std::time::{Duration, Instant};

use cofferdam_tests::Upstream;
use serde_json::{Value, json};

use crate::stand::Stand;

const TOOL: &str = "catalogue/limits.http";

/// A tenant that may ask the test's server.
async fn stand(stem: &str) -> Stand {
    let port = Upstream::shared().await.address.port();
    let rule = format!("http = [{{ host = \"127.0.0.1\", scheme = \"http\", port = {port}, methods = [\"*\"] }}]");
    Stand::granting(stem, &rule).await
}

impl Stand {
    fn url(&self, path: &str) -> String {
        self.server.upstream.url(&self.tenant.name, path)
    }

    fn asked(&self) -> usize {
        self.server.upstream.seen(&self.tenant.name).len()
    }

    /// A call all of whose requests are answered; gives what came of them, and the usage.
    async fn answered(&self, arguments: Value) -> (Value, Value) {
        let body = self.beside(self.call(TOOL, arguments)).await.ok();
        let asked = body["content"][0]["json"].clone();
        assert_eq!(asked["error"], Value::Null, "{body}");
        (asked, body["usage"].clone())
    }

    /// A call whose last request is not answered, for a reason that the guest is told; gives what came of it.
    async fn unanswered(&self, arguments: Value) -> (Value, Value) {
        let body = self.is_told(TOOL, arguments, "error").await;
        let asked = body["content"][0]["json"].clone();
        assert!(asked["error"].is_string(), "{body}");
        assert_eq!(asked["denied"], false, "{body}");
        (asked, body["usage"].clone())
    }
}

pub(crate) async fn requests() {
    let stand = stand("requests").await;
    stand.limit("http_requests = 5").await;
    let (_, usage) = stand.answered(json!({"url": stand.url("/"), "times": 5})).await;
    assert_eq!((usage["http_requests"].as_u64(), stand.asked()), (Some(5), 5));
    let (asked, usage) = stand.unanswered(json!({"url": stand.url("/"), "times": 6})).await;
    assert_eq!((asked["answered"].as_u64(), usage["http_requests"].as_u64()), (Some(5), Some(5)));
    assert_eq!(stand.asked(), 10);
}

pub(crate) async fn sent_bytes() {
    let stand = stand("sent").await;
    stand.limit("http_sent_bytes = 100_000").await;
    let post =
        |bytes: u32, times: u32| json!({"url": stand.url("/"), "method": "POST", "body_bytes": bytes, "times": times});
    let (_, usage) = stand.answered(post(100_000, 1)).await;
    assert_eq!(usage["http_sent_bytes"], 100_000);
    assert_eq!(stand.server.upstream.seen(&stand.tenant.name)[0].body_bytes, 100_000);
    let (asked, usage) = stand.unanswered(post(100_001, 1)).await;
    assert_eq!(asked["answered"], 0);
    assert!(usage["http_sent_bytes"].as_u64().unwrap() <= 100_000);
    // It is the call's, not the request's.
    stand.limit("http_sent_bytes = 100_000").await;
    let (asked, _) = stand.unanswered(post(40_000, 3)).await;
    assert_eq!(asked["answered"], 2);
}

pub(crate) async fn received_bytes() {
    let stand = stand("received").await;
    // Told beforehand, or not.
    for way in ["bytes", "stream"] {
        stand.limit("http_received_bytes = 200_000").await;
        let (asked, usage) = stand.answered(json!({"url": stand.url(&format!("/{way}/200000"))})).await;
        assert_eq!((&asked["bytes"], &usage["http_received_bytes"]), (&json!(200_000), &json!(200_000)));
        let (asked, usage) = stand.unanswered(json!({"url": stand.url(&format!("/{way}/200001"))})).await;
        assert_eq!(asked["answered"], 0);
        assert!(usage["http_received_bytes"].as_u64().unwrap() <= 200_000);
        stand.limit("http_received_bytes = 200_000").await;
        let (asked, _) = stand.unanswered(json!({"url": stand.url(&format!("/{way}/80000")), "times": 3})).await;
        assert_eq!(asked["answered"], 2);
    }
}

pub(crate) async fn header_bytes() {
    let stand = stand("headers").await;
    // Other headers count as well: how much room they leave is found out, and then one byte is too many.
    let find = async |ask: &dyn Fn(u64) -> Value| {
        let (mut fits, mut not) = (1_u64, 4_000_u64);
        while not - fits > 1 {
            let middle = fits.midpoint(not);
            stand.limit("http_header_bytes = 2000").await;
            let asked = stand.call(TOOL, ask(middle)).await.json();
            if asked["error"].is_null() { fits = middle } else { not = middle }
        }
        stand.limit("http_header_bytes = 2000").await;
        stand.answered(ask(fits)).await;
        stand.unanswered(ask(not)).await;
        fits
    };
    let sent = find(&|bytes| json!({"url": stand.url("/"), "header_bytes": bytes})).await;
    let received = find(&|bytes| json!({"url": stand.url(&format!("/headers/{bytes}"))})).await;
    for fits in [sent, received] {
        assert!((1_000..=2_000).contains(&fits), "{fits}");
    }
}

pub(crate) async fn timeout() {
    let stand = stand("timeout").await;
    stand.limit("http_timeout = \"20s\"\ndeadline = \"50s\"").await;
    stand.answered(json!({"url": stand.url("/slow/300")})).await;
    stand.limit("http_timeout = \"300ms\"\ndeadline = \"50s\"").await;
    let began = Instant::now();
    stand.unanswered(json!({"url": stand.url("/slow/60000")})).await;
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    // A guest can wait less, not more.
    stand.limit("http_timeout = \"300ms\"\ndeadline = \"50s\"").await;
    stand.unanswered(json!({"url": stand.url("/slow/60000"), "timeout_ms": 50_000})).await;
}
