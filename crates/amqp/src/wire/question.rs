//! The question whether a subscriber may join, as headers.

use lapin::BasicProperties;
use lapin::types::ShortString;
use polywire_contract::Name;
use polywire_core::{Result, Subscription};

use super::head::{Requirements, token};
use super::names;
use super::table::{Headers, Table};
use crate::client::Subject;
use crate::error::invalid;

/// What a provider needs to know of a subscriber to admit it.
///
/// # Errors
/// `TooLarge` when it does not fit a frame.
pub(crate) fn write_question(subscription: &Subscription) -> Result<BasicProperties> {
    let mut headers = Headers::default();
    headers.text(names::CONTRACT, subscription.contract.as_str());
    headers.text(names::EVENT_NAME, subscription.event.as_str());
    headers.text(names::REQUIRE, subscription.requirement.list_text());
    if let Some(token) = &subscription.token {
        headers.text(names::TOKEN, token.expose());
    }
    Ok(BasicProperties::default().with_headers(headers.finish()?))
}

/// Says which call a question or a notice is about.
///
/// # Errors
/// `TooLarge` when it does not fit a frame.
pub(crate) fn write_subject(
    properties: BasicProperties,
    subject: &Subject,
) -> Result<BasicProperties> {
    let mut headers = Headers::default();
    headers.text(names::CALL, subject.correlation_id.as_str());
    let properties = properties.with_headers(headers.finish()?);
    Ok(match &subject.message_id {
        Some(id) => properties.with_message_id(id.clone()),
        None => properties,
    })
}

/// Reads what [`write_subject`] wrote; `None` when it names no call.
pub(crate) fn read_subject(properties: &BasicProperties) -> Option<Subject> {
    let correlation_id = Table::of(properties).text(names::CALL).ok()??;
    Some(Subject {
        message_id: properties.message_id().clone(),
        correlation_id: ShortString::try_new(correlation_id).ok()?,
    })
}

/// Reads what [`write_question`] wrote; the group and the prefetch are not told.
///
/// # Errors
/// `InvalidPayload` or `TooLarge` naming the header.
pub(crate) fn read_question(
    properties: &BasicProperties,
    contract: &Name,
    requirements: &Requirements,
) -> Result<Subscription> {
    let table = Table::of(properties);
    let missing = |key: &str| invalid(format!("header {key} is missing"));
    let event = table
        .text(names::EVENT_NAME)?
        .ok_or_else(|| missing(names::EVENT_NAME))?;
    let event = event
        .parse()
        .map_err(|error| invalid(format!("header {}: {error}", names::EVENT_NAME)))?;
    let requirement = requirements
        .read(contract, table.text(names::REQUIRE)?, None)?
        .ok_or_else(|| missing(names::REQUIRE))?;
    Ok(Subscription {
        contract: contract.clone(),
        event,
        group: None,
        requirement,
        prefetch: 1,
        token: table.text(names::TOKEN)?.map(token).transpose()?,
    })
}
