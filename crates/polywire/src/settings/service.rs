//! `[service]`: who this process is, and how long it may take to stop.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::Authenticator;
use polywire_core::config::Section;
use rand::RngExt;

/// What `[service]` says.
#[derive(Clone, Debug)]
pub(crate) struct ServiceSettings {
    /// The service's name; the program's own by default.
    pub(crate) name: String,
    /// This instance among its replicas; the name and a random number by default.
    pub(crate) instance: String,
    /// How long [`crate::Polywire::run`] lets running work finish.
    pub(crate) drain_timeout: Duration,
}

const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_DRAIN: Duration = Duration::from_secs(3600);

/// Reads `[service]` and `[service.auth]`; `brought` says that the program brings an authenticator of its own.
pub(super) fn read(
    section: &Section,
    brought: bool,
) -> (ServiceSettings, Option<Arc<dyn Authenticator>>) {
    let name = section.identifier("name").unwrap_or_else(program);
    let instance = section
        .string("instance")
        .filter(|instance| is_instance(section, instance));
    let instance =
        instance.unwrap_or_else(|| format!("{name}-{:08x}", rand::rng().random::<u32>()));
    let drain_timeout = section
        .duration("drain_timeout", Duration::from_millis(1)..=LONGEST_DRAIN)
        .unwrap_or(DRAIN_TIMEOUT);
    let authenticator = auth(section, &name, brought);
    section.finish();
    (
        ServiceSettings {
            name,
            instance,
            drain_timeout,
        },
        authenticator,
    )
}

/// It travels in headers, so it is bounded and printable.
fn is_instance(section: &Section, instance: &str) -> bool {
    let valid =
        (1..=100).contains(&instance.len()) && instance.bytes().all(|byte| byte.is_ascii_graphic());
    if !valid {
        section.mistake(
            "instance",
            format!(
                "instance of {} bytes: expected 1 to 100 printable ASCII characters without spaces",
                instance.len()
            ),
        );
    }
    valid
}

#[cfg(feature = "jwt")]
fn auth(section: &Section, name: &str, brought: bool) -> Option<Arc<dyn Authenticator>> {
    let table = section.section("auth")?;
    let authenticator = super::auth::read(&table, name);
    if brought {
        section.mistake(
            "auth",
            "the program brings its own authenticator: remove [service.auth]",
        );
    }
    authenticator
}

#[cfg(not(feature = "jwt"))]
fn auth(section: &Section, _: &str, _: bool) -> Option<Arc<dyn Authenticator>> {
    section.section("auth")?;
    section.mistake("auth", "[service.auth] is not part of this program: build it with the feature \"jwt\" of polywire, or remove the table");
    None
}

/// The name of the running program, as an identifier.
fn program() -> String {
    let path = std::env::current_exe().unwrap_or_default();
    let stem = path
        .file_stem()
        .unwrap_or(Path::new("service").as_os_str())
        .to_string_lossy()
        .to_ascii_lowercase();
    let name: String = stem
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
        .collect();
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase());
    if name.is_empty() {
        "service".to_owned()
    } else {
        name.to_owned()
    }
}
