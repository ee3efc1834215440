//! `[transport.webhook]`: everything that HTTP's listener and client have, and what webhooks add to it.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use polywire_core::config::{Section, redact_url_passwords};
use polywire_core::{Bounds, Capability, Error, ErrorKind, Result, Support, Token, Trust};
use polywire_http::HttpConfig;

use crate::guard::{Policy, PolicyError};
use crate::schedule::{EndpointLimits, Rate, RetryPlan};
use crate::seal::{Keyring, SealingKey};
use crate::signature::Algorithm;

const SECOND: Duration = Duration::from_secs(1);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// The settings of a webhook transport, for either end or both.
#[derive(Clone, Debug)]
pub struct WebhookConfig {
    /// The listener, the client and their bounds. Both ends listen: a provider for subscriptions and requests, a consumer
    /// for deliveries and replies.
    pub http: HttpConfig,
    /// The URL by which others reach the listener, where that is not its address.
    pub public_url: Option<String>,
    /// What a consumer shows to the provider to prove who it is.
    pub token: Option<Token>,
    /// Where subscriptions and messages are kept.
    pub store: StoreConfig,
    /// What keys of subscriptions are encrypted with at rest. Without one, an embedded store makes its own beside it.
    pub keys: Option<Keyring>,
    /// Where deliveries may go.
    pub sinks: Policy,
    /// The file of the authorities that sinks are checked by; without it, the public ones.
    pub sinks_ca: Option<PathBuf>,
    /// How a provider calls itself to sinks (`WebHook-Request-Origin`).
    pub origin: String,
    /// For how long a consumer subscribes at once, from a minute to 30 days; it renews at the half.
    pub lease: Duration,
    /// What a consumer asks deliveries to be signed with.
    pub sign: Vec<Algorithm>,
    /// When deliveries are tried again.
    pub retry: RetryPlan,
    /// How much one sink is given.
    pub endpoint: EndpointLimits,
    /// How long one delivery may take.
    pub timeout: Duration,
    /// The claim of a token that names the tenant.
    pub tenant_claim: String,
    /// How many subscriptions a tenant may have.
    pub max_subscriptions: usize,
    /// The bounds of the queues of what has arrived.
    pub bounds: Bounds,
}

/// Where subscriptions and messages are kept.
#[derive(Clone)]
pub enum StoreConfig {
    /// In SQLite files of a directory, for one machine.
    Directory(PathBuf),
    /// In a PostgreSQL database, for many.
    Postgres(String),
}

impl Default for WebhookConfig {
    fn default() -> Self {
        Self {
            http: HttpConfig::default(),
            public_url: None,
            token: None,
            store: StoreConfig::Directory("polywire-webhook".into()),
            keys: None,
            sinks: Policy::default(),
            sinks_ca: None,
            origin: "polywire".to_owned(),
            lease: DAY * 10,
            sign: vec![Algorithm::HmacSha256],
            retry: RetryPlan::default(),
            endpoint: EndpointLimits::default(),
            timeout: SECOND * 15,
            tenant_claim: "sub".to_owned(),
            max_subscriptions: 1000,
            bounds: HttpConfig::default().bounds,
        }
    }
}

impl WebhookConfig {
    /// Reads a section; whatever is wrong is noted there, and `None` says that something was.
    #[must_use]
    pub fn read(section: &Section, service: &str, authenticated: bool) -> Option<Self> {
        let default = Self::default();
        let public_url = section.string("public_url");
        let mut sound = true;
        let mut wrong = |key: &str, message: String| {
            section.mistake(key, message);
            sound = false;
        };
        if let Some(url) = &public_url
            && let Err(error) = url.parse::<polywire_http::BaseUrl>()
        {
            wrong("public_url", error.message().to_owned());
        }
        let store = section.string("store");
        let keys = match section.secret("sealing_keys") {
            None => None,
            Some(text) => match sealing_keys(text.expose()) {
                Ok(keys) => Some(keys),
                Err(error) => {
                    wrong("sealing_keys", error.message().to_owned());
                    None
                }
            },
        };
        let (sinks, sinks_ca) = match read_sinks(&section.section_or_empty("sinks")) {
            Some(read) => read,
            None => {
                sound = false;
                (Policy::default(), None)
            }
        };
        let mut wrong = |key: &str, message: String| {
            section.mistake(key, message);
            sound = false;
        };
        let retry = match section.durations("retry", SECOND..=RetryPlan::MAX_STEP) {
            None => default.retry.clone(),
            Some(steps) => RetryPlan::new(steps, 20).unwrap_or_else(|error| {
                wrong("retry", error.to_string());
                default.retry.clone()
            }),
        };
        let endpoint = EndpointLimits {
            concurrency: section
                .integer("concurrency", 1..=1000)
                .unwrap_or(default.endpoint.concurrency),
            rate: section
                .integer("rate_per_minute", 1..=60_000_000)
                .map(Rate::per_minute),
            disable_after: section
                .duration("disable_after", SECOND * 3600..=DAY * 365)
                .unwrap_or(default.endpoint.disable_after),
            ..default.endpoint.clone()
        };
        let sign = match section.list("sign") {
            None => default.sign.clone(),
            Some(texts) => algorithms(&texts).unwrap_or_else(|message| {
                wrong("sign", message);
                default.sign.clone()
            }),
        };
        let config = Self {
            public_url,
            token: section
                .secret("token")
                .map(|token| Token::new(token.expose())),
            store: store.map_or_else(|| default.store.clone(), |text| StoreConfig::of(&text)),
            keys,
            sinks,
            sinks_ca,
            origin: section
                .string("origin")
                .unwrap_or_else(|| service.to_owned()),
            lease: section
                .duration("lease", SECOND * 60..=DAY * 30)
                .unwrap_or(default.lease),
            sign,
            retry,
            endpoint,
            timeout: section
                .duration("timeout", SECOND..=SECOND * 300)
                .unwrap_or(default.timeout),
            tenant_claim: section
                .string("tenant_claim")
                .unwrap_or(default.tenant_claim),
            max_subscriptions: section
                .integer("max_subscriptions", 1..=1_000_000)
                .unwrap_or(default.max_subscriptions),
            bounds: default.bounds,
            // The last: it finishes the section.
            http: HttpConfig::read(section, authenticated)?,
        };
        let bounds = config.http.bounds.clone();
        sound.then_some(Self { bounds, ..config })
    }

    /// What channels of this transport can do.
    #[must_use]
    pub fn capability(&self) -> Capability {
        Capability {
            trust: Trust::Untrusted,
            call: Support::Emulated,
            send: Support::Native,
            publish: Support::Native,
            subscribe: Support::Native,
            discover: true,
            ordered_by_key: true,
            resume: true,
            durable: true,
            max_payload: self.http.max_payload,
        }
    }
}

impl StoreConfig {
    fn of(text: &str) -> Self {
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            Self::Postgres(text.to_owned())
        } else {
            Self::Directory(text.into())
        }
    }
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Directory(directory) => directory.fmt(f),
            Self::Postgres(url) => redact_url_passwords(url).fmt(f),
        }
    }
}

/// `NAME:BASE64, NAME:BASE64`: the first one seals, all open.
pub(crate) fn sealing_keys(text: &str) -> Result<Keyring> {
    let wrong = || {
        Error::new(
            ErrorKind::Config,
            "is no list of keys: write \"NAME:BASE64\", a name and 32 random bytes, several with commas; the first one seals, all open",
        )
    };
    let key = |entry: &str| {
        let (name, bytes) = entry.trim().split_once(':').ok_or_else(wrong)?;
        let bytes = STANDARD.decode(bytes).map_err(|_| wrong())?;
        SealingKey::new(name, &bytes)
    };
    let keys: Vec<SealingKey> = text.split(',').map(key).collect::<Result<_>>()?;
    Keyring::new(keys)
}

fn read_sinks(section: &Section) -> Option<(Policy, Option<PathBuf>)> {
    let ca = section.path("ca");
    let plaintext = section.bool("plaintext").unwrap_or_default();
    let ports: Option<Vec<u16>> = section.list_with_numbers("ports").map(|ports| {
        let read = |text: &String| {
            let port = text.parse().ok();
            if port.is_none() {
                section.mistake("ports", format!("has {text:?}: expected port numbers"));
            }
            port.unwrap_or_default()
        };
        ports.iter().map(read).collect()
    });
    let (allow, deny) = (section.list("allow"), section.list("deny"));
    section.finish();
    let noted = |key: &str, changed: std::result::Result<Policy, PolicyError>| {
        changed
            .map_err(|error| section.mistake(key, error.to_string()))
            .ok()
    };
    let policy = Policy::default().plaintext(plaintext);
    let policy = match allow {
        Some(list) => noted("allow", policy.allow(&list))?,
        None => policy,
    };
    let policy = match deny {
        Some(list) => noted("deny", policy.deny(&list))?,
        None => policy,
    };
    let policy = match ports {
        Some(list) => noted("ports", policy.ports(&list))?,
        None => policy,
    };
    Some((policy, ca))
}

fn algorithms(texts: &[String]) -> std::result::Result<Vec<Algorithm>, String> {
    let known = [Algorithm::HmacSha256, Algorithm::Ed25519];
    let read = |text: &String| {
        known
            .into_iter()
            .find(|algorithm| algorithm.version() == text)
            .ok_or_else(|| format!("has {text:?}: expected \"v1\" (HMAC) or \"v1a\" (ed25519)"))
    };
    if texts.is_empty() {
        return Err("is empty: expected \"v1\" (HMAC) or \"v1a\" (ed25519), or both".to_owned());
    }
    texts.iter().map(read).collect()
}
