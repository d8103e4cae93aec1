//! Requests to models: how many, of how many tokens, for how much.

use cofferdam::money::Money;
use cofferdam_tests::{Options, Provider, Server};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use crate::stand::Stand;

const GRANTS: &str = "model = [\"chat\"]\n\
                      [[model]]\nname = \"chat\"\nchoices = [{ provider = \"here\", model = \"small\", max_complexity = \"high\" }]";

/// A tenant of a host of its own, which has a provider.
async fn stand(stem: &str) -> Stand {
    static HOST: OnceCell<(Server, Provider)> = OnceCell::const_new();
    let (server, _) = HOST
        .get_or_init(async || {
            let provider = Provider::start().await;
            let ceiling = Some(format!(
                r#"
                [egress]
                private_addresses = ["127.0.0.1/32"]
                [[provider]]
                name = "here"
                protocol = "openai"
                url = "http://{}/a/v1"
                models = [{{ name = "small", input_price = "0.10 USD", output_price = "0.40 USD", context_tokens = 8_000 }}]
                [[grant]]
                tools = ["catalogue/*"]
                model = true
                "#,
                provider.address
            ));
            let server = Server::start(Options { ceiling, ..Options::default() }).await;
            server.publish(&["noop", "models"]).await;
            (server, provider)
        })
        .await;
    Stand::at(server, stem, GRANTS).await
}

fn ask(times: u64) -> Value {
    json!({"route": "chat", "text": "How deep?", "max_tokens": 100, "times": times})
}

/// One that no choice takes counts, too; one past the limit does not get so far.
pub(crate) async fn requests() {
    let stand = stand("model-requests").await;
    stand.limit("model_requests = 2").await;
    assert_eq!(stand.holds("catalogue/models.chat", ask(2)).await["model_requests"], 2);
    let body = stand.is_told("catalogue/models.chat", ask(3), "limits.model_requests is 2").await;
    assert_eq!(body["usage"]["model_requests"], 2, "{body}");
}

/// What a request may come to at most has to fit.
pub(crate) async fn tokens() {
    let stand = stand("model-tokens").await;
    stand.limit("model_tokens = 1").await;
    let refused = stand.is_told("catalogue/models.chat", ask(1), " tokens, and 1 are left").await;
    let most: u64 = wanted(&refused, " tokens, and ").replace(',', "").parse().unwrap();
    assert!(most > 100, "{most}");
    stand.limit(&format!("model_tokens = {most}")).await;
    let usage = stand.holds("catalogue/models.chat", ask(1)).await;
    assert_eq!(usage["model_requests"], 1, "{usage}");
    stand.limit(&format!("model_tokens = {}", most - 1)).await;
    let body = stand.is_told("catalogue/models.chat", ask(1), " are left").await;
    assert_eq!(body["usage"]["model_input_tokens"], 0, "{body}");
}

/// To the billionth of a dollar.
pub(crate) async fn cost() {
    let stand = stand("model-cost").await;
    stand.limit("model_cost = \"0.000000001 USD\"").await;
    let refused = stand.is_told("catalogue/models.chat", ask(1), ", and 0.000000001 USD is left").await;
    let most: Money = wanted(&refused, ", and ").parse().unwrap();
    stand.limit(&format!("model_cost = \"{most}\"")).await;
    let usage = stand.holds("catalogue/models.chat", ask(1)).await;
    assert_eq!(usage["model_requests"], 1, "{usage}");
    let less = Money::billionths(most.as_billionths() - 1);
    stand.limit(&format!("model_cost = \"{less}\"")).await;
    let body = stand.is_told("catalogue/models.chat", ask(1), &format!("{less} is left")).await;
    assert_eq!(body["usage"]["model_input_tokens"], 0, "{body}");
}

/// What the refusal says that the request may come to: between `up to` and `end`.
fn wanted(refused: &Value, end: &str) -> String {
    let text = refused["content"].to_string();
    let (_, rest) = text.split_once("up to ").unwrap();
    rest.split_once(end).unwrap().0.to_owned()
}
