//! The headers of a call: names and values one after another, read without copying.

/// The most headers of one call.
pub const MAX_HEADERS: usize = 128;
/// The most bytes that the headers of one call take.
pub const MAX_HEADER_BYTES: usize = 64 * 1024;

/// Two bytes for the length of the name, four for that of the value.
const LENGTHS: usize = 6;

/// The headers of a call that could be read.
#[derive(Clone, Copy, Debug)]
pub struct Headers<'a>(&'a [u8]);

/// Headers that cannot be read or written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HeaderError {
    /// More than [`MAX_HEADERS`] or [`MAX_HEADER_BYTES`].
    #[error("{found} {what} of headers: at most {most} are taken")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        found: usize,
        /// How much is taken.
        most: usize,
    },
    /// An entry ends after the headers do.
    #[error("header {index} ends at byte {end}, and there are {bytes}")]
    Short {
        /// Which entry, from 0.
        index: usize,
        /// Where it says that it ends.
        end: usize,
        /// How many bytes there are.
        bytes: usize,
    },
    /// A name or value that is no text.
    #[error("the {part} of header {index} is not UTF-8")]
    Text {
        /// Which entry, from 0.
        index: usize,
        /// Its name or its value.
        part: &'static str,
    },
}

impl<'a> Headers<'a> {
    /// The headers in these bytes, all of them checked.
    ///
    /// # Errors
    /// When an entry does not end within the bytes or is no text, or there are too many.
    pub fn read(bytes: &'a [u8]) -> Result<Self, HeaderError> {
        if bytes.len() > MAX_HEADER_BYTES {
            return Err(too_large("bytes", bytes.len(), MAX_HEADER_BYTES));
        }
        let (mut rest, mut index) = (bytes, 0);
        while !rest.is_empty() {
            if index == MAX_HEADERS {
                return Err(too_large("entries", index + 1, MAX_HEADERS));
            }
            let at = bytes.len() - rest.len();
            let (name, value, left) = split(rest).map_err(|end| HeaderError::Short {
                index,
                end: at + end,
                bytes: bytes.len(),
            })?;
            for (part, text) in [("name", name), ("value", value)] {
                if std::str::from_utf8(text).is_err() {
                    return Err(HeaderError::Text { index, part });
                }
            }
            (rest, index) = (left, index + 1);
        }
        Ok(Self(bytes))
    }

    /// The value of the first header of a name, given in lower case.
    #[must_use]
    pub fn get(mut self, name: &str) -> Option<&'a str> {
        self.find(|(found, _)| *found == name)
            .map(|(_, value)| value)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        let (name, value, rest) = split(self.0).ok()?;
        self.0 = rest;
        // SAFETY: `read` is the only way to headers, and has found both to be UTF-8.
        Some(unsafe {
            (
                std::str::from_utf8_unchecked(name),
                std::str::from_utf8_unchecked(value),
            )
        })
    }
}

/// Appends a header.
///
/// # Errors
/// When the name is longer than its length can tell, or the headers would be larger than [`MAX_HEADER_BYTES`].
pub fn write_header(headers: &mut Vec<u8>, name: &str, value: &str) -> Result<(), HeaderError> {
    let found = headers
        .len()
        .saturating_add(LENGTHS)
        .saturating_add(name.len())
        .saturating_add(value.len());
    if found > MAX_HEADER_BYTES {
        return Err(too_large("bytes", found, MAX_HEADER_BYTES));
    }
    let Ok(name_length) = u16::try_from(name.len()) else {
        return Err(too_large("bytes", name.len(), u16::MAX.into()));
    };
    let Ok(value_length) = u32::try_from(value.len()) else {
        return Err(too_large("bytes", value.len(), MAX_HEADER_BYTES));
    };
    headers.extend_from_slice(&name_length.to_le_bytes());
    headers.extend_from_slice(&value_length.to_le_bytes());
    headers.extend_from_slice(name.as_bytes());
    headers.extend_from_slice(value.as_bytes());
    Ok(())
}

/// Name, value and what follows.
type Entry<'a> = (&'a [u8], &'a [u8], &'a [u8]);

/// The first entry; where the entry would end when that is after the bytes.
fn split(bytes: &[u8]) -> Result<Entry<'_>, usize> {
    let Some((&[a, b, c, d, e, f], rest)) = bytes.split_first_chunk::<LENGTHS>() else {
        return if bytes.is_empty() {
            Err(0)
        } else {
            Err(LENGTHS)
        };
    };
    let name = usize::from(u16::from_le_bytes([a, b]));
    let value = usize::try_from(u32::from_le_bytes([c, d, e, f])).unwrap_or(usize::MAX);
    let end = name.saturating_add(value);
    match (rest.get(..name), rest.get(name..end), rest.get(end..)) {
        (Some(name), Some(value), Some(left)) => Ok((name, value, left)),
        _ => Err(end.saturating_add(LENGTHS)),
    }
}

fn too_large(what: &'static str, found: usize, most: usize) -> HeaderError {
    HeaderError::TooLarge { what, found, most }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        write_header(&mut bytes, "contract-message-id", "order 7/ü").unwrap();
        write_header(&mut bytes, "empty", "").unwrap();
        let headers = Headers::read(&bytes).unwrap();
        assert_eq!(headers.get("contract-message-id"), Some("order 7/ü"));
        assert_eq!(headers.get("empty"), Some(""));
        assert_eq!(headers.get("absent"), None);
        assert_eq!(headers.count(), 2);
        assert_eq!(Headers::read(&[]).unwrap().count(), 0);
    }

    #[test]
    fn every_cut_is_noticed_and_named() {
        let mut bytes = Vec::new();
        write_header(&mut bytes, "name", "value").unwrap();
        for end in 1..bytes.len() {
            assert!(Headers::read(&bytes[..end]).is_err(), "cut at {end}");
        }
        assert_eq!(
            Headers::read(&bytes[..9]).unwrap_err().to_string(),
            "header 0 ends at byte 15, and there are 9"
        );
        let last = bytes.len() - 1;
        bytes[last] = 0xff;
        assert_eq!(
            Headers::read(&bytes).unwrap_err().to_string(),
            "the value of header 0 is not UTF-8"
        );
    }

    #[test]
    fn bounds_hold_on_both_sides() {
        let mut bytes = Vec::new();
        for _ in 0..MAX_HEADERS {
            write_header(&mut bytes, "a", "").unwrap();
        }
        assert_eq!(Headers::read(&bytes).unwrap().count(), MAX_HEADERS);
        write_header(&mut bytes, "a", "").unwrap();
        assert_eq!(
            Headers::read(&bytes).unwrap_err().to_string(),
            "129 entries of headers: at most 128 are taken"
        );
        let value = "x".repeat(MAX_HEADER_BYTES);
        let error = write_header(&mut Vec::new(), "a", &value).unwrap_err();
        assert_eq!(
            error.to_string(),
            "65543 bytes of headers: at most 65536 are taken"
        );
    }
}
