//! `[transport.http]`: `url` for consumers, `listen` for providers, and bounds that all have defaults.

use std::net::SocketAddr;
use std::time::Duration;

use polywire_core::config::Section;
use polywire_core::{Bounds, Capability, Error, ErrorKind, Result, Support, Trust};

use crate::tls::TlsConfig;
use crate::url::BaseUrl;

/// Which versions of HTTP are spoken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Protocol {
    /// A provider takes HTTP/1.1 and HTTP/2, over TLS (by ALPN) and without (h2c with prior knowledge). A consumer
    /// speaks HTTP/1.1, which is faster for single calls, unless TLS negotiates HTTP/2.
    #[default]
    Auto,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only, without TLS as h2c with prior knowledge (RFC 9113 section 3.3): many calls on one connection.
    Http2,
}

/// The settings of an HTTP transport, for either end or both.
#[derive(Clone, Debug)]
pub struct HttpConfig {
    /// Where providers are, for consumers. Several are replicas that take turns.
    pub urls: Vec<BaseUrl>,
    /// Where to listen, for providers; port 0 takes a free one.
    pub listen: Option<SocketAddr>,
    /// The versions of HTTP.
    pub protocol: Protocol,
    /// Certificates of either end.
    pub tls: Option<TlsConfig>,
    /// Says that a proxy in front of a provider ends TLS.
    pub behind_tls_proxy: bool,
    /// Says that a provider may listen, and tokens may travel, beyond loopback without TLS.
    pub allow_plaintext: bool,
    /// Says that callers from beyond loopback need no token.
    pub allow_anonymous: bool,
    /// The largest payload either way, in bytes.
    pub max_payload: usize,
    /// The largest head of a request or of an answer, in bytes.
    pub max_header_bytes: usize,
    /// How many connections a provider holds; beyond it, new ones wait to be accepted.
    pub max_connections: usize,
    /// How many handlers of all contracts run at once; beyond it, `Overloaded`.
    pub max_in_flight: usize,
    /// How many bytes of payloads may be half read at once; beyond it, `Overloaded`.
    pub max_buffered: usize,
    /// How long a connection may take for TLS, and for the head of a request from its first byte on.
    pub header_timeout: Duration,
    /// How long a payload may take to arrive.
    pub body_timeout: Duration,
    /// How long a connection may be idle: at a provider before it is closed, at a consumer before it is not used again.
    pub idle_timeout: Duration,
    /// How long a consumer waits for a connection.
    pub connect_timeout: Duration,
    /// How many idle connections a consumer keeps per replica.
    pub max_idle: usize,
    /// How often each end of an event stream shows that it lives; after three times that it counts as gone.
    pub heartbeat: Duration,
    /// The bounds of event queues, the replay log, commands and letters that a provider keeps.
    pub bounds: Bounds,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            listen: None,
            protocol: Protocol::Auto,
            tls: None,
            behind_tls_proxy: false,
            allow_plaintext: false,
            allow_anonymous: false,
            max_payload: 2 * 1024 * 1024,
            max_header_bytes: 64 * 1024,
            max_connections: 4096,
            max_in_flight: 8192,
            max_buffered: 256 * 1024 * 1024,
            header_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(30),
            idle_timeout: Duration::from_secs(60),
            connect_timeout: Duration::from_secs(5),
            max_idle: 64,
            heartbeat: Duration::from_secs(15),
            bounds: Bounds {
                replay_messages: 8192,
                replay_bytes: 16 * 1024 * 1024,
                ..Bounds::default()
            },
        }
    }
}

impl HttpConfig {
    /// Reads a section; whatever is wrong is noted there, and `None` says that something was.
    #[must_use]
    pub fn read(section: &Section, authenticated: bool) -> Option<Self> {
        let default = Self::default();
        let (second, day) = (Duration::from_millis(1), Duration::from_secs(24 * 3600));
        let bytes = |key: &str, range, default: usize| {
            section
                .size(key, range)
                .map_or(default, |size| usize::try_from(size).unwrap_or(usize::MAX))
        };
        let time =
            |key: &str, default: Duration| section.duration(key, second..=day).unwrap_or(default);
        let mut sound = true;
        let mut urls = Vec::new();
        for text in section.list("url").unwrap_or_default() {
            match text.parse() {
                Ok(url) => urls.push(url),
                Err(error) => {
                    section.mistake("url", Error::to_string(&error));
                    sound = false;
                }
            }
        }
        sound &= !section.has("url") || !urls.is_empty();
        let listen = section.address("listen");
        sound &= !section.has("listen") || listen.is_some();
        let protocol = match section.one_of("protocol", &["auto", "http1", "http2", "h2c"]) {
            Some("http1") => Protocol::Http1,
            Some("http2" | "h2c") => Protocol::Http2,
            _ => Protocol::Auto,
        };
        let tls = match section.section("tls").map(|tls| TlsConfig::read(&tls)) {
            Some(None) => {
                sound = false;
                None
            }
            Some(tls) => tls,
            None => None,
        };
        let replay = section.section_or_empty("replay");
        let bounds = Bounds {
            replay_messages: replay
                .integer("messages", 0..=10_000_000)
                .unwrap_or(default.bounds.replay_messages),
            replay_bytes: replay
                .size("bytes", 0..=1 << 40)
                .map_or(default.bounds.replay_bytes, |size| {
                    usize::try_from(size).unwrap_or(usize::MAX)
                }),
            ..Bounds::read(section, &default.bounds)
        };
        replay.finish();
        let config = Self {
            urls,
            listen,
            protocol,
            tls,
            behind_tls_proxy: section.bool("behind_tls_proxy").unwrap_or_default(),
            allow_plaintext: section.bool("allow_plaintext").unwrap_or_default(),
            allow_anonymous: section.bool("allow_anonymous").unwrap_or_default(),
            max_payload: bytes("max_payload", 1..=1 << 31, default.max_payload),
            max_header_bytes: bytes("max_header_bytes", 8192..=1 << 24, default.max_header_bytes),
            max_connections: section
                .integer("max_connections", 1..=1_000_000)
                .unwrap_or(default.max_connections),
            max_in_flight: section
                .integer("max_in_flight", 1..=1_000_000)
                .unwrap_or(default.max_in_flight),
            max_buffered: bytes("max_buffered", 1..=1 << 40, default.max_buffered),
            header_timeout: time("header_timeout", default.header_timeout),
            body_timeout: time("body_timeout", default.body_timeout),
            idle_timeout: time("idle_timeout", default.idle_timeout),
            connect_timeout: time("connect_timeout", default.connect_timeout),
            max_idle: section
                .integer("max_idle", 1..=100_000)
                .unwrap_or(default.max_idle),
            heartbeat: time("heartbeat", default.heartbeat),
            bounds,
        };
        section.finish();
        for (key, message) in config.contradictions(authenticated) {
            section.mistake(key, message);
            sound = false;
        }
        sound.then_some(config)
    }

    /// Checks what [`HttpConfig::read`] checks beyond single values.
    ///
    /// # Errors
    /// `Config` with everything that contradicts.
    pub fn check(&self, authenticated: bool) -> Result<()> {
        let wrong: Vec<String> = self
            .contradictions(authenticated)
            .into_iter()
            .map(|(key, message)| format!("{key}: {message}"))
            .collect();
        if wrong.is_empty() {
            Ok(())
        } else {
            Err(Error::new(ErrorKind::Config, wrong.join("; ")))
        }
    }

    fn contradictions(&self, authenticated: bool) -> Vec<(&'static str, String)> {
        let mut wrong = Vec::new();
        let serves_tls = self.tls.as_ref().is_some_and(TlsConfig::can_serve);
        if let Some(address) = self.listen.filter(|address| !address.ip().is_loopback()) {
            if !serves_tls && !self.behind_tls_proxy && !self.allow_plaintext {
                wrong.push((
                    "listen",
                    format!(
                        "{address} is reached from beyond this machine, without TLS: give tls.cert and tls.key, say behind_tls_proxy = true, or allow_plaintext = true"
                    ),
                ));
            }
            if !authenticated && !self.allow_anonymous {
                wrong.push((
                    "listen",
                    format!(
                        "{address} is reached from beyond this machine, by callers who prove nothing: configure [service.auth], or say allow_anonymous = true"
                    ),
                ));
            }
        }
        if self.listen.is_some() && self.tls.is_some() && !serves_tls {
            wrong.push((
                "tls",
                "listen needs tls.cert and tls.key: found neither".to_owned(),
            ));
        }
        if self.header_timeout > self.idle_timeout {
            wrong.push((
                "header_timeout",
                "is longer than idle_timeout, which closes the connection first: make it shorter"
                    .to_owned(),
            ));
        }
        wrong
    }

    /// What channels of this transport can do.
    #[must_use]
    pub fn capability(&self) -> Capability {
        Capability {
            trust: Trust::Untrusted,
            call: Support::Native,
            send: Support::Native,
            publish: Support::Emulated,
            subscribe: Support::Emulated,
            discover: true,
            ordered_by_key: true,
            resume: true,
            durable: false,
            max_payload: self.max_payload,
        }
    }
}
