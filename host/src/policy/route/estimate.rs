//! How hard a call is, where its caller does not say: estimated from the size of its arguments and what they are.

use crate::routed::Level;

/// A text longer than this, in bytes, is prose: something to be read rather than looked up.
const PROSE_BYTES_MIN: u64 = 200;
/// Data count for a part of their bytes: rows and short values are worked through one like the other.
const DATA_WEIGHT: u64 = 4;
/// Weighed bytes from which a call is of medium complexity: some pages of prose.
const MEDIUM_BYTES_MIN: u64 = 4 << 10;
/// And from which it is of high complexity: more than fits into a short reader's head at once.
const HIGH_BYTES_MIN: u64 = 64 << 10;

/// The size of arguments, and how much of them is prose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Measured {
    /// Bytes without the space between values.
    pub input_bytes: u64,
    /// Of these, bytes of texts with more than 200 of them.
    pub prose_bytes: u64,
}

/// Measures arguments, the text of a JSON document. Reads each byte once, whatever it is: what is no JSON is refused
/// elsewhere.
pub fn measure(arguments: &str) -> Measured {
    let mut measured = Measured::default();
    let (mut in_text, mut escaped, mut text_bytes) = (false, false, 0);
    for byte in arguments.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => {
                in_text = !in_text;
                if !in_text && text_bytes > PROSE_BYTES_MIN {
                    measured.prose_bytes += text_bytes;
                }
                text_bytes = 0;
                measured.input_bytes += 1;
                continue;
            }
            b' ' | b'\t' | b'\r' | b'\n' if !in_text => continue,
            _ => {}
        }
        text_bytes += u64::from(in_text);
        measured.input_bytes += 1;
    }
    measured
}

impl Measured {
    /// How hard a call with these arguments is taken to be: by the bytes of its prose and a fourth of the others, low
    /// below 4 KiB, high from 64 KiB on.
    pub fn complexity(self) -> Level {
        let data = self.input_bytes.saturating_sub(self.prose_bytes);
        match self.prose_bytes.saturating_add(data / DATA_WEIGHT) {
            0..MEDIUM_BYTES_MIN => Level::Low,
            MEDIUM_BYTES_MIN..HIGH_BYTES_MIN => Level::Medium,
            _ => Level::High,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn level(arguments: &str) -> Level {
        measure(arguments).complexity()
    }

    #[test]
    fn space_between_values_does_not_count_and_space_in_texts_does() {
        let tight = measure(r#"{"a":[1,2],"b":"x y"}"#);
        assert_eq!(tight, Measured { input_bytes: 21, prose_bytes: 0 });
        assert_eq!(measure("{ \"a\": [1,\n\t2],\r\n \"b\": \"x y\" }"), tight);
        assert_eq!(measure(r#"{"a":"\" \\"}"#).input_bytes, 13);
    }

    #[test]
    fn prose_counts_for_more_than_data() {
        let prose = |bytes: usize| format!(r#"{{"text":"{}"}}"#, "w ".repeat(bytes / 2));
        let data = |bytes: usize| format!(r#"{{"rows":[{}1]}}"#, "1,".repeat(bytes / 2));
        assert_eq!([level("{}"), level(&prose(2 << 10)), level(&data(12 << 10))], [Level::Low; 3]);
        assert_eq!([level(&prose(5 << 10)), level(&data(17 << 10))], [Level::Medium; 2]);
        assert_eq!([level(&prose(65 << 10)), level(&data(260 << 10))], [Level::High; 2]);
        // A long text is prose, many short ones are data.
        assert_eq!(measure(&format!(r#"["{}"]"#, "x".repeat(200))).prose_bytes, 0);
        assert_eq!(measure(&format!(r#"["{}"]"#, "x".repeat(201))).prose_bytes, 201);
    }

    /// Measured like any other, to the end of what is there.
    #[test]
    fn hostile_text_that_is_no_json_is_measured_too() {
        for text in ["", "\"", "\"\\", "\\\"", "\u{0}\u{ffff}", "\"\"\"", "{\"a\""] {
            assert!(measure(text).input_bytes <= text.len() as u64, "{text:?}");
        }
    }
}
