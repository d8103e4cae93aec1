//! Server-Sent Events, as a call's stream has them: the field names of the standard, nothing that reconnects.

use super::Result;
use crate::error::{Code, Error};

/// One event, in bytes, at most: a result with files in it.
const EVENT_BYTES_MAX: usize = 64 << 20;

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cli) struct Event {
    /// Its name; `message` where it has none.
    pub(in crate::cli) name: String,
    /// Its data, lines joined.
    pub(in crate::cli) data: String,
}

/// Events out of bytes as they come.
#[derive(Debug, Default)]
pub(in crate::cli) struct Events {
    /// The line that has not ended yet.
    line: Vec<u8>,
    /// Where the last byte was a carriage return, a line feed right behind it belongs to it.
    after_return: bool,
    name: String,
    data: Option<String>,
}

impl Events {
    /// Takes in more bytes; the events that they complete.
    pub(in crate::cli) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Event>> {
        let mut events = Vec::new();
        for byte in bytes {
            let second = std::mem::replace(&mut self.after_return, *byte == b'\r') && *byte == b'\n';
            match byte {
                b'\n' if second => {}
                b'\n' | b'\r' => {
                    let line = std::mem::take(&mut self.line);
                    events.extend(self.line(&String::from_utf8_lossy(&line)));
                }
                _ => self.line.push(*byte),
            }
            if self.line.len() + self.data.as_ref().map_or(0, String::len) > EVENT_BYTES_MAX {
                return Err(Error::new(Code::TooLarge, "the host sent an event without an end").into());
            }
        }
        Ok(events)
    }

    fn line(&mut self, line: &str) -> Option<Event> {
        if line.is_empty() {
            let name = std::mem::take(&mut self.name);
            let data = self.data.take()?;
            return Some(Event { name: if name.is_empty() { "message".to_owned() } else { name }, data });
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.name),
            "data" => match &mut self.data {
                Some(data) => {
                    data.push('\n');
                    data.push_str(value);
                }
                None => self.data = Some(value.to_owned()),
            },
            // Comments (an empty name) keep the connection alive; ids and retry times are for who reconnects.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_out_however_the_bytes_are_cut() {
        let text = ": alive\n\nevent: progress\r\ndata: {\"done\":\r\ndata:1}\r\n\r\nid: 7\rdata: é\r\revent: none\n\ndata\n\n";
        let expected = [("progress", "{\"done\":\n1}"), ("message", "é"), ("message", "")]
            .map(|(name, data)| Event { name: name.to_owned(), data: data.to_owned() });
        for size in 1..text.len() {
            let mut events = Events::default();
            let found: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|chunk| events.feed(chunk).unwrap()).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}
