//! Texts made UTF-8 byte by byte, without looking back.

/// What may come next in a text (RFC 3629 section 4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Utf8 {
    /// How many bytes of the character are still to come.
    missing: usize,
    /// The least and the greatest value of the next one.
    next: (u8, u8),
}

const CONTINUATION: (u8, u8) = (0x80, 0xBF);

impl Utf8 {
    /// Whether the next byte begins a character.
    pub(super) fn is_between_characters(&self) -> bool {
        self.missing == 0
    }

    /// The byte, or another where it would break the text; `after` bytes of the text follow it.
    pub(super) fn mend(&mut self, byte: u8, after: usize) -> u8 {
        if self.missing > 0 {
            let (least, greatest) = self.next;
            self.missing -= 1;
            self.next = CONTINUATION;
            return if (least..=greatest).contains(&byte) {
                byte
            } else {
                least
            };
        }
        let (missing, next) = match byte {
            0x00..=0x7F => return byte,
            0xC2..=0xDF => (1, CONTINUATION),
            0xE0 => (2, (0xA0, 0xBF)),
            0xED => (2, (0x80, 0x9F)),
            0xE1..=0xEF => (2, CONTINUATION),
            0xF0 => (3, (0x90, 0xBF)),
            0xF1..=0xF3 => (3, CONTINUATION),
            0xF4 => (3, (0x80, 0x8F)),
            _ => return b'?',
        };
        if missing > after {
            return b'?';
        }
        *self = Self { missing, next };
        byte
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(bytes: &[u8]) -> Vec<u8> {
        let mut state = Utf8::default();
        let after = (0..bytes.len()).rev();
        bytes
            .iter()
            .zip(after)
            .map(|(byte, after)| state.mend(*byte, after))
            .collect()
    }

    #[test]
    fn utf8_stays_as_it_is() {
        for text in [
            "",
            "plain",
            "Grüße",
            "訂單 🚚",
            "\u{7ff}\u{800}\u{ffff}\u{10000}\u{10ffff}\u{d7ff}\u{e000}",
        ] {
            assert_eq!(mended(text.as_bytes()), text.as_bytes());
        }
    }

    #[test]
    fn whatever_comes_becomes_utf8_of_the_same_length() {
        // Every sequence of three bytes with at most one of each kind that matters.
        let kinds = [
            0x41, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xC2, 0xE0, 0xE1, 0xED, 0xF0, 0xF1,
            0xF4, 0xF5, 0xFF,
        ];
        for a in kinds {
            for b in kinds {
                for c in kinds {
                    for d in kinds {
                        let mended = mended(&[a, b, c, d]);
                        assert!(
                            std::str::from_utf8(&mended).is_ok(),
                            "{a:x} {b:x} {c:x} {d:x}"
                        );
                        if std::str::from_utf8(&[a, b, c, d]).is_ok() {
                            assert_eq!(mended, [a, b, c, d]);
                        }
                    }
                }
            }
        }
    }
}
