//! What is required and what was agreed on as fields.

use std::fmt::Display;

use polywire_contract::{Known, Name, Offer, Requirement, Status};

use crate::error::{Error, ErrorKind, Result};
use crate::stamp::Stamp;

const REQUIRE: &str = "contract-require";
const VERSION: &str = "contract-version";
const OFFER: &str = "contract-offer";
const DIGEST: &str = "contract-digest";
const STATUS: &str = "contract-status";
const INSTANCE: &str = "contract-instance";
const SINCE: &str = "contract-since";
const SUNSET: &str = "contract-sunset";
const LINK: &str = "contract-link";

/// Hands over the fields of a requirement.
///
/// # Errors
/// The first of `field`.
pub fn write_requirement(
    requirement: &Requirement,
    mut field: impl FnMut(&str, &str) -> Result<()>,
) -> Result<()> {
    field(REQUIRE, requirement.list_text())?;
    match requirement.known() {
        Some(known) => field(DIGEST, &known.to_string()),
        None => Ok(()),
    }
}

/// The requirement in fields, or else this one, which then knows what the fields say of the caller's own version; `None` without
/// either.
///
/// # Errors
/// `InvalidPayload` naming the field.
pub fn read_requirement<'a>(
    contract: &Name,
    otherwise: Option<&Requirement>,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Option<Requirement>> {
    let (mut ranges, mut known) = (None, None);
    for (name, value) in fields {
        match name {
            REQUIRE => ranges = Some(value),
            DIGEST => known = Some(value),
            _ => {}
        }
    }
    let requirement = match (otherwise, ranges) {
        (Some(requirement), _) => requirement.clone(),
        (None, Some(ranges)) => Requirement::parse_list(contract.clone(), ranges)
            .map_err(|error| wrong(REQUIRE, ranges, &error))?,
        (None, None) => return Ok(None),
    };
    let Some(text) = known else {
        return Ok(Some(requirement));
    };
    let Known { version, digest } = text.parse().map_err(|_| {
        wrong(
            DIGEST,
            text,
            &"expected \"sha256:<64 hexadecimal digits>; version=1.4.0\"",
        )
    })?;
    Ok(Some(requirement.with_known(version, digest)))
}

/// Hands over the fields of a stamp, all but its contract.
///
/// # Errors
/// The first of `field`.
pub fn write_stamp(stamp: &Stamp, mut field: impl FnMut(&str, &str) -> Result<()>) -> Result<()> {
    field(VERSION, &stamp.version.to_string())?;
    let offered: Vec<String> = stamp.offered.iter().map(ToString::to_string).collect();
    if !offered.is_empty() {
        field(OFFER, &offered.join(", "))?;
    }
    if let Some(digest) = &stamp.digest {
        field(DIGEST, &digest.to_string())?;
    }
    if stamp.status != Status::Current {
        field(STATUS, &stamp.status.to_string())?;
    }
    for (name, value) in [
        (INSTANCE, stamp.instance.as_deref()),
        (SINCE, stamp.since.as_deref()),
        (SUNSET, stamp.sunset.as_deref()),
        (LINK, stamp.link.as_deref()),
    ] {
        if let Some(value) = value {
            field(name, value)?;
        }
    }
    Ok(())
}

/// The stamp in fields; `None` when they state no version.
///
/// # Errors
/// `InvalidPayload` naming the field.
pub fn read_stamp<'a>(
    contract: &Name,
    fields: impl Iterator<Item = (&'a str, &'a str)>,
) -> Result<Option<Stamp>> {
    let mut version = None;
    let mut stamp = Stamp {
        contract: contract.clone(),
        version: polywire_contract::Version::new(0, 0, 0),
        digest: None,
        status: Status::Current,
        since: None,
        sunset: None,
        link: None,
        offered: [].into(),
        instance: None,
    };
    for (name, value) in fields {
        match name {
            VERSION => {
                version = Some(value.parse().map_err(|error| wrong(name, value, &error))?);
            }
            OFFER => {
                let offer = Offer::parse_header(contract.clone(), value)
                    .map_err(|error| wrong(name, value, &error))?;
                let versions = offer.versions().iter();
                stamp.offered = versions.map(|offered| offered.version.clone()).collect();
            }
            DIGEST => {
                let digest = value.parse().map_err(|error| wrong(name, value, &error))?;
                stamp.digest = Some(digest);
            }
            STATUS => stamp.status = Status::from_text(value),
            INSTANCE => stamp.instance = Some(value.into()),
            SINCE => stamp.since = Some(value.to_owned()),
            SUNSET => stamp.sunset = Some(value.to_owned()),
            LINK => stamp.link = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(version.map(|version| Stamp { version, ..stamp }))
}

fn wrong(name: &str, value: &str, why: &dyn Display) -> Error {
    let found: String = value.chars().take(40).collect();
    Error::new(
        ErrorKind::InvalidPayload,
        format!("header {name} is {found:?}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use polywire_contract::{Digest, Version};

    use super::*;

    const STOCK: Name = Name::from_static("stock");

    fn pairs(fields: &[(String, String)]) -> impl Iterator<Item = (&str, &str)> {
        let pairs = fields.iter();
        pairs.map(|(name, value)| (name.as_str(), value.as_str()))
    }

    #[test]
    fn a_stamp_that_is_written_is_read() {
        let whole = Stamp {
            contract: STOCK,
            version: Version::new(1, 4, 0),
            digest: Some(Digest::of(b"x")),
            status: Status::Deprecated,
            since: Some("2026-01-01T00:00:00Z".to_owned()),
            sunset: Some("2027-01-01T00:00:00Z".to_owned()),
            link: Some("https://example.com/stock".to_owned()),
            offered: [Version::new(1, 4, 0), Version::new(2, 0, 1)].into(),
            instance: Some("stock-7".into()),
        };
        let least = Stamp {
            digest: None,
            status: Status::Current,
            since: None,
            sunset: None,
            link: None,
            offered: [].into(),
            instance: None,
            ..whole.clone()
        };
        for (stamp, count) in [(whole, 8), (least, 1)] {
            let mut fields = Vec::new();
            write_stamp(&stamp, |name, value| {
                fields.push((name.to_owned(), value.to_owned()));
                Ok(())
            })
            .unwrap();
            assert_eq!(fields.len(), count);
            assert_eq!(read_stamp(&STOCK, pairs(&fields)).unwrap(), Some(stamp));
        }
        assert_eq!(read_stamp(&STOCK, [("x", "y")].into_iter()).unwrap(), None);
    }

    #[test]
    fn a_requirement_is_that_of_the_configuration_or_of_the_caller() {
        let own = Requirement::parse_list(STOCK, "^1.2")
            .unwrap()
            .with_known(Version::new(1, 2, 0), Digest::of(b"x"));
        let mut fields = Vec::new();
        write_requirement(&own, |name, value| {
            fields.push((name.to_owned(), value.to_owned()));
            Ok(())
        })
        .unwrap();
        let read = |otherwise| {
            read_requirement(&STOCK, otherwise, pairs(&fields))
                .unwrap()
                .unwrap()
        };
        assert_eq!(format!("{:?}", read(None)), format!("{own:?}"));
        let configured = Requirement::parse_list(STOCK, "^2").unwrap();
        let both = read(Some(&configured));
        assert_eq!((both.list_text(), both.known()), ("^2", own.known()));
        let none = [].into_iter();
        assert!(read_requirement(&STOCK, None, none).unwrap().is_none());
    }

    #[test]
    fn wrong_fields_are_named() {
        let error = |name, value| {
            let fields = || [(VERSION, "1.0.0"), (name, value)].into_iter();
            let stamp = read_stamp(&STOCK, fields()).map(drop);
            let required = [(REQUIRE, "^1"), (name, value)].into_iter();
            let requirement = read_requirement(&STOCK, None, required).map(drop);
            let error = stamp.and(requirement).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidPayload);
            error.to_string()
        };
        for (name, value) in [
            (VERSION, "one"),
            (OFFER, "1.0.0, two"),
            (DIGEST, "sha256:0"),
            (REQUIRE, "newest"),
        ] {
            let text = error(name, value);
            let begin = format!("header {name} is {value:?}: ");
            assert!(text.starts_with(&begin), "{text}");
        }
        let digest = Digest::of(b"x").to_string();
        let text = error(DIGEST, &digest);
        assert!(text.contains("version=1.4.0"), "{text}");
    }
}
