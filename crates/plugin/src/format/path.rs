use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::NameError;
use super::name::segment;

/// Where an artifact stands inside its release, such as `x86_64-linux-gnu/liborders.so`.
///
/// Two segments, joined by `/`: a folder and a file. It cannot leave its release, and it reads the same on systems that do not
/// tell cases apart.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ArtifactPath(Arc<str>);

const VALID: &str = "write a folder and a file such as \"x86_64-linux-gnu/liborders.so\", each of 1 to 100 of a-z, 0-9, '.', '_', '+' and '-', \
     beginning with a letter or digit, without \"..\", without '.' at the end, and no device name";

impl ArtifactPath {
    /// The text, with `/` between folder and file.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The folder, one segment.
    #[must_use]
    pub fn folder(&self) -> &str {
        self.0.split_once('/').map_or("", |(folder, _)| folder)
    }

    /// The file, one segment.
    #[must_use]
    pub fn file(&self) -> &str {
        self.0.split_once('/').map_or("", |(_, file)| file)
    }

    /// The path below a release's folder.
    #[must_use]
    pub fn below(&self, release: &Path) -> PathBuf {
        release.join(self.folder()).join(self.file())
    }
}

impl FromStr for ArtifactPath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let valid = text
            .split_once('/')
            .is_some_and(|(folder, file)| [folder, file].iter().all(|s| segment(s, 100, b"._+-")));
        if valid {
            Ok(Self(Arc::from(text)))
        } else {
            Err(NameError::new("artifact path", text, VALID))
        }
    }
}

impl fmt::Display for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for ArtifactPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.0, f)
    }
}

impl Serialize for ArtifactPath {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for ArtifactPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}
