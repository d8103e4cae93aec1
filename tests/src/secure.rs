//! A server that speaks TLS, by HTTP/1.1 and HTTP/2, and says back everything that it is told, in every form.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::stream;
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue, LOCATION};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_rustls::TlsAcceptor;

use crate::upstream::Seen;

/// Where it is, who is to be trusted for it, and what it was asked.
#[derive(Debug, Clone)]
pub struct Secure {
    /// On 127.0.0.1.
    pub address: SocketAddr,
    /// The authority that signed its certificate, PEM; for `serve --egress-roots`.
    pub roots: PathBuf,
    seen: Arc<Mutex<Vec<(Seen, Version)>>>,
}

type Said = Response<StreamBody<stream::Iter<std::vec::IntoIter<Result<Frame<Bytes>, Infallible>>>>>;

impl Secure {
    /// The one of this process.
    pub async fn shared() -> Self {
        static SHARED: OnceCell<Secure> = OnceCell::const_new();
        SHARED.get_or_init(Self::start).await.clone()
    }

    async fn start() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];

        let roots = tempfile::Builder::new().prefix("cofferdam-roots-").suffix(".pem").tempfile().unwrap();
        std::fs::write(roots.path(), pem(authority.der())).unwrap();
        let (_, roots) = roots.keep().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let secure = Self { address: listener.local_addr().unwrap(), roots, seen: Arc::default() };
        tokio::spawn(secure.clone().serve(listener, TlsAcceptor::from(Arc::new(config))));
        secure
    }

    async fn serve(self, listener: TcpListener, acceptor: TlsAcceptor) {
        loop {
            let Ok((stream, _)) = listener.accept().await else { continue };
            let (acceptor, this) = (acceptor.clone(), self.clone());
            tokio::spawn(async move {
                let Ok(stream) = acceptor.accept(stream).await else { return };
                let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                let answer = service_fn(move |request| {
                    let this = this.clone();
                    async move { Ok::<_, Infallible>(this.answer(request).await) }
                });
                let io = TokioIo::new(stream);
                // Who leaves half-way leaves.
                if is_http2 {
                    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                        .serve_connection(io, answer)
                        .await;
                } else {
                    let _ = hyper::server::conn::http1::Builder::new().serve_connection(io, answer).await;
                }
            });
        }
    }

    /// `/{who}/echo` says everything back; `/{who}/drip` the same in pieces of three bytes; `/{who}/status/{n}` with
    /// another status; `/{who}/to/{host}` as a redirect to there.
    async fn answer(&self, request: Request<Incoming>) -> Said {
        let (parts, body) = request.into_parts();
        let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        let path = parts.uri.path_and_query().map_or_else(String::new, ToString::to_string);
        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
            .collect();
        let seen = Seen::new(parts.method.to_string(), path.clone(), headers, &body);
        let said = said(&seen, &body);
        let mut fields = HeaderMap::new();
        for (name, value) in seen.headers.iter().chain([&("target".to_owned(), path.clone())]) {
            let (Ok(name), Ok(value)) = (format!("x-echo-{name}").parse::<HeaderName>(), value.parse::<HeaderValue>())
            else {
                continue;
            };
            fields.append(name, value);
        }
        self.seen.lock().unwrap().push((seen.clone(), parts.version));
        let rest: Vec<&str> = parts.uri.path().splitn(4, '/').skip(2).collect();
        let (mut status, mut piece) = (StatusCode::OK, said.len().max(1));
        let mut response_fields = HeaderMap::new();
        match rest.as_slice() {
            ["drip", ..] => piece = 3,
            ["status", number] => status = number.parse().unwrap_or(StatusCode::IM_A_TEAPOT),
            ["to", host] => {
                status = StatusCode::FOUND;
                let authorization = parts.headers.get("authorization").and_then(|value| value.to_str().ok());
                let stolen = authorization.unwrap_or_default().replace(' ', "+");
                let location = format!("https://{host}/?stolen={stolen}");
                response_fields.insert(LOCATION, location.parse().unwrap());
            }
            _ => {}
        }
        response_fields.extend(fields.clone());
        let mut frames: Vec<_> =
            said.as_bytes().chunks(piece).map(|piece| Ok(Frame::data(Bytes::copy_from_slice(piece)))).collect();
        frames.push(Ok(Frame::trailers(fields)));
        let mut response = Response::new(StreamBody::new(stream::iter(frames)));
        *response.status_mut() = status;
        *response.headers_mut() = response_fields;
        response
    }

    /// The URL of a path here, on behalf of `who`.
    pub fn url(&self, who: &str, path: &str) -> String {
        format!("https://{}/{who}{path}", self.address)
    }

    /// What it was asked so far on behalf of `who`, and by which version of HTTP.
    ///
    /// # Panics
    ///
    /// When a handler panicked.
    pub fn seen(&self, who: &str) -> Vec<(Seen, Version)> {
        let begins = format!("/{who}/");
        self.seen.lock().unwrap().iter().filter(|(seen, _)| seen.path.starts_with(&begins)).cloned().collect()
    }

    /// A tenant's policy grant for `tools` to ask this server anything, with further keys of the rule.
    pub fn grant(&self, tools: &str, keys: &str) -> String {
        let port = self.address.port();
        format!(
            "[[grant]]\ntools = [\"{tools}\"]\nhttp = [{{ host = \"127.0.0.1\", port = {port}, methods = [\"*\"]{keys} }}]\n"
        )
    }
}

/// What it was told, as it is and in the forms that servers give back.
fn said(seen: &Seen, body: &[u8]) -> String {
    let mut plain = format!("{} {}\n", seen.method, seen.path);
    for (name, value) in &seen.headers {
        writeln!(plain, "{name}: {value}").unwrap();
    }
    let hex: String = plain.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    let headers: serde_json::Value =
        seen.headers.iter().cloned().collect::<std::collections::BTreeMap<_, _>>().into_iter().collect();
    let (base64, shifted) = (STANDARD.encode(&plain), STANDARD.encode(format!("-{plain}")));
    format!("{plain}\n{headers}\n{base64}\n{shifted}\n{hex}\n{}", String::from_utf8_lossy(body))
}

fn pem(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|line| str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
