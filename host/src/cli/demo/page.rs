//! A small server on this machine, for the demo to fetch a page from.

use std::net::SocketAddr;

use axum::Router;
use axum::response::Html;
use axum::routing::get;
use tokio::net::TcpListener;

use crate::cli::Result;
use crate::error::Error;

const PAGE: &str = "<!doctype html><html><head><title>Cofferdams</title></head><body>\
    <h1>Cofferdams</h1>\
    <p>A <b>cofferdam</b> is a dry, walled-off chamber built in water, so that work can be done inside it.</p>\
    <ul><li>The wall comes first.</li><li>Then the water goes.</li></ul></body></html>";

/// Serves the page for as long as the runtime lives.
pub(super) async fn serve() -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await.map_err(Error::internal)?;
    let address = listener.local_addr().map_err(Error::internal)?;
    let app = Router::new().route("/cofferdams.html", get(|| async { Html(PAGE) }));
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, app).await {
            tracing::error!(%error, "the demo's page is not served any more");
        }
    });
    Ok(address)
}
