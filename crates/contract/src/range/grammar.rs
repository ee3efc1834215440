use semver::VersionReq;

use super::Range;

/// Why a text is no [`Range`]. The message quotes what was found and says what to write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RangeError {
    /// Nothing to parse.
    #[error("empty range: write \"^1.2\", or \"*\" for any release")]
    Empty,
    /// Longer than [`Range::MAX_LEN`] bytes.
    #[error("range of {found} bytes: at most 200 are valid")]
    TooLong {
        /// Its length in bytes.
        found: usize,
    },
    /// A version without an operator, which languages read differently.
    #[error("bare version {found:?}: write \"^{found}\"")]
    Bare {
        /// The version as written.
        found: String,
    },
    /// A space where a comma is needed.
    #[error("space between {before:?} and {after:?}: write {:?}", format!("{before}, {after}"))]
    Space {
        /// The comparator before the space.
        before: String,
        /// What follows it.
        after: String,
    },
    /// `||`, which is no part of one range.
    #[error("\"||\" in range {found:?}: give an ordered list of ranges, best first: {list:?}")]
    Or {
        /// The text as written.
        found: String,
        /// The same as a list.
        list: String,
    },
    /// `1.x`, `1.*`, or `*` beside something else.
    #[error("wildcard {found:?}: write {instead:?}")]
    Wildcard {
        /// The comparator as written.
        found: String,
        /// The valid spelling.
        instead: String,
    },
    /// An operator outside the grammar.
    #[error("operator {found:?} in {comparator:?}: valid are ^ ~ = > >= < <=")]
    Operator {
        /// The operator as written.
        found: String,
        /// The comparator it stands in.
        comparator: String,
    },
    /// Build metadata, which never counts in a comparison.
    #[error("build metadata in {found:?} does not count: write {instead:?}")]
    Build {
        /// The comparator as written.
        found: String,
        /// The same without build metadata.
        instead: String,
    },
    /// A comparator that is no version after its operator.
    #[error("{found:?} is no valid range: {reason}; write one like \"^1.2\" or \">=1.2, <1.5\"")]
    Version {
        /// The comparator as written.
        found: String,
        /// What is wrong with it.
        reason: String,
    },
}

const OPERATORS: &str = "^~=<>!";

pub(super) fn parse(text: &str) -> Result<VersionReq, RangeError> {
    let text = text.trim_matches(SPACE);
    if text.is_empty() {
        return Err(RangeError::Empty);
    }
    if text.len() > Range::MAX_LEN {
        return Err(RangeError::TooLong { found: text.len() });
    }
    if text == "*" {
        return Ok(VersionReq::STAR);
    }
    if text.contains("||") {
        let parts: Vec<&str> = text
            .split("||")
            .map(|part| part.trim_matches(SPACE))
            .collect();
        return Err(RangeError::Or {
            found: text.to_owned(),
            list: parts.join("; "),
        });
    }
    let invalid = |reason: &str| RangeError::Version {
        found: text.to_owned(),
        reason: reason.to_owned(),
    };
    if text.contains(';') {
        return Err(invalid(
            "\";\" stands between the ranges of a list, and this is one range",
        ));
    }
    let mut comparators = Vec::new();
    for part in text.split(',').map(|part| part.trim_matches(SPACE)) {
        if part.is_empty() {
            return Err(invalid("a comparator is missing beside the comma"));
        }
        comparators.push(comparator(part)?);
    }
    Ok(VersionReq { comparators })
}

/// Space and tab only: other white space is refused as an unexpected character.
const SPACE: [char; 2] = [' ', '\t'];

fn comparator(text: &str) -> Result<semver::Comparator, RangeError> {
    let version = text.trim_start_matches(|c| OPERATORS.contains(c));
    let operator = &text[..text.len() - version.len()];
    let version = version.trim_start_matches(SPACE);
    if !matches!(operator, "" | "^" | "~" | "=" | ">" | ">=" | "<" | "<=") {
        return Err(RangeError::Operator {
            found: operator.to_owned(),
            comparator: text.to_owned(),
        });
    }
    if let Some((first, rest)) = version.split_once(SPACE) {
        return Err(spaced(operator, first, rest.trim_matches(SPACE)));
    }
    let wild = |part: &str| matches!(part, "*" | "x" | "X");
    if version.split('.').any(wild) {
        let instead = without_wildcard(operator, version.split('.').take_while(|part| !wild(part)));
        return Err(RangeError::Wildcard {
            found: text.to_owned(),
            instead,
        });
    }
    if operator.is_empty() {
        return Err(bare(text, version));
    }
    if let Some((plain, _)) = version.split_once('+') {
        let instead = format!("{operator}{plain}");
        return Err(RangeError::Build {
            found: text.to_owned(),
            instead,
        });
    }
    semver::Comparator::parse(&format!("{operator}{version}")).map_err(|wrong| {
        RangeError::Version {
            found: text.to_owned(),
            reason: wrong.to_string(),
        }
    })
}

fn bare(text: &str, version: &str) -> RangeError {
    let number = version.strip_prefix(['v', 'V']).unwrap_or(version);
    match semver::Comparator::parse(&format!("^{number}")) {
        Ok(_) => RangeError::Bare {
            found: number.split('+').next().unwrap_or(number).to_owned(),
        },
        Err(_) => RangeError::Version {
            found: text.to_owned(),
            reason: "an operator and a version are needed".to_owned(),
        },
    }
}

/// `>=1.2 <2`, and `1.2 - 1.4` as some languages write it.
fn spaced(operator: &str, first: &str, rest: &str) -> RangeError {
    match rest.strip_prefix('-') {
        Some(last) if operator.is_empty() => RangeError::Space {
            before: format!(">={first}"),
            after: format!("<={}", last.trim_matches(SPACE)),
        },
        _ => RangeError::Space {
            before: format!("{operator}{first}"),
            after: rest.to_owned(),
        },
    }
}

fn without_wildcard<'a>(operator: &str, fixed: impl Iterator<Item = &'a str>) -> String {
    let fixed: Vec<&str> = fixed.collect();
    match (operator, fixed.len()) {
        (_, 0) => "*".to_owned(),
        ("" | "=", 1) => format!("^{}", fixed[0]),
        ("" | "=", _) => format!("~{}", fixed.join(".")),
        (operator, _) => format!("{operator}{}", fixed.join(".")),
    }
}
