//! What everything is measured beside: a bare axum handler with JSON in and out, in a process of its own.

use axum::routing::post;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};

/// The argument that makes this program the bare server.
pub(crate) const SUBCOMMAND: &str = "serve-bare";

#[derive(Debug, Deserialize)]
struct Asked {
    tool: String,
    arguments: serde_json::Map<String, serde_json::Value>,
}

#[derive(Debug, Serialize)]
struct Answered {
    tool: String,
    arguments: usize,
    content: Vec<&'static str>,
}

async fn answer(Json(asked): Json<Asked>) -> Json<Answered> {
    Json(Answered { tool: asked.tool, arguments: asked.arguments.len(), content: vec!["ok"] })
}

/// Serves until it is killed; the first line on standard output is where.
pub(crate) fn serve() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap());
        let app = Router::new().route("/v1/calls", post(answer));
        axum::serve(axum::serve::ListenerExt::tap_io(listener, |stream| stream.set_nodelay(true).unwrap()), app)
            .await
            .unwrap();
    });
}
