//! Origins, names and calls for the tests.

use std::collections::HashMap;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty, Full};
use parking_lot::Mutex;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;

use super::super::broker::Resolve;
use super::*;
use crate::capability::effects::tests::{Record, recorded};
use crate::capability::effects::{Flow, Witness};
use crate::capability::tape::Tape;
use crate::policy::{Credential, EgressQuotas, Grant, HttpGrant, HttpRule};

/// What an origin does with a connection, once it has read a request's head.
#[derive(Debug, Clone)]
pub(super) enum Answer {
    /// Sends these bytes and closes.
    Bytes(Vec<u8>),
    /// Reads a body of so many bytes first.
    AfterBody(usize, Vec<u8>),
    /// Sends these bytes and then nothing more, until the peer closes.
    Stall(Vec<u8>),
    /// Closes at once.
    Close,
    /// Sends back all that it was asked, in a field of the head as well.
    Echo,
}

impl Answer {
    pub(super) fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    /// A plain response with this body.
    pub(super) fn ok(body: &[u8]) -> Self {
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
        Self::Bytes([head.as_bytes(), body].concat())
    }
}

/// A server on this machine that remembers everything.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    pub(super) seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) connections: AtomicUsize,
    /// Those that the peer, or the origin, has closed.
    pub(super) closed: AtomicUsize,
    pub(super) requests: Mutex<Vec<String>>,
    pub(super) changed: Notify,
}

impl Seen {
    pub(super) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    /// The only request that there was.
    pub(super) fn request(&self) -> String {
        let requests = self.requests.lock();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests[0].clone()
    }

    /// Waits until `count` connections are closed.
    pub(super) async fn closed(&self, count: usize) {
        let waited = async {
            while self.closed.load(Ordering::SeqCst) < count {
                self.changed.notified().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), waited).await.expect("a connection stays open");
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Origin {
    pub(super) async fn start(answer: Answer) -> Self {
        Self::start_at("127.0.0.1:0", answer, None).await
    }

    pub(super) async fn start_at(address: &str, answer: Answer, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind(address).await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen = Arc::new(Seen::default());
        let remembered = Arc::clone(&seen);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                remembered.connections.fetch_add(1, Ordering::SeqCst);
                let (seen, answer, tls) = (Arc::clone(&remembered), answer.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, answer, &seen).await;
                            }
                        }
                        None => serve(stream, answer, &seen).await,
                    }
                    seen.closed.fetch_add(1, Ordering::SeqCst);
                    seen.changed.notify_waiters();
                    seen.changed.notify_one();
                });
            }
        });
        Self { address, seen, task }
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }
}

async fn serve(mut stream: impl AsyncRead + AsyncWrite + Unpin, answer: Answer, seen: &Seen) {
    let mut read = Vec::new();
    let head = loop {
        if let Some(end) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            break end + 4;
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => return,
            Ok(count) => read.extend_from_slice(&bytes[..count]),
        }
    };
    let body = if let Answer::AfterBody(bytes, _) = answer { bytes } else { 0 };
    while read.len() < head + body {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes).await {
            Ok(0) | Err(_) => break,
            Ok(count) => read.extend_from_slice(&bytes[..count]),
        }
    }
    seen.requests.lock().push(String::from_utf8_lossy(&read).into_owned());
    seen.changed.notify_one();
    match answer {
        Answer::Close => {}
        Answer::Echo => {
            let asked = String::from_utf8_lossy(&read).replace("\r\n", " ");
            let head = format!("HTTP/1.1 200 OK\r\nx-echo: {asked}\r\ncontent-length: {}\r\n\r\n", read.len());
            let _ = stream.write_all(&[head.as_bytes(), &read].concat()).await;
            let _ = stream.shutdown().await;
        }
        Answer::Bytes(bytes) | Answer::AfterBody(_, bytes) => {
            // The peer may have had enough before.
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Answer::Stall(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.flush().await;
            let _ = stream.read_to_end(&mut Vec::new()).await;
        }
    }
}

/// A certificate authority of a test's own.
pub(super) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(super) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub(super) fn root(&self) -> CertificateDer<'static> {
        self.0.der().clone()
    }

    /// What a server needs to be `name`.
    pub(super) fn acceptor(&self, name: &str) -> TlsAcceptor {
        self.acceptor_for(name, &[])
    }

    /// The same for these protocols.
    pub(super) fn acceptor_for(&self, name: &str, protocols: &[&[u8]]) -> TlsAcceptor {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.0).unwrap();
        let key = PrivatePkcs8KeyDer::from(key.serialize_der());
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key.into())
            .unwrap();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Names whose answers are written down: the first is given once, the last for ever.
#[derive(Debug, Clone, Default)]
pub(super) struct Names(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: HashMap<String, Vec<Vec<IpAddr>>>,
    asked: Vec<String>,
}

impl Names {
    pub(super) fn add(&self, name: &str, answers: &[&[&str]]) {
        let parsed = |answer: &&[&str]| answer.iter().map(|address| address.parse().unwrap()).collect();
        self.0.lock().answers.insert(name.to_owned(), answers.iter().map(parsed).collect());
    }

    pub(super) fn asked(&self) -> Vec<String> {
        self.0.lock().asked.clone()
    }
}

impl Resolve for Names {
    fn resolve(&self, name: &str) -> BoxFuture<'static, std::io::Result<Vec<IpAddr>>> {
        let mut script = self.0.lock();
        script.asked.push(name.to_owned());
        let answer = match script.answers.get_mut(name) {
            Some(answers) if answers.len() > 1 => Some(answers.remove(0)),
            Some(answers) => answers.first().cloned(),
            None => None,
        };
        match answer {
            Some(addresses) => Box::pin(async { Ok(addresses) }),
            None if name.starts_with("hangs.") => Box::pin(std::future::pending()),
            None => Box::pin(async { Err(std::io::Error::other("no such name")) }),
        }
    }
}

/// A host with a broker, and what its calls may do.
pub(super) struct World {
    pub(super) names: Names,
    pub(super) broker: Broker,
    pub(super) limits: CallLimits,
    pub(super) private: Vec<ipnet::IpNet>,
    rules: Vec<HttpRule>,
    quotas: EgressQuotas,
}

impl World {
    /// Everything is allowed by `rules`; `127.0.0.1` stands for the public internet.
    pub(super) fn new(rules: &[&str]) -> Self {
        Self::with(rules, &BrokerSettings::default())
    }

    pub(super) fn with(rules: &[&str], settings: &BrokerSettings) -> Self {
        let names = Names::default();
        let broker = Broker::with_resolver(settings, Box::new(names.clone())).unwrap();
        let rules = rules.iter().map(|rule| HttpRule::for_test(rule)).collect();
        let private = vec!["127.0.0.1/32".parse().unwrap()];
        // A test that hangs for longer than this has found something.
        let limits = CallLimits { http_timeout: Duration::from_secs(5), ..CallLimits::default() };
        Self { names, broker, limits, rules, private, quotas: EgressQuotas::default() }
    }

    /// Requests of the first rule leave with this.
    pub(super) fn with_credential(mut self, credential: Credential) -> Self {
        let rule = self.rules.remove(0);
        self.rules.insert(0, rule.with_credential_for_test(credential));
        self
    }

    pub(super) fn with_quotas(self, quotas: EgressQuotas) -> Self {
        Self { quotas, ..self }
    }

    pub(super) fn without_exceptions(mut self) -> Self {
        self.private.clear();
        self
    }

    pub(super) fn call(&self) -> Call {
        self.call_of("acme")
    }

    pub(super) fn call_of(&self, tenant: &str) -> Call {
        let (record, effects) = recorded();
        self.call_with(tenant, record, effects)
    }

    /// A call under these rules of flow.
    pub(super) fn call_under(&self, rules: Arc<dyn Flow>) -> Call {
        let record = Arc::new(Record::default());
        let effects = Effects::new(Arc::clone(&record) as Arc<dyn Witness>).under(Some(rules));
        self.call_with("acme", record, Arc::new(effects))
    }

    fn call_with(&self, tenant: &str, record: Arc<Record>, effects: Arc<Effects>) -> Call {
        let grant = HttpGrant::for_test(self.rules.clone(), self.rules.clone(), self.private.clone());
        let grant = grant.with_quotas(self.quotas);
        let grants = Arc::new(Grants { http: Some(Grant::for_test(grant)), ..Grants::none() });
        let tenant = tenant.parse().unwrap();
        let http = HttpCall::new(Some(&self.broker), &grants, &self.limits, &tenant, Arc::clone(&effects));
        Call { record, effects, http }
    }

    /// A call with a tape; in a replay there is no network.
    pub(super) fn call_on(&self, tape: &Arc<Tape>) -> Call {
        let mut call = self.call();
        call.http.broker.take_if(|_| tape.is_replay());
        call.http = call.http.on(Some(tape));
        call
    }
}

/// One call, and what is recorded of it.
pub(super) struct Call {
    pub(super) record: Arc<Record>,
    pub(super) effects: Arc<Effects>,
    pub(super) http: HttpCall,
}

impl Call {
    /// Sends a request without a body and reads the whole response.
    pub(super) async fn get(&mut self, url: &str) -> Result<(u16, Bytes), Fault> {
        self.fetch(request("GET", url)).await
    }

    pub(super) async fn fetch(&mut self, request: Request<GuestBody>) -> Result<(u16, Bytes), Fault> {
        let response = self.http.send(request, Patience::default()).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// The same, for when there is time.
    pub(super) fn get_later(&mut self, url: &str) -> impl Future<Output = Result<(), Fault>> + use<> {
        let sending = self.http.send(request("GET", url), Patience::default());
        async move { sending.await.map(drop) }
    }

    /// The rules of the denials so far.
    pub(super) fn denials(&self) -> Vec<String> {
        self.record.denied.lock().iter().map(|denied| denied.rule.clone()).collect()
    }
}

pub(super) fn request(method: &str, url: &str) -> Request<GuestBody> {
    let body = Empty::new().map_err(|never| match never {}).boxed_unsync();
    Request::builder().method(method).uri(url).body(body).unwrap()
}

/// A request with this body, whose length it says.
pub(super) fn post(url: &str, body: &[u8]) -> Request<GuestBody> {
    let body = Full::new(Bytes::copy_from_slice(body)).map_err(|never| match never {}).boxed_unsync();
    Request::builder().method("POST").uri(url).body(body).unwrap()
}

/// A request whose body comes in these pieces, and whose length nobody says.
pub(super) fn stream(url: &str, pieces: &[&[u8]]) -> Request<GuestBody> {
    let pieces: Vec<_> = pieces.iter().map(|piece| Ok(http_body::Frame::data(Bytes::copy_from_slice(piece)))).collect();
    let body = http_body_util::StreamBody::new(futures::stream::iter(pieces)).boxed_unsync();
    Request::builder().method("POST").uri(url).body(body).unwrap()
}
