//! The query of a URL.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use polywire_core::Result;

use super::events::invalid;

/// The parameters of a query, percent-decoded when asked for.
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) fn of(query: Option<&'a str>) -> Self {
        Self(query.unwrap_or_default())
    }

    /// The first value of a name.
    pub(super) fn get(&self, name: &str) -> Option<Cow<'a, str>> {
        let value = self
            .0
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)?
            .1;
        Some(percent_decode_str(value).decode_utf8_lossy())
    }

    /// A number within a range.
    ///
    /// # Errors
    /// `InvalidPayload` naming what was found.
    pub(super) fn number(&self, name: &str, least: usize, most: usize) -> Result<Option<usize>> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let number = text
            .parse()
            .ok()
            .filter(|number| (least..=most).contains(number));
        number.map(Some).ok_or_else(|| {
            let found: String = text.chars().take(40).collect();
            invalid(format!(
                "{name} is {found:?}: expected a number from {least} to {most}"
            ))
        })
    }
}
