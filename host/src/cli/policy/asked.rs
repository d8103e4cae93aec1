//! A use of a grant, as people ask about it: `GET https://example.com/`, `kv:notes:write`, `files:/work/a.txt`,
//! `clock`, `model:answers`.

use crate::policy::{Access, Use};

/// Reads a use, or says which forms there are.
pub(super) fn read(text: &str) -> Result<Use, String> {
    let text = text.trim();
    if text.starts_with('{') {
        return serde_json::from_str(text).map_err(|error| error.to_string());
    }
    if let Some((method, url)) = text.split_once(' ') {
        return Ok(Use::Http { method: method.to_owned(), url: url.trim().to_owned() });
    }
    if text.starts_with("https://") || text.starts_with("http://") {
        return Ok(Use::Http { method: "GET".to_owned(), url: text.to_owned() });
    }
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    let (name, access) = access(rest);
    match kind {
        "kv" if !name.is_empty() => Ok(Use::Kv { bucket: name.to_owned(), access }),
        "files" if name.starts_with('/') => Ok(Use::Files { volume: None, path: Some(name.to_owned()), access }),
        "files" if !name.is_empty() => Ok(Use::Files { volume: Some(name.to_owned()), path: None, access }),
        "clock" if rest.is_empty() => Ok(Use::Clock {}),
        "random" if rest.is_empty() => Ok(Use::Random {}),
        "log" if rest.is_empty() => Ok(Use::Log {}),
        "config" if rest.is_empty() => Ok(Use::Config {}),
        "model" if !rest.is_empty() => Ok(Use::Model { route: rest.to_owned() }),
        "prompt" if !rest.is_empty() => Ok(Use::Prompt { name: rest.to_owned() }),
        "call" if !rest.is_empty() => {
            Ok(Use::Call { package: rest.parse().map_err(|error: crate::id::InvalidId| error.to_string())? })
        }
        _ => {
            Err("give 'GET https://example.com/', kv:BUCKET, kv:BUCKET:write, files:/PATH, files:VOLUME:write, clock, \
                  random, log, config, model:ROUTE, prompt:NAME, call:PACKAGE, or JSON such as \
                  {\"kind\": \"kv\", \"bucket\": \"notes\"}"
                .to_owned())
        }
    }
}

fn access(text: &str) -> (&str, Access) {
    match text.rsplit_once(':') {
        Some((name, "write")) => (name, Access::ReadWrite),
        Some((name, "read")) => (name, Access::ReadOnly),
        _ => (text, Access::ReadOnly),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let json = |text: &str| serde_json::to_string(&read(text).unwrap()).unwrap();
        for (text, expected) in [
            ("GET https://a.example/x", r#"{"kind":"http","method":"GET","url":"https://a.example/x"}"#),
            ("https://a.example/x", r#"{"kind":"http","method":"GET","url":"https://a.example/x"}"#),
            ("kv:notes", r#"{"kind":"kv","bucket":"notes","access":"read-only"}"#),
            ("kv:notes:write", r#"{"kind":"kv","bucket":"notes","access":"read-write"}"#),
            ("files:/work/a:b", r#"{"kind":"files","path":"/work/a:b","access":"read-only"}"#),
            ("files:docs:read", r#"{"kind":"files","volume":"docs","access":"read-only"}"#),
            ("clock", r#"{"kind":"clock"}"#),
            ("model:answers", r#"{"kind":"model","route":"answers"}"#),
            ("prompt:short", r#"{"kind":"prompt","name":"short"}"#),
            ("call:catalogue/text", r#"{"kind":"call","package":"catalogue/text"}"#),
            (r#"{"kind":"log"}"#, r#"{"kind":"log"}"#),
        ] {
            assert_eq!(json(text), expected, "{text}");
        }
        for text in ["", "call:", "call:X", "kv", "kv:", "files", "clock:x", "sockets", "{}"] {
            assert!(read(text).is_err(), "{text:?}");
        }
    }
}
