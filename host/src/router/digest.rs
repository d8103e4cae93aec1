//! The keyed digest of a result: what the record says of it.

use crate::audit::entry::Mac;
use crate::engine::output::{Blob, Content, ToolOutput};
use crate::snapshot::DigestKey;

/// The digest of `output` and its length in bytes. Every piece is preceded by its kind and lengths, so that two
/// different outputs never feed the same bytes.
pub(super) fn output(key: &DigestKey, output: &ToolOutput) -> (Mac, u64) {
    let mut frames: Vec<Vec<u8>> = Vec::with_capacity(output.content.len() + 1);
    frames.push(vec![u8::from(output.is_error)]);
    frames.extend(output.content.iter().map(frame));
    let bodies = output.content.iter().map(body);
    let pieces = frames[1..].iter().zip(bodies).flat_map(|(frame, body)| [frame.as_slice(), body]);
    (key.digest(std::iter::once(frames[0].as_slice()).chain(pieces)), output.bytes())
}

fn frame(content: &Content) -> Vec<u8> {
    let (kind, blob): (u8, Option<&Blob>) = match content {
        Content::Text(_) => (0, None),
        Content::Json(_) => (1, None),
        Content::Image(blob) => (2, Some(blob)),
        Content::File(blob) => (3, Some(blob)),
    };
    let mut frame = vec![kind];
    for field in [blob.map_or("", |blob| &blob.media_type), blob.and_then(|blob| blob.name.as_deref()).unwrap_or("")] {
        frame.extend_from_slice(&(field.len() as u64).to_le_bytes());
        frame.extend_from_slice(field.as_bytes());
    }
    frame.extend_from_slice(&(body(content).len() as u64).to_le_bytes());
    frame
}

fn body(content: &Content) -> &[u8] {
    match content {
        Content::Text(text) | Content::Json(text) => text.as_bytes(),
        Content::Image(blob) | Content::File(blob) => &blob.data,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(content: Vec<Content>, is_error: bool) -> Mac {
        output(&DigestKey::from_bytes([7; 32]), &ToolOutput { content, is_error }).0
    }

    #[test]
    fn different_outputs_have_different_digests() {
        let text = |text: &str| Content::Text(text.to_owned());
        let blob = |name: Option<&str>, media_type: &str| {
            Content::File(Blob { media_type: media_type.into(), name: name.map(Into::into), data: b"ab".to_vec() })
        };
        let outputs = [
            vec![],
            vec![text("ab")],
            vec![text("a"), text("b")],
            vec![Content::Json("ab".into())],
            vec![blob(None, "xy")],
            vec![blob(Some("y"), "x")],
            vec![blob(Some("xy"), "")],
        ];
        let mut digests: Vec<_> = outputs.iter().map(|content| digest(content.clone(), false)).collect();
        digests.push(digest(vec![text("ab")], true));
        let distinct: std::collections::HashSet<_> = digests.iter().map(Mac::to_string).collect();
        assert_eq!(distinct.len(), digests.len());
        assert_eq!(digest(vec![text("ab")], false), digest(vec![text("ab")], false));
    }
}
