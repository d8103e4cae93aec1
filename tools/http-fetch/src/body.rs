//! From bytes to what an agent reads.

use std::rc::Rc;

use cofferdam_sdk::Error;
use htmd::{HtmlToMarkdown, Node};
use serde_json::Value;

/// Elements that nobody reads.
const SKIPPED: [&str; 7] = ["script", "style", "noscript", "svg", "iframe", "template", "head"];
/// Elements inside one another. The conversion recurses, and a stack is finite.
pub(crate) const DEPTH_MAX: usize = 256;

/// A body, or its beginning.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    pub(crate) bytes: Vec<u8>,
    pub(crate) is_cut: bool,
    pub(crate) content_type: Option<&'a str>,
}

impl Body<'_> {
    /// Such as `text/html`, in lower case.
    pub(crate) fn media_type(&self) -> Option<String> {
        let media_type = self.content_type?.split(';').next()?.trim().to_ascii_lowercase();
        (!media_type.is_empty()).then_some(media_type)
    }

    /// As Markdown where it is HTML, else as text.
    pub(crate) fn markdown(&self) -> Result<String, Error> {
        let text = self.decode()?;
        let is_html = match self.media_type() {
            Some(media_type) => matches!(media_type.as_str(), "text/html" | "application/xhtml+xml"),
            None => text.trim_start().get(..9).is_some_and(|start| start.eq_ignore_ascii_case("<!doctype")),
        };
        if !is_html {
            return Ok(self.mark(text));
        }
        let converter = HtmlToMarkdown::builder().skip_tags(SKIPPED.to_vec()).build();
        let tree = converter.html_to_tree(&text).map_err(|error| Error::internal(error.to_string()))?;
        if is_deeper(&tree, DEPTH_MAX) {
            return Err(Error::failed(format!(
                "the page has more than {DEPTH_MAX} elements inside one another; fetch it with `as`: `text`"
            )));
        }
        Ok(self.mark(converter.tree_to_markdown(&tree)))
    }

    /// As text, whatever it is.
    pub(crate) fn text(&self) -> Result<String, Error> {
        self.decode().map(|text| self.mark(text))
    }

    /// As JSON.
    pub(crate) fn json(&self) -> Result<Value, Error> {
        if self.is_cut {
            let bytes = self.bytes.len();
            return Err(Error::failed(format!("the JSON has more than {bytes} bytes; raise `bytes_max`")));
        }
        serde_json::from_slice(&self.bytes).map_err(|error| Error::failed(format!("the body is not JSON: {error}")))
    }

    fn mark(&self, mut text: String) -> String {
        if self.is_cut {
            text.push_str(&format!("\n[cut: the body has more than {} bytes]", self.bytes.len()));
        }
        text
    }

    fn decode(&self) -> Result<String, Error> {
        let mut bytes = self.bytes.as_slice();
        if self.is_western() {
            return Ok(bytes.iter().copied().map(western).collect());
        }
        bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        match str::from_utf8(bytes) {
            Ok(text) => Ok(text.to_owned()),
            // A character that the cut went through.
            Err(error) if self.is_cut && error.error_len().is_none() => {
                Ok(String::from_utf8_lossy(&bytes[..error.valid_up_to()]).into_owned())
            }
            // Text by its own account: a mistake in it costs a character, not the page.
            Err(_) if self.is_said_to_be_text() => Ok(String::from_utf8_lossy(bytes).into_owned()),
            Err(_) => {
                let what = self.media_type().unwrap_or_else(|| "of no stated type".to_owned());
                Err(Error::failed(format!("the body is not text ({what}); fetch it with `as`: `bytes`")))
            }
        }
    }

    fn is_said_to_be_text(&self) -> bool {
        self.media_type().is_some_and(|media_type| {
            media_type.starts_with("text/") || media_type.ends_with("json") || media_type.ends_with("xml")
        })
    }

    fn is_western(&self) -> bool {
        let charset = self.content_type.and_then(|content_type| {
            content_type.split(';').skip(1).find_map(|parameter| {
                let (name, value) = parameter.split_once('=')?;
                name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
            })
        });
        charset.is_some_and(|charset| matches!(charset.as_str(), "iso-8859-1" | "latin1" | "windows-1252"))
    }
}

/// A character of windows-1252, which is also what browsers read for ISO 8859-1: Unicode's first 256, but for these.
fn western(byte: u8) -> char {
    const FROM_0X80: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    match byte {
        0x80..=0x9f => FROM_0X80[usize::from(byte - 0x80)],
        other => char::from(other),
    }
}

/// Whether nodes of a tree stand inside one another more than `depth_max` times. Does not recurse.
fn is_deeper(tree: &Rc<Node>, depth_max: usize) -> bool {
    let mut waiting = vec![(Rc::clone(tree), 0)];
    while let Some((node, depth)) = waiting.pop() {
        if depth > depth_max {
            return true;
        }
        waiting.extend(node.children.borrow().iter().map(|child| (Rc::clone(child), depth + 1)));
    }
    false
}
