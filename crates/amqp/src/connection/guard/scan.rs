//! Frames read as far as it takes to find tables and short texts in them, in pieces as they arrive.

mod layout;

use super::utf8::Utf8;
use layout::{Field, PROPERTIES, arguments};

/// How deep tables and arrays may stand in each other.
const MAX_DEPTH: usize = 32;
const METHOD: u8 = 1;
const HEADER: u8 = 2;
/// Type, channel and size.
const FRAME_HEAD: usize = 7;
/// Class, weight and size of the body, before the flags of a header frame.
const BEFORE_FLAGS: usize = 12;

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
            } else if let Some(count) = self.plain(rest) {
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
        self.go_on(left - 1, step);
        mended
    }

    /// On over the next bytes of a text that are ASCII and so stand as they are: how many, if any.
    fn plain(&mut self, bytes: &[u8]) -> Option<usize> {
        let (left, step): (_, fn(usize) -> Step) = match self.step {
            Step::Short(left) => (left, Step::Short),
            Step::Key(left) => (left, Step::Key),
            _ => return None,
        };
        // A text may claim more than its frame has.
        let bytes = bytes.get(..left.min(self.frame)).unwrap_or(bytes);
        let count = if !self.text.is_between_characters() {
            0
        } else if bytes.is_ascii() {
            bytes.len()
        } else {
            bytes.iter().take_while(|byte| byte.is_ascii()).count()
        };
        if count == 0 {
            return None;
        }
        self.go_on(left - count, step);
        Some(count)
    }

    /// On in a text, or behind it.
    fn go_on(&mut self, left: usize, step: fn(usize) -> Step) {
        if left > 0 {
            self.step = step(left);
        } else {
            self.after_text(step(0));
        }
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
mod tests;
