//! Numbers as lower-case hexadecimal digits, as ids and traces have them: without the machinery of formatting, since every
//! message has some.

const DIGITS: &[u8; 16] = b"0123456789abcdef";
/// The value of what is no digit.
const NONE: u8 = 16;
/// What each byte means as a digit.
const VALUES: [u8; 256] = {
    let mut values = [NONE; 256];
    let mut digit = 0;
    while digit < NONE {
        values[DIGITS[digit as usize] as usize] = digit;
        digit += 1;
    }
    values
};

/// Writes bytes as two digits each; what does not fit is left out.
pub(crate) fn write(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.chunks_exact_mut(2)) {
        pair[0] = DIGITS[usize::from(byte >> 4)];
        pair[1] = DIGITS[usize::from(byte & 15)];
    }
}

/// Digits as text.
pub(crate) fn text(digits: &[u8]) -> &str {
    // They are ASCII.
    std::str::from_utf8(digits).unwrap_or_default()
}

/// The number that digits mean, at most 32 of them; `None` where one is no lower-case digit.
pub(crate) fn read(digits: &[u8]) -> Option<u128> {
    // Halves fit a register each.
    let (high, low) = digits.split_at(digits.len().saturating_sub(16));
    if high.len() > 16 {
        return None;
    }
    Some(u128::from(half(high)?) << 64 | u128::from(half(low)?))
}

fn half(digits: &[u8]) -> Option<u64> {
    // Without a branch for each digit, of which half would be guessed wrongly.
    let (mut number, mut seen) = (0, 0);
    for digit in digits {
        let value = VALUES[usize::from(*digit)];
        seen |= value;
        number = number << 4 | u64::from(value & 15);
    }
    (seen < NONE).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_and_read_as_they_are_formatted() {
        for number in [0, 1, u128::MAX, 0x0123_4567_89ab_cdef_fedc_ba98_7654_3210] {
            let mut digits = [0; 32];
            write(&number.to_be_bytes(), &mut digits);
            assert_eq!(text(&digits), format!("{number:032x}"));
            assert_eq!(read(&digits), Some(number));
        }
        assert_eq!(read(b"1f"), Some(31));
        assert_eq!(read(b""), Some(0));
    }

    #[test]
    fn other_letters_and_longer_numbers_are_none() {
        for digits in ["F", "g", " ", "0x1", "-1", "+1"] {
            assert_eq!(read(digits.as_bytes()), None, "{digits:?}");
        }
        assert_eq!(read(&[b'0'; 33]), None);
    }
}
