//! Base64 (RFC 4648 section 4) as webhooks write it, and what is an id or a time.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::MAX_ID_BYTES;

/// Writes padding and reads with or without it: libraries differ there.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The most bytes that [`decode`] gives: a key pair's 64 and a secret's 75 fit.
const LONGEST: usize = 96;

pub(super) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

pub(super) fn encode_into(bytes: &[u8], text: &mut String) {
    BASE64.encode_string(bytes, text);
}

/// Fills the front of `buffer` and gives how much; `None` when the text is no base64 or longer than any key or signature.
pub(super) fn decode(text: &str, buffer: &mut [u8; LONGEST]) -> Option<usize> {
    if text.len() > LONGEST / 3 * 4 {
        return None;
    }
    BASE64.decode_slice(text, buffer).ok()
}

pub(super) const fn buffer() -> [u8; LONGEST] {
    [0; LONGEST]
}

/// Whether a text can be a `webhook-id`: visible ASCII without the dot that ends it in what is signed.
pub(super) fn is_id(text: &str) -> bool {
    (1..=MAX_ID_BYTES).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && byte != b'.')
}

/// Seconds since 1970, written the one way that they are printed: `+5` and `05` are none.
pub(super) fn seconds(text: &str) -> Option<i64> {
    let canonical = text == "0" || !text.starts_with('0');
    let digits = (1..=12).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    (canonical && digits).then(|| text.parse().ok()).flatten()
}
