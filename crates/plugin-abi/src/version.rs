//! Four versions that are never compared with each other: of this interface, a contract, a release, a manifest.

use std::fmt;
use std::str::FromStr;

use semver::Version;

/// The version of the C interface. The major is part of the symbol's name; a minor only appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AbiVersion {
    major: u16,
    minor: u16,
}

/// The version of a contract that a plugin serves: what consumers negotiate.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContractVersion(Version);

/// The version of a release of a plugin: it names and orders deployments, nothing else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseVersion(Version);

/// The number of the format that a manifest is written in, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ManifestFormat(u32);

/// A text or number that is no version of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{found:?} is no {what}: {expected}")]
pub struct VersionError {
    what: &'static str,
    found: String,
    expected: String,
}

/// The longest text of a version that is read, in bytes.
const MAX_TEXT: usize = 256;

impl AbiVersion {
    /// The version of these two numbers.
    #[must_use]
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }

    /// What may not change incompatibly.
    #[must_use]
    pub const fn major(self) -> u16 {
        self.major
    }

    /// What was appended.
    #[must_use]
    pub const fn minor(self) -> u16 {
        self.minor
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl ContractVersion {
    /// The semantic version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.0
    }
}

impl ReleaseVersion {
    /// The semantic version.
    #[must_use]
    pub fn version(&self) -> &Version {
        &self.0
    }
}

impl From<Version> for ContractVersion {
    fn from(version: Version) -> Self {
        Self(version)
    }
}

impl From<Version> for ReleaseVersion {
    fn from(version: Version) -> Self {
        Self(version)
    }
}

impl FromStr for ContractVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        semantic("contract version", text).map(Self)
    }
}

impl FromStr for ReleaseVersion {
    type Err = VersionError;

    fn from_str(text: &str) -> Result<Self, VersionError> {
        semantic("release version", text).map(Self)
    }
}

impl fmt::Display for ContractVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for ReleaseVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl ManifestFormat {
    /// The format that this build writes.
    pub const CURRENT: Self = Self(1);

    /// The format of a number.
    ///
    /// # Errors
    /// For 0.
    pub fn new(number: u32) -> Result<Self, VersionError> {
        if number == 0 {
            return Err(VersionError {
                what: "manifest format",
                found: "0".to_owned(),
                expected: "formats are numbered from 1".to_owned(),
            });
        }
        Ok(Self(number))
    }

    /// The number.
    #[must_use]
    pub const fn number(self) -> u32 {
        self.0
    }
}

impl fmt::Display for ManifestFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn semantic(what: &'static str, text: &str) -> Result<Version, VersionError> {
    let wrong = |expected: String| VersionError {
        what,
        found: text.chars().take(80).collect(),
        expected,
    };
    if text.len() > MAX_TEXT {
        return Err(wrong(format!(
            "it has {} bytes, at most {MAX_TEXT} are read",
            text.len()
        )));
    }
    text.parse()
        .map_err(|error| wrong(format!("{error}; write it like \"1.4.2\"")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_that_are_no_version_say_which_one() {
        let error = "1.4".parse::<ContractVersion>().unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"1.4\" is no contract version: unexpected end of input while parsing minor version number; write it like \"1.4.2\""
        );
        let error = "".parse::<ReleaseVersion>().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("\"\" is no release version: "),
            "{error}"
        );
        let long = format!("1.0.0-{}", "a".repeat(MAX_TEXT));
        let error = long.parse::<ReleaseVersion>().unwrap_err();
        assert!(
            error.to_string().ends_with("at most 256 are read"),
            "{error}"
        );
        assert_eq!(
            ManifestFormat::new(0).unwrap_err().to_string(),
            "\"0\" is no manifest format: formats are numbered from 1"
        );
    }

    #[test]
    fn versions_are_written_as_they_are_read() {
        let release: ReleaseVersion = "1.4.2+9f3c".parse().unwrap();
        assert_eq!(release.to_string(), "1.4.2+9f3c");
        let contract: ContractVersion = "2.0.0-rc.1".parse().unwrap();
        assert_eq!(contract.to_string(), "2.0.0-rc.1");
        assert_eq!(AbiVersion::new(1, 3).to_string(), "1.3");
        assert_eq!(
            ManifestFormat::new(1).unwrap().number(),
            ManifestFormat::CURRENT.number()
        );
    }
}
