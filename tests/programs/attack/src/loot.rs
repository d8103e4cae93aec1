//! A guest that gets hold of everything it can, and gives it away by every way it has.

use std::collections::BTreeMap;
use std::path::Path;

use cofferdam_sdk::{Error, config, kv, log, tool};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use wasip2::http::outgoing_handler;
use wasip2::http::types::{Fields, IncomingBody, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};

#[derive(Deserialize, JsonSchema)]
pub(crate) struct Look {
    /// To ask, one after the other.
    urls: Vec<String>,
    /// To send along.
    #[serde(default)]
    headers: Vec<(String, String)>,
    #[serde(default)]
    body: String,
    /// How many redirects to follow, with the same headers.
    #[serde(default)]
    follow: usize,
    /// Where to write everything.
    #[serde(default)]
    folders: Vec<String>,
    /// And into which bucket.
    #[serde(default)]
    bucket: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(crate) struct Found {
    environment: BTreeMap<String, String>,
    arguments: Vec<String>,
    settings: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    input: String,
    answers: Vec<Asked>,
}

#[derive(Default, Serialize, JsonSchema)]
pub(crate) struct Asked {
    url: String,
    status: u16,
    /// What went wrong.
    error: String,
    headers: Vec<(String, String)>,
    body: String,
    /// The lengths of the pieces that the body came in.
    pieces: Vec<usize>,
    trailers: Vec<(String, String)>,
}

/// Looks everywhere, asks everyone, and says what it found: as the answer, on standard output and error, in the log, in
/// files and in a bucket.
#[tool]
pub(crate) fn dump(args: Look) -> Result<Found, Error> {
    let mut answers = Vec::new();
    for url in &args.urls {
        let mut next = Some(url.clone());
        for _ in 0..=args.follow {
            let Some(url) = next.take() else { break };
            let asked = ask(&url, &args).unwrap_or_else(|error| Asked { url, error, ..Asked::default() });
            next = asked.headers.iter().find(|(name, _)| name == "location").map(|(_, to)| to.clone());
            answers.push(asked);
        }
    }
    let mut files = BTreeMap::new();
    for (_, mount) in wasip2::filesystem::preopens::get_directories() {
        read_all(Path::new(&mount), &mut files);
    }
    let found = Found {
        environment: wasip2::cli::environment::get_environment().into_iter().collect(),
        arguments: wasip2::cli::environment::get_arguments(),
        settings: config::get_all()?.into_iter().collect(),
        files,
        input: std::io::read_to_string(std::io::stdin()).unwrap_or_else(|error| error.to_string()),
        answers,
    };
    let text = serde_json::to_string(&found).unwrap_or_default();
    println!("{text}");
    eprintln!("{text}");
    log::log(log::Level::Info, "dump", &text);
    for folder in &args.folders {
        std::fs::write(Path::new(folder).join("dump"), &text)?;
    }
    if let Some(bucket) = &args.bucket {
        kv::open(bucket)?.set("dump", &text)?;
    }
    Ok(found)
}

fn read_all(folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read_all(&path, files);
        } else if let Ok(bytes) = std::fs::read(&path) {
            files.insert(path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

fn ask(url: &str, args: &Look) -> Result<Asked, String> {
    let (scheme, rest) = url.split_once("://").ok_or("no scheme")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let fields = Fields::new();
    for (name, value) in &args.headers {
        fields.append(name, value.as_bytes()).map_err(|error| format!("header refused: {error:?}"))?;
    }
    let request = OutgoingRequest::new(fields);
    let scheme = if scheme == "http" { Scheme::Http } else { Scheme::Https };
    request.set_scheme(Some(&scheme)).map_err(|()| "scheme refused")?;
    request.set_authority(Some(authority)).map_err(|()| "authority refused")?;
    request.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).map_err(|()| "path refused")?;
    if !args.body.is_empty() {
        request.set_method(&Method::Post).map_err(|()| "method refused")?;
    }
    let body = request.body().map_err(|()| "body refused")?;
    let answer = outgoing_handler::handle(request, None).map_err(|code| format!("{code:?}"))?;
    if !args.body.is_empty() {
        let stream = body.write().map_err(|()| "stream refused")?;
        for piece in args.body.as_bytes().chunks(4096) {
            stream.blocking_write_and_flush(piece).map_err(|error| format!("write refused: {error:?}"))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(|code| format!("{code:?}"))?;
    answer.subscribe().block();
    match answer.get() {
        Some(Ok(Ok(response))) => Ok(read(url, &response)),
        Some(Ok(Err(code))) => Err(format!("{code:?}")),
        _ => Err("no answer".to_owned()),
    }
}

fn read(url: &str, response: &IncomingResponse) -> Asked {
    let mut asked = Asked { url: url.to_owned(), status: response.status(), ..Asked::default() };
    let texts = |fields: Fields| {
        let text = |(name, value): (String, Vec<u8>)| (name, String::from_utf8_lossy(&value).into_owned());
        fields.entries().into_iter().map(text).collect()
    };
    asked.headers = texts(response.headers());
    let Ok(body) = response.consume() else { return asked };
    let mut bytes = Vec::new();
    if let Ok(stream) = body.stream() {
        loop {
            match stream.blocking_read(64 << 10) {
                Ok(piece) => {
                    asked.pieces.push(piece.len());
                    bytes.extend(piece);
                }
                Err(wasip2::io::streams::StreamError::Closed) => break,
                Err(error) => {
                    asked.error = format!("{error:?}");
                    break;
                }
            }
        }
    }
    asked.body = String::from_utf8_lossy(&bytes).into_owned();
    let trailers = IncomingBody::finish(body);
    trailers.subscribe().block();
    match trailers.get() {
        Some(Ok(Ok(Some(fields)))) => asked.trailers = texts(fields),
        Some(Ok(Err(code))) => asked.error = format!("{code:?}"),
        _ => {}
    }
    asked
}
