//! What comes back of a request that left with a secret: wherever the secret's value shows in it, as it is or in one of
//! the usual spellings, it is overwritten with as many asterisks.
//!
//! A value may come in pieces, so that the end of what came has to wait for what follows. How many bytes wait does not
//! depend on the value: how long something waited would otherwise tell a guest, byte by byte, how much of the secret it
//! had guessed. No value has a line's end in it, so that lines are given as soon as they are whole, and of one that is not
//! always the same number of bytes waits: events that a server sends one by one arrive one by one, and where a response
//! breaks off nothing is lost but of its last line. (A search of the crates for that would do for whole texts; here
//! matches overlap, cross pieces, and no copy of the value may stay behind.)

use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use zeroize::Zeroizing;

/// What a value that is put into a query leaves as it is: RFC 3986's unreserved characters.
pub(super) const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The number of bytes that wait is a multiple of this: it tells of the secret's length no more.
const WAIT_STEP: usize = 64;
const LINE_END: u8 = b'\n';
const INSTEAD: u8 = b'*';

/// What is looked for.
pub(super) struct Scrub {
    forms: Vec<Form>,
    wait: usize,
    /// Whether a form can go on in the next line: no value that can be set has one.
    crosses_lines: bool,
}

/// One spelling of the value, with what Knuth, Morris and Pratt call its failure function.
struct Form {
    bytes: Zeroizing<Vec<u8>>,
    back: Vec<usize>,
}

/// A text that goes by in pieces.
pub(super) struct Window {
    scrub: Arc<Scrub>,
    /// What waits, as it came.
    bytes: Zeroizing<Vec<u8>>,
    /// Which of it is a part of the value.
    marks: Vec<bool>,
    /// How much of each form what came last is the beginning of.
    matched: Vec<usize>,
    found: bool,
}

impl Scrub {
    /// Looks for `value`; and for what it is sent as in basic authentication, where it is.
    pub(super) fn new(value: &[u8], basic: Option<&[u8]>) -> Self {
        let mut forms: Vec<Zeroizing<Vec<u8>>> = Vec::new();
        let mut add = |form: Vec<u8>| {
            let form = Zeroizing::new(form);
            if !forms.contains(&form) {
                forms.push(form);
            }
        };
        add(value.to_vec());
        let escaped = percent_encode(value, ESCAPED).to_string();
        add(lower_escapes(&escaped).into_bytes());
        add(escaped.into_bytes());
        let text = Zeroizing::new(String::from_utf8_lossy(value).into_owned());
        let json = Zeroizing::new(serde_json::to_string(&*text).unwrap_or_default());
        let json = json.trim_start_matches('"').strip_suffix('"').unwrap_or_default();
        add(json.as_bytes().to_vec());
        add(json.replace('/', "\\/").into_bytes());
        add(html(&text).into_bytes());
        let hex = |digit: fn(&u8) -> String| value.iter().map(digit).collect::<String>().into_bytes();
        add(hex(|byte| format!("{byte:02x}")));
        add(hex(|byte| format!("{byte:02X}")));
        for alphabet in [&alphabet::STANDARD, &alphabet::URL_SAFE] {
            let engine = GeneralPurpose::new(alphabet, NO_PAD);
            // In base64 of a longer text it can begin at each of three places; what it shares with its neighbours is left
            // out.
            for before in 0..3 {
                let text = Zeroizing::new([&vec![0; before], value].concat());
                let encoded = Zeroizing::new(engine.encode(&*text));
                let own = encoded.as_bytes().get((before * 8).div_ceil(6)..).unwrap_or_default();
                let shared = usize::from(text.len() % 3 != 0);
                add(own[..own.len().saturating_sub(shared)].to_vec());
            }
            if let Some(basic) = basic {
                add(engine.encode(basic).into_bytes());
            }
        }
        forms.retain(|form| !form.is_empty());
        let longest = forms.iter().map(|form| form.len()).max().unwrap_or(0);
        let crosses_lines = forms.iter().any(|form| form.contains(&LINE_END));
        let forms = forms.into_iter().map(Form::new).collect();
        Self { forms, wait: longest.next_multiple_of(WAIT_STEP), crosses_lines }
    }

    /// Overwrites it in header fields, and gives whether it was there.
    pub(super) fn fields(self: &Arc<Self>, fields: &mut HeaderMap) -> bool {
        let mut found = false;
        for value in fields.values_mut() {
            let (clean, is_in) = self.whole(value.as_bytes());
            if is_in {
                // What was a field's value is one with asterisks in it, too.
                *value = HeaderValue::from_bytes(&clean).unwrap_or(HeaderValue::from_static("*"));
                found = true;
            }
        }
        // A name is in lower case by now.
        let named: Vec<HeaderName> = fields.keys().filter(|name| self.is_within(name.as_str())).cloned().collect();
        for name in &named {
            fields.remove(name);
        }
        found || !named.is_empty()
    }

    fn is_within(&self, name: &str) -> bool {
        let within = |form: &Form| {
            let lower = Zeroizing::new(form.bytes.to_ascii_lowercase());
            name.as_bytes().windows(lower.len()).any(|part| part == lower.as_slice())
        };
        self.forms.iter().any(within)
    }

    fn whole(self: &Arc<Self>, text: &[u8]) -> (Bytes, bool) {
        let mut window = Window::new(Arc::clone(self));
        let begun = window.push(text);
        let rest = window.finish();
        ([begun, rest].concat().into(), window.found)
    }
}

impl Form {
    fn new(bytes: Zeroizing<Vec<u8>>) -> Self {
        let mut back = vec![0; bytes.len()];
        let mut matched = 0;
        for at in 1..bytes.len() {
            while matched > 0 && bytes[matched] != bytes[at] {
                matched = back[matched - 1];
            }
            matched += usize::from(bytes[matched] == bytes[at]);
            back[at] = matched;
        }
        Self { bytes, back }
    }

    /// How much is matched once `byte` came behind `matched` bytes; all of it is a match.
    fn step(&self, mut matched: usize, byte: u8) -> usize {
        if matched == self.bytes.len() {
            matched = self.back[matched - 1];
        }
        while matched > 0 && self.bytes[matched] != byte {
            matched = self.back[matched - 1];
        }
        matched + usize::from(self.bytes[matched] == byte)
    }
}

impl Window {
    pub(super) fn new(scrub: Arc<Scrub>) -> Self {
        let matched = vec![0; scrub.forms.len()];
        Self { scrub, bytes: Zeroizing::default(), marks: Vec::new(), matched, found: false }
    }

    /// Takes in what came, and gives what can be no part of a value any more.
    pub(super) fn push(&mut self, more: &[u8]) -> Bytes {
        let before = self.bytes.len();
        // Grown into new room, so that none of the value stays in the old.
        let mut bytes = Zeroizing::new(Vec::with_capacity(before + more.len()));
        bytes.extend_from_slice(&self.bytes);
        bytes.extend_from_slice(more);
        self.bytes = bytes;
        self.marks.resize(self.bytes.len(), false);
        for (form, matched) in self.scrub.forms.iter().zip(&mut self.matched) {
            let mut marked = 0;
            for (at, byte) in more.iter().enumerate() {
                *matched = form.step(*matched, *byte);
                if *matched == form.bytes.len() {
                    let end = before + at + 1;
                    let start = end.saturating_sub(form.bytes.len()).max(marked);
                    self.marks[start..end].fill(true);
                    marked = end;
                    self.found = true;
                }
            }
        }
        let begun = match self.scrub.crosses_lines {
            true => self.bytes.len(),
            false => self.bytes.iter().rev().take_while(|byte| **byte != LINE_END).count(),
        };
        self.give(self.bytes.len() - begun.min(self.scrub.wait))
    }

    /// Gives what waits: nothing follows.
    pub(super) fn finish(&mut self) -> Bytes {
        self.give(self.bytes.len())
    }

    /// How many bytes wait.
    pub(super) fn waiting(&self) -> usize {
        self.bytes.len()
    }

    /// Whether the value was there.
    pub(super) fn found(&self) -> bool {
        self.found
    }

    fn give(&mut self, count: usize) -> Bytes {
        let clean = |(byte, mark): (&u8, &bool)| if *mark { INSTEAD } else { *byte };
        let given: Vec<u8> = self.bytes.iter().zip(&self.marks).take(count).map(clean).collect();
        let rest = Zeroizing::new(self.bytes[count..].to_vec());
        self.bytes = rest;
        self.marks.drain(..count);
        given.into()
    }
}

impl std::fmt::Debug for Scrub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scrub(..)")
    }
}

impl std::fmt::Debug for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Window({} bytes wait)", self.bytes.len())
    }
}

/// Escapes with lower-case digits, as some write them.
fn lower_escapes(escaped: &str) -> String {
    let mut left = 0;
    let lower = |character: char| {
        if character == '%' {
            left = 2;
            return character;
        }
        if left > 0 {
            left -= 1;
            return character.to_ascii_lowercase();
        }
        character
    };
    escaped.chars().map(lower).collect()
}

/// As HTML writes it.
fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const VALUE: &[u8] = b"marrow/bone+\"1&2\"=";

    fn scrub() -> Arc<Scrub> {
        Arc::new(Scrub::new(VALUE, Some(b"me:marrow/bone+\"1&2\"=")))
    }

    fn cleaned(scrub: &Arc<Scrub>, pieces: &[&[u8]]) -> Vec<u8> {
        let mut window = Window::new(Arc::clone(scrub));
        let mut clean: Vec<u8> = pieces.iter().flat_map(|piece| window.push(piece)).collect();
        clean.extend(window.finish());
        clean
    }

    #[test]
    fn every_usual_spelling_is_overwritten_and_nothing_else() {
        let scrub = scrub();
        let standard = base64::engine::general_purpose::STANDARD;
        let url = base64::engine::general_purpose::URL_SAFE;
        for form in [
            String::from_utf8(VALUE.to_vec()).unwrap(),
            "marrow%2Fbone%2B%221%262%22%3D".to_owned(),
            "marrow%2fbone%2b%221%262%22%3d".to_owned(),
            "marrow/bone+\\\"1&2\\\"=".to_owned(),
            "marrow\\/bone+\\\"1&2\\\"=".to_owned(),
            "marrow/bone+&quot;1&amp;2&quot;=".to_owned(),
            VALUE.iter().map(|byte| format!("{byte:02x}")).collect(),
            VALUE.iter().map(|byte| format!("{byte:02X}")).collect(),
            standard.encode(b"me:marrow/bone+\"1&2\"=").trim_end_matches('=').to_owned(),
        ] {
            let text = format!("before {form} behind");
            let clean = cleaned(&scrub, &[text.as_bytes()]);
            let expected = format!("before {} behind", "*".repeat(form.len()));
            assert_eq!(String::from_utf8(clean).unwrap(), expected, "{form}");
        }
        // Within base64 of something longer, all but what its neighbours share.
        for before in 0..4 {
            let text = [&b"abc"[..before.min(3)], VALUE, b" and more"].concat();
            for encoded in [standard.encode(&text), url.encode(&text)] {
                let clean = String::from_utf8(cleaned(&scrub, &[encoded.as_bytes()])).unwrap();
                assert!(clean.matches('*').count() >= VALUE.len() * 8 / 6 - 2, "{encoded} {clean}");
                assert_eq!(clean.len(), encoded.len());
            }
        }
        let near = b"marrow/bone+\"1&2\" and marrow/bone";
        assert_eq!(cleaned(&scrub, &[near]), near);
    }

    #[test]
    fn what_overlaps_itself_is_overwritten_whole() {
        let scrub = Arc::new(Scrub::new(b"abcabcab", None));
        for cut in 0..17 {
            let text = b"--abcabcabcabcab-";
            let clean = cleaned(&scrub, &[&text[..cut], &text[cut..]]);
            assert_eq!(clean, b"--**************-", "{cut}");
        }
    }

    /// What a guest could learn from: how much waits says nothing of what waits.
    #[test]
    fn hostile_guesses_do_not_change_when_bytes_come() {
        let scrub = scrub();
        let lengths = |guess: &[u8]| {
            let mut window = Window::new(Arc::clone(&scrub));
            let text = [&[b'-'; 200], guess].concat();
            text.chunks(7).map(|piece| window.push(piece).len()).collect::<Vec<_>>()
        };
        let nothing = lengths(&[b'#'; VALUE.len()]);
        for right in 0..=VALUE.len() {
            let guess = [&VALUE[..right], &vec![b'#'; VALUE.len() - right]].concat();
            assert_eq!(lengths(&guess), nothing, "{right} bytes are right");
        }
    }

    #[test]
    fn a_line_is_given_once_it_is_whole_and_what_begins_behind_it_waits() {
        let scrub = scrub();
        let half = VALUE.len() / 2;
        let mut window = Window::new(Arc::clone(&scrub));
        assert_eq!(window.push(&VALUE[..half]), "");
        let rest = [&VALUE[half..], b" is it\n\nnot "].concat();
        assert_eq!(window.push(&rest), format!("{} is it\n\n", "*".repeat(VALUE.len())));
        assert_eq!((window.waiting(), window.found()), (4, true));
        // What has no end waits as ever, and no further than that.
        assert_eq!(window.push(&[b'-'; 1_000]).len(), 1_004 - scrub.wait);
        assert_eq!(window.push(b"\n").len(), scrub.wait + 1);
        assert_eq!(window.finish(), "");
        // A value over two lines cannot be set; it would be found all the same.
        let scrub = Arc::new(Scrub::new(b"marrow\nand-bone", None));
        assert_eq!(cleaned(&scrub, &[b"- marrow\n", b"and-bone -"]), b"- *************** -");
    }

    #[test]
    fn header_fields_are_cleaned_names_too() {
        let scrub = Arc::new(Scrub::new(b"Marrow-and-Bone", None));
        let mut fields = HeaderMap::new();
        fields.append("x-echo", HeaderValue::from_static("Bearer Marrow-and-Bone!"));
        fields.append("x-echo", HeaderValue::from_static("other"));
        fields.append("x-marrow-and-bone", HeaderValue::from_static("1"));
        assert!(scrub.fields(&mut fields));
        let values: Vec<_> = fields.get_all("x-echo").iter().collect();
        assert_eq!(values, ["Bearer ***************!", "other"]);
        assert_eq!(fields.len(), 2);
        assert!(!scrub.fields(&mut fields));
    }

    proptest! {
        /// However it is cut: the same as when it comes whole, of the same length, and without the value.
        #[test]
        fn pieces_make_no_difference(
            parts in prop::collection::vec(prop_oneof![
                Just(VALUE.to_vec()), Just(VALUE[..9].to_vec()), Just(VALUE[9..].to_vec()),
                prop::collection::vec(any::<u8>(), 0..40),
            ], 0..12),
            cuts in prop::collection::vec(1_usize..60, 1..40),
        ) {
            let (scrub, text) = (scrub(), parts.concat());
            let whole = cleaned(&scrub, &[&text]);
            let mut rest = text.as_slice();
            let mut pieces = Vec::new();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() {
                    break;
                }
                let (piece, behind) = rest.split_at((*cut).min(rest.len()));
                pieces.push(piece);
                rest = behind;
            }
            prop_assert_eq!(&cleaned(&scrub, &pieces), &whole);
            prop_assert_eq!(whole.len(), text.len());
            prop_assert!(!whole.windows(VALUE.len()).any(|part| part == VALUE));
        }
    }
}
