//! Static files over HTTP, as a host serves a log, with a bearer token.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What is served, and what was asked for.
#[derive(Debug, Clone)]
pub(crate) struct Server {
    pub(crate) url: String,
    pub(crate) files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    pub(crate) asked: Arc<Mutex<Vec<String>>>,
    /// Requests that are answered with 503 before the rest are answered.
    pub(crate) busy: Arc<Mutex<u32>>,
}

impl Server {
    /// Serves until the process ends.
    pub(crate) fn start(files: BTreeMap<String, Vec<u8>>, token: Option<&str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            url: format!("http://{}/v1/log", listener.local_addr().unwrap()),
            files: Arc::new(Mutex::new(files)),
            asked: Arc::default(),
            busy: Arc::default(),
        };
        let wanted = token.map(|token| format!("authorization: bearer {token}"));
        let serving = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serving, wanted) = (serving.clone(), wanted.clone());
                thread::spawn(move || serving.serve(&stream, wanted.as_deref()));
            }
        });
        server
    }

    fn serve(&self, stream: &TcpStream, wanted: Option<&str>) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        while let Some(request) = lines.next() {
            let headers: Vec<_> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            let is_allowed =
                wanted.is_none_or(|wanted| headers.iter().any(|header| header.eq_ignore_ascii_case(wanted)));
            let path = request.split(' ').nth(1).unwrap_or_default().trim_start_matches("/v1/log/").to_owned();
            self.asked.lock().unwrap().push(path.clone());
            let is_busy = {
                let mut busy = self.busy.lock().unwrap();
                let is_busy = *busy > 0;
                *busy = busy.saturating_sub(1);
                is_busy
            };
            let (status, body) = match self.files.lock().unwrap().get(&path) {
                _ if is_busy => ("503 Service Unavailable", Vec::new()),
                _ if !is_allowed => ("401 Unauthorized", Vec::new()),
                _ if path == "moved/checkpoint" => ("302 Found", Vec::new()),
                Some(body) => ("200 OK", body.clone()),
                None => ("404 Not Found", Vec::new()),
            };
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", body.len());
            let mut stream = stream;
            if stream.write_all(&[head.as_bytes(), &body].concat()).is_err() {
                return;
            }
        }
    }
}
