use std::fmt;
use std::str::FromStr;

use polywire_contract::{Digest, Version};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::NameError;
use super::name::segment;

/// One release of a plugin: its version, and the digest of its manifest. Written `1.4.2+` and 64 hexadecimal digits, which is
/// also the name of its folder.
///
/// The version orders and names releases. It says nothing about contracts, which have versions of their own.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseId {
    version: Version,
    digest: Digest,
}

const VALID: &str = "write a semantic version of at most 64 bytes in lower case and without build metadata, '+', and the 64 \
     hexadecimal digits of the release's SHA-256";

impl ReleaseId {
    /// A release.
    ///
    /// # Errors
    /// When the version has build metadata, upper-case letters, or more than 64 bytes.
    pub fn new(version: Version, digest: Digest) -> Result<Self, NameError> {
        check(&version)?;
        Ok(Self { version, digest })
    }

    /// Its version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.version
    }

    /// The digest of its manifest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Whether a version can be that of a release.
pub(super) fn check(version: &Version) -> Result<(), NameError> {
    let text = version.to_string();
    if version.build.is_empty() && segment(&text, 64, b".-") {
        Ok(())
    } else {
        Err(NameError::new("release version", &text, VALID))
    }
}

impl FromStr for ReleaseId {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        text.split_once('+')
            .and_then(|(version, digest)| {
                let version: Version = version.parse().ok()?;
                let digest = format!("sha256:{digest}").parse().ok()?;
                Self::new(version, digest).ok()
            })
            .ok_or_else(|| NameError::new("release", text, VALID))
    }
}

impl fmt::Display for ReleaseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = self.digest.to_string();
        let digits = digest.strip_prefix("sha256:").unwrap_or(&digest);
        write!(f, "{}+{digits}", self.version)
    }
}

impl Serialize for ReleaseId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ReleaseId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
