//! Server-sent events (HTML Living Standard section 9.2): written, and read within a bound.

use std::fmt::Write;

/// One event of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    pub(crate) id: Option<String>,
    /// `message` when the stream says nothing.
    pub(crate) name: String,
    pub(crate) data: String,
}

/// A comment: it says nothing but that the stream lives.
pub(crate) const HEARTBEAT: &str = ":\n\n";

/// Writes an event; line breaks in its data become lines of their own.
pub(crate) fn write_event(id: Option<&str>, name: &str, data: &str) -> String {
    let mut text = String::with_capacity(data.len() + 64);
    if let Some(id) = id {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "id: {id}");
    }
    let _ = writeln!(text, "event: {name}");
    for line in data.split(['\n', '\r']) {
        let _ = writeln!(text, "data: {line}");
    }
    text.push('\n');
    text
}

/// A line or an event is longer than the bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong(pub(crate) usize);

/// Reads a stream piece by piece.
#[derive(Debug)]
pub(crate) struct SseReader {
    limit: usize,
    line: Vec<u8>,
    /// The last byte was `\r`: a `\n` that follows belongs to it.
    after_return: bool,
    event: SseEvent,
    has_data: bool,
}

impl SseReader {
    /// A reader of events with at most `limit` bytes of data.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            line: Vec::new(),
            after_return: false,
            event: SseEvent::default(),
            has_data: false,
        }
    }

    /// Takes a piece of the stream and gives the events that it completes.
    ///
    /// # Errors
    /// [`TooLong`] with the bound; the stream cannot be read on then.
    pub(crate) fn feed(&mut self, piece: &[u8], events: &mut Vec<SseEvent>) -> Result<(), TooLong> {
        let mut rest = piece;
        while let Some(&first) = rest.first() {
            if self.after_return {
                self.after_return = false;
                if first == b'\n' {
                    rest = &rest[1..];
                    continue;
                }
            }
            let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
                return self.hold(rest);
            };
            self.hold(&rest[..end])?;
            self.after_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            let line = std::mem::take(&mut self.line);
            self.end_line(&line, events);
            // The allocation serves the next line.
            self.line = line;
            self.line.clear();
        }
        Ok(())
    }

    fn hold(&mut self, piece: &[u8]) -> Result<(), TooLong> {
        if self.line.len() + self.event.data.len() + piece.len() > self.limit {
            return Err(TooLong(self.limit));
        }
        self.line.extend_from_slice(piece);
        Ok(())
    }

    fn end_line(&mut self, line: &[u8], events: &mut Vec<SseEvent>) {
        if line.is_empty() {
            let mut event = std::mem::take(&mut self.event);
            if std::mem::take(&mut self.has_data) {
                if event.name.is_empty() {
                    "message".clone_into(&mut event.name);
                }
                events.push(event);
            }
            return;
        }
        let line = String::from_utf8_lossy(line);
        let (field, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pieces: &[&[u8]]) -> Vec<SseEvent> {
        let (mut reader, mut events) = (SseReader::new(100), Vec::new());
        for piece in pieces {
            reader.feed(piece, &mut events).unwrap();
        }
        events
    }

    #[test]
    fn what_is_written_is_read_whatever_the_pieces() {
        let text = write_event(Some("a-1"), "shipped", "{\n \"item\": \"blå\"\r}");
        let whole = read(&[text.as_bytes()]);
        assert_eq!(
            whole,
            [SseEvent {
                id: Some("a-1".to_owned()),
                name: "shipped".to_owned(),
                data: "{\n \"item\": \"blå\"\n}".to_owned()
            }]
        );
        let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
        assert_eq!(read(&bytes), whole);
    }

    #[test]
    fn comments_and_unknown_fields_are_passed_over() {
        assert_eq!(read(&[HEARTBEAT.as_bytes(), b"retry: 5\nnonsense\n\n"]), []);
        let events = read(&[b"data\r", b"\n", b"data: x\r\n\r\n"]);
        assert_eq!(
            events,
            [SseEvent {
                id: None,
                name: "message".to_owned(),
                data: "\nx".to_owned()
            }]
        );
    }

    #[test]
    fn long_events_are_refused() {
        let (mut reader, mut events) = (SseReader::new(10), Vec::new());
        assert_eq!(
            reader.feed(b"data: 0123456789", &mut events),
            Err(TooLong(10))
        );
        let mut reader = SseReader::new(10);
        let lines = b"data: 01\ndata: 23\ndata: 45\ndata: 67\ndata: 89\n";
        assert_eq!(reader.feed(lines, &mut events), Err(TooLong(10)));
    }
}
