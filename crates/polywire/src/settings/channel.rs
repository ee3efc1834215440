//! `[channel.NAME]`: a contract, what is required of it, and how it is reached.

use std::collections::BTreeMap;
use std::time::Duration;

use polywire_core::config::Section;
use polywire_core::contract::{Name, NameError, Range, Requirement};
use polywire_core::{Limits, Need, Policy, Token};
use polywire_layers::RetryPolicy;

use super::need;
use super::select::{Candidate, Choice, select};
use super::transport::Transports;

/// What `[channel.NAME]` says.
#[derive(Clone, Debug)]
pub(crate) struct ChannelSettings {
    /// The contract; `None` when its name is wrong.
    pub(crate) contract: Option<Name>,
    /// What clients require; `None` for the version that they were generated from.
    pub(crate) require: Option<Requirement>,
    /// The name of its transport; `None` when none could be chosen.
    pub(crate) transport: Option<String>,
    /// Why it is on that transport.
    pub(crate) reason: String,
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) need: Need,
    /// What holds for clients.
    pub(crate) policy: Policy,
    /// The longest deadline that a caller may set, if there is a bound.
    pub(crate) max_timeout: Option<Duration>,
    pub(crate) retry: RetryPolicy,
    /// What holds for providers.
    pub(crate) limits: Limits,
}

/// The keys of a channel; a channel that only the environment has is named by the words before the first of them.
const KEYS: [&str; 13] = [
    "contract",
    "require",
    "transport",
    "need",
    "timeout",
    "max_timeout",
    "retries",
    "skew_retries",
    "token",
    "prefetch",
    "max_in_flight",
    "max_payload",
    "max_duration",
];
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Reads `[channel.*]`.
pub(super) fn read(
    section: &Section,
    transports: &mut Transports<'_>,
) -> BTreeMap<String, ChannelSettings> {
    let read = |table: Section| (table.name().to_owned(), channel(&table, transports));
    section
        .sections_with_keys(&KEYS)
        .into_iter()
        .map(read)
        .collect()
}

fn channel(section: &Section, transports: &mut Transports<'_>) -> ChannelSettings {
    let contract = contract(section);
    let require = require(section, contract.as_ref());
    let need = section
        .section("need")
        .map(|table| need::read(&table))
        .unwrap_or_default();
    let Choice {
        transport,
        reason,
        candidates,
    } = select(section, &need, transports);
    let largest = transport
        .as_deref()
        .and_then(|name| largest_payload(name, transports));
    let settings = ChannelSettings {
        contract,
        require,
        policy: policy(section),
        max_timeout: max_timeout(section),
        retry: retry(section),
        limits: limits(section, transport.as_deref(), largest),
        transport,
        reason,
        candidates,
        need,
    };
    section.finish();
    settings
}

/// The contract, which is called like its channel unless the file says otherwise.
fn contract(section: &Section) -> Option<Name> {
    let named = section.identifier("contract");
    if named.is_none() && section.has("contract") {
        return None;
    }
    let hint = if named.is_some() {
        ""
    } else {
        "; name the contract of this channel with contract = \"...\""
    };
    match named.as_deref().unwrap_or(section.name()).parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let error: NameError = error;
            section.mistake("contract", format!("{error}{hint}"));
            None
        }
    }
}

/// The ranges required, the preferred one first.
fn require(section: &Section, contract: Option<&Name>) -> Option<Requirement> {
    let texts = section.list_separated_by("require", ';')?;
    let mut ranges = Vec::with_capacity(texts.len());
    for text in &texts {
        match text.parse::<Range>() {
            Ok(range) => ranges.push(range),
            Err(error) => section.mistake("require", error.to_string()),
        }
    }
    if ranges.len() < texts.len() {
        return None;
    }
    Requirement::new(contract?.clone(), ranges)
        .map_err(|error| section.mistake("require", error.to_string()))
        .ok()
}

fn policy(section: &Section) -> Policy {
    let default = Policy::default();
    let token = section.secret("token").and_then(|secret| {
        let text = secret.expose();
        let valid = (1..=Token::MAX).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !valid {
            section.mistake(
                "token",
                format!(
                    "token of {} bytes: expected 1 to {} printable ASCII characters",
                    text.len(),
                    Token::MAX
                ),
            );
        }
        valid.then(|| Token::new(text))
    });
    Policy {
        timeout: section
            .duration("timeout", SHORTEST..=LONGEST)
            .unwrap_or(default.timeout),
        skew_retries: section
            .integer("skew_retries", 0..=20)
            .unwrap_or(default.skew_retries),
        token,
        prefetch: section
            .integer("prefetch", 1..=10_000)
            .unwrap_or(default.prefetch),
    }
}

fn max_timeout(section: &Section) -> Option<Duration> {
    let longest = section.duration("max_timeout", SHORTEST..=LONGEST)?;
    let usual = section.duration("timeout", SHORTEST..=LONGEST);
    if let Some(usual) = usual.filter(|usual| *usual > longest) {
        let text = format!(
            "timeout of {usual:?} and max_timeout of {longest:?}: lower the first or raise the second"
        );
        section.mistake("timeout", text);
    }
    Some(longest)
}

fn retry(section: &Section) -> RetryPolicy {
    let default = RetryPolicy::default();
    RetryPolicy {
        max_retries: section
            .integer("retries", 0..=10)
            .unwrap_or(default.max_retries),
        ..default
    }
}

fn limits(section: &Section, transport: Option<&str>, largest: Option<u64>) -> Limits {
    let default = Limits::default();
    let configured = section.size("max_payload", 1..=1 << 40);
    if let (Some(found), Some(largest), Some(transport)) = (configured, largest, transport)
        && found > largest
    {
        section.mistake(
            "max_payload",
            format!("max_payload of {found} bytes: transport \"{transport}\" carries at most {largest}; raise max_payload in its table or lower this one"),
        );
    }
    let bytes = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    // What the transport carries, unless the channel takes less.
    let max_payload = configured.or(largest).map_or(default.max_payload, bytes);
    Limits {
        max_payload,
        max_in_flight: section
            .integer("max_in_flight", 1..=1_000_000)
            .unwrap_or(default.max_in_flight),
        max_duration: section
            .duration("max_duration", SHORTEST..=LONGEST)
            .unwrap_or(default.max_duration),
    }
}

fn largest_payload(name: &str, transports: &Transports<'_>) -> Option<u64> {
    let transport = transports
        .configured
        .iter()
        .find(|transport| transport.name == name)?;
    let capability = transport.capability()?;
    Some(u64::try_from(capability.max_payload).unwrap_or(u64::MAX))
}
