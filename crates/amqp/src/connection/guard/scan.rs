//! Frames read as far as it takes to find tables and short texts in them, in pieces as they arrive.

use super::utf8::Utf8;

/// How deep tables and arrays may stand in each other.
const MAX_DEPTH: usize = 32;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
/// Type, channel and size.
const FRAME_HEAD: usize = 7;
/// Class, weight and size of the body, before the flags of a header frame.
const BEFORE_FLAGS: usize = 12;

/// A part of a method's arguments or of a message's properties.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Short,
    Table,
    Bytes(usize),
}

/// The properties of a message in the order of their flags, from the highest bit.
const PROPERTIES: [Field; 14] = [
    Field::Short,    // content type
    Field::Short,    // content encoding
    Field::Table,    // headers
    Field::Bytes(1), // delivery mode
    Field::Bytes(1), // priority
    Field::Short,    // correlation id
    Field::Short,    // reply to
    Field::Short,    // expiration
    Field::Short,    // message id
    Field::Bytes(8), // timestamp
    Field::Short,    // type
    Field::Short,    // user id
    Field::Short,    // app id
    Field::Short,    // cluster id
];

/// The arguments of the methods in which a broker passes on what another peer wrote.
fn arguments(class_and_method: u32) -> &'static [Field] {
    match class_and_method {
        // basic.return: code, text, exchange, routing key
        0x003C_0032 => &[Field::Bytes(2), Field::Short, Field::Short, Field::Short],
        // basic.deliver: consumer, delivery tag and whether again, exchange, routing key
        0x003C_003C => &[Field::Short, Field::Bytes(9), Field::Short, Field::Short],
        // basic.get-ok: delivery tag and whether again, exchange, routing key
        0x003C_0047 => &[Field::Bytes(9), Field::Short, Field::Short],
        _ => &[],
    }
}

/// What the next byte is.
#[derive(Clone, Copy, Debug, Default)]
enum Step {
    /// The given byte of a frame's head.
    #[default]
    Head0,
    Head(usize),
    /// Class and method, with so many bytes missing.
    Method(usize),
    /// The flags of the properties.
    Flags(usize),
    ShortLength,
    Short(usize),
    TableLength(usize),
    /// Inside tables: the length of a key, a byte of one, a type, a length of four bytes.
    KeyLength,
    Key(usize),
    Type,
    Length(usize, Content),
}

#[derive(Clone, Copy, Debug)]
enum Content {
    Bytes,
    Table,
    Array,
}

#[derive(Clone, Copy, Debug)]
struct Level {
    left: usize,
    is_array: bool,
}

/// Where in the stream we are.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    step: Step,
    /// Bytes of no interest before the next step.
    skip: usize,
    /// A number that is being read.
    number: u32,
    kind: u8,
    /// What is left of the frame, its end mark included.
    frame: usize,
    fields: &'static [Field],
    /// Which of the fields are there, from the highest bit.
    present: u32,
    levels: Vec<Level>,
    text: Utf8,
}

impl Scanner {
    /// Reads on, and mends what it must.
    pub(super) fn pass(&mut self, bytes: &mut [u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            if self.skip > 0 {
                let count = self.skip.min(rest.len());
                self.skip -= count;
                self.leave(count);
                rest = rest.get_mut(count..).unwrap_or_default();
            } else if let Some((byte, after)) = rest.split_first_mut() {
                *byte = self.byte(*byte);
                rest = after;
            } else {
                return;
            }
        }
    }

    /// Accounts for bytes of the frame; after its last one the next begins, whatever its content claimed.
    fn leave(&mut self, count: usize) {
        self.frame = self.frame.saturating_sub(count);
        if self.frame == 0 {
            self.step = Step::Head0;
            self.skip = 0;
            self.levels.clear();
        } else {
            self.skip = self.skip.min(self.frame);
        }
    }

    fn byte(&mut self, byte: u8) -> u8 {
        match self.step {
            Step::Head0 => {
                self.kind = byte;
                self.number = 0;
                self.step = Step::Head(1);
                return byte;
            }
            Step::Head(at) => {
                self.head(at, byte);
                return byte;
            }
            _ => {}
        }
        let passed = self.inside(byte);
        self.leave(1);
        passed
    }

    fn head(&mut self, at: usize, byte: u8) {
        self.number = self.number << 8 | u32::from(byte);
        if at + 1 < FRAME_HEAD {
            self.step = Step::Head(at + 1);
            return;
        }
        self.frame = usize::try_from(self.number)
            .unwrap_or(usize::MAX)
            .saturating_add(1);
        self.number = 0;
        match self.kind {
            METHOD => self.step = Step::Method(4),
            HEADER => {
                self.skip = BEFORE_FLAGS.min(self.frame);
                self.step = Step::Flags(2);
            }
            _ => self.skip = self.frame,
        }
    }

    /// A byte of a frame that is looked into.
    fn inside(&mut self, byte: u8) -> u8 {
        let number = self.number << 8 | u32::from(byte);
        match self.step {
            Step::Head0 | Step::Head(_) => {}
            Step::Method(1) => self.begin(arguments(number), u32::MAX),
            Step::Flags(1) => self.begin(&PROPERTIES, number << 16),
            Step::Method(missing) => self.read_on(number, Step::Method(missing - 1)),
            Step::Flags(missing) => self.read_on(number, Step::Flags(missing - 1)),
            Step::ShortLength => self.begin_text(byte, Step::Short),
            Step::KeyLength => {
                self.take(1 + usize::from(byte));
                self.begin_text(byte, Step::Key);
            }
            Step::Short(left) => return self.text(byte, left, Step::Short),
            Step::Key(left) => return self.text(byte, left, Step::Key),
            Step::Type => {
                self.take(1);
                return self.value(byte);
            }
            Step::TableLength(1) => self.enter(number, false),
            Step::TableLength(missing) => self.read_on(number, Step::TableLength(missing - 1)),
            Step::Length(1, content) => {
                let length = usize::try_from(number).unwrap_or(usize::MAX);
                self.take(length.saturating_add(4));
                match content {
                    Content::Table => self.enter(number, false),
                    Content::Array => self.enter(number, true),
                    Content::Bytes => {
                        self.number = 0;
                        self.skip = length;
                        self.entry();
                    }
                }
            }
            Step::Length(missing, content) => {
                self.read_on(number, Step::Length(missing - 1, content));
            }
        }
        byte
    }

    fn read_on(&mut self, number: u32, step: Step) {
        self.number = number;
        self.step = step;
    }

    fn begin(&mut self, fields: &'static [Field], present: u32) {
        self.number = 0;
        self.fields = fields;
        self.present = present;
        self.field();
    }

    /// To the next field that is looked into, or to the end of the frame.
    fn field(&mut self) {
        while let Some((field, rest)) = self.fields.split_first() {
            let is_there = self.present >> 31 == 1;
            self.fields = rest;
            self.present <<= 1;
            match field {
                _ if !is_there => {}
                Field::Bytes(count) => self.skip += count,
                Field::Short => return self.step = Step::ShortLength,
                Field::Table => return self.step = Step::TableLength(4),
            }
        }
        self.skip = self.frame;
    }

    fn begin_text(&mut self, length: u8, step: fn(usize) -> Step) {
        self.text = Utf8::default();
        match usize::from(length) {
            0 => self.after_text(step(0)),
            length => self.step = step(length),
        }
    }

    fn text(&mut self, byte: u8, left: usize, step: fn(usize) -> Step) -> u8 {
        let mended = self.text.mend(byte, left - 1);
        if left > 1 {
            self.step = step(left - 1);
        } else {
            self.after_text(step(0));
        }
        mended
    }

    fn after_text(&mut self, step: Step) {
        if matches!(step, Step::Key(_)) {
            self.step = Step::Type;
        } else {
            self.field();
        }
    }

    fn enter(&mut self, length: u32, is_array: bool) {
        self.number = 0;
        self.levels.push(Level {
            left: usize::try_from(length).unwrap_or(usize::MAX),
            is_array,
        });
        self.entry();
    }

    /// To the next entry of the innermost table that has one, or behind the outermost.
    fn entry(&mut self) {
        while let Some(level) = self.levels.last() {
            if level.left > 0 {
                self.step = if level.is_array {
                    Step::Type
                } else {
                    Step::KeyLength
                };
                return;
            }
            self.levels.pop();
        }
        self.field();
    }

    fn take(&mut self, count: usize) {
        if let Some(level) = self.levels.last_mut() {
            level.left = level.left.saturating_sub(count);
        }
    }

    /// The type of a value, and what to expect of it.
    fn value(&mut self, kind: u8) -> u8 {
        let (kind, content) = match kind {
            b'F' | b'A' if self.levels.len() >= MAX_DEPTH => (b'x', Content::Bytes),
            b'F' => (kind, Content::Table),
            b'A' => (kind, Content::Array),
            b'S' | b'x' => (kind, Content::Bytes),
            _ => {
                let size = match kind {
                    b't' | b'b' | b'B' => 1,
                    b's' | b'U' | b'u' => 2,
                    b'I' | b'i' | b'f' => 4,
                    b'D' => 5,
                    b'L' | b'l' | b'd' | b'T' => 8,
                    _ => 0,
                };
                self.take(size);
                self.skip = size;
                self.entry();
                return kind;
            }
        };
        self.number = 0;
        self.step = Step::Length(4, content);
        kind
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
        let size = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[kind, 0, 1], &size[..], payload, &[0xCE]].concat()
    }

    fn short(text: &[u8]) -> Vec<u8> {
        [&[u8::try_from(text.len()).unwrap()], text].concat()
    }

    fn long(bytes: &[u8]) -> Vec<u8> {
        [&u32::try_from(bytes.len()).unwrap().to_be_bytes(), bytes].concat()
    }

    /// A header frame with a table, two numbers and a text behind it.
    fn header(table: &[u8], id: &[u8]) -> Vec<u8> {
        // headers, delivery mode, message id, timestamp
        let flags = [0b0011_0000, 0b1100_0000];
        let fields = [&flags, &long(table)[..], &[2], &short(id), &[7; 8]].concat();
        frame(HEADER, &[&[0; BEFORE_FLAGS][..], &fields].concat())
    }

    fn deliver(key: &[u8]) -> Vec<u8> {
        let arguments = [
            &short(b"consumer")[..],
            &[9; 9],
            &short(b"exchange"),
            &short(key),
        ];
        frame(METHOD, &[&[0, 60, 0, 60][..], &arguments.concat()].concat())
    }

    /// The same however the bytes are cut.
    fn passed(bytes: &[u8]) -> Vec<u8> {
        let mut whole = bytes.to_vec();
        Scanner::default().pass(&mut whole);
        for size in [1, 3, 10] {
            let mut scanner = Scanner::default();
            let mut pieces = bytes.to_vec();
            pieces
                .chunks_mut(size)
                .for_each(|piece| scanner.pass(piece));
            assert_eq!(pieces, whole, "in pieces of {size}");
        }
        whole
    }

    fn entry(key: &[u8], value: &[u8]) -> Vec<u8> {
        [&short(key)[..], value].concat()
    }

    fn every_type() -> Vec<u8> {
        let array = [
            &b"A"[..],
            &long(&[&b"t\x01"[..], b"S", &long(b"\xff"), b"V"].concat()),
        ]
        .concat();
        let table = [&b"F"[..], &long(&entry("ä".as_bytes(), b"I\0\0\0\0"))].concat();
        let text = [&b"S"[..], &long(b"not \xff utf-8, and need not be")].concat();
        let values: [&[u8]; 14] = [
            b"t\0",
            b"b\0",
            b"s\0\0",
            b"u\0\0",
            b"I\0\0\0\0",
            b"i\0\0\0\0",
            b"f\0\0\0\0",
            b"D\0\0\0\0\0",
            b"l\0\0\0\0\0\0\0\0",
            b"T\0\0\0\0\0\0\0\0",
            b"V",
            &array,
            &table,
            &text,
        ];
        values
            .iter()
            .flat_map(|value| entry(b"key", value))
            .collect()
    }

    #[test]
    fn what_is_sound_passes_unchanged() {
        let body = frame(3, &[0xFF; 300]);
        let stream = [
            header(&every_type(), "Größe".as_bytes()),
            body.clone(),
            deliver("v1.größe".as_bytes()),
            header(b"", b""),
            frame(HEADER, &[0; 14]),
            frame(8, b""),
            body,
        ]
        .concat();
        assert_eq!(passed(&stream), stream);
    }

    #[test]
    fn texts_are_mended_wherever_they_stand() {
        let stream = [
            deliver(b"v1.\xff"),
            header(&entry(b"a\xc3", b"V"), b"id\xfe"),
            deliver(b"ok"),
        ]
        .concat();
        let expected = [
            deliver(b"v1.?"),
            header(&entry(b"a?", b"V"), b"id?"),
            deliver(b"ok"),
        ]
        .concat();
        assert_eq!(passed(&stream), expected);
    }

    fn nested(depth: usize, kind: u8) -> Vec<u8> {
        (0..depth).fold(Vec::new(), |inner, _| {
            let value = [&[kind][..], &long(&inner)].concat();
            if kind == b'F' {
                entry(b"t", &value)
            } else {
                value
            }
        })
    }

    #[test]
    fn what_is_nested_too_deep_becomes_bytes() {
        for kind in [b'F', b'A'] {
            let table = |depth| match kind {
                b'F' => nested(depth, kind),
                _ => entry(b"t", &nested(depth, kind)),
            };
            let fine = header(&table(MAX_DEPTH - 1), b"\xff");
            let changed = passed(&fine)
                .iter()
                .zip(&fine)
                .filter(|(now, then)| now != then)
                .count();
            assert_eq!(changed, 1);
            let deep = [header(&table(5000), b"\xff"), deliver(b"\xff")].concat();
            let passed = passed(&deep);
            assert_eq!(passed.len(), deep.len());
            // One type, and a byte each of the id and the key.
            let changed = passed.iter().zip(&deep).filter(|(now, then)| now != then);
            assert_eq!(changed.count(), 3);
            // What comes behind it is read again.
            assert!(passed.ends_with(&deliver(b"?")));
        }
    }

    #[test]
    fn whatever_comes_the_next_frame_is_found() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..2000 {
            let noise: Vec<u8> = (0..60)
                .map(|_| {
                    state ^= state << 13;
                    state ^= state >> 7;
                    state ^= state << 17;
                    state.to_le_bytes()[0]
                })
                .collect();
            let stream = [
                frame(HEADER, &noise),
                frame(METHOD, &noise),
                frame(METHOD, &[&[0, 60, 0, 60][..], &noise].concat()),
                deliver(b"\xff"),
            ]
            .concat();
            assert!(passed(&stream).ends_with(&deliver(b"?")));
        }
    }
}
