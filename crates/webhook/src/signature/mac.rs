//! HMAC-SHA256 (RFC 2104), which `v1` is.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// HMAC-SHA256 of the parts, one after the other.
pub(super) fn mac(secret: &[u8], parts: [&[u8]; 2]) -> [u8; 32] {
    // RFC 2104 section 2: a key is filled up to a block, and one that is longer is hashed first.
    let mut block = Zeroizing::new([0; 64]);
    if secret.len() > block.len() {
        block[..32].copy_from_slice(&Sha256::digest(secret));
    } else {
        block[..secret.len()].copy_from_slice(secret);
    }
    let mut mac = Hmac::<Sha256>::new((&*block).into());
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}
