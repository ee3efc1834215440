//! `[service.auth]`: which signed tokens prove a caller.

use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use polywire_core::Authenticator;
use polywire_core::config::Section;
use polywire_layers::{Algorithm, JwtAuthenticator, JwtKey, JwtRules};

/// A public key in PEM is a few hundred bytes; a larger file is none.
const MAX_KEY_FILE: u64 = 64 * 1024;
const LONGEST_LEEWAY: Duration = Duration::from_secs(600);
const LEEWAY: Duration = Duration::from_secs(30);

/// Reads `[service.auth]`; tokens must name the service as their audience unless it says otherwise.
pub(super) fn read(section: &Section, service: &str) -> Option<Arc<dyn Authenticator>> {
    let algorithms = algorithms(section);
    let secret = secret(section);
    let public = public_keys(section);
    let rules = JwtRules {
        audience: section
            .list("audience")
            .unwrap_or_else(|| vec![service.to_owned()]),
        issuer: section.list("issuer").unwrap_or_default(),
        leeway: section
            .duration("leeway", Duration::ZERO..=LONGEST_LEEWAY)
            .unwrap_or(LEEWAY),
    };
    section.finish();
    let (algorithms, secret, public) = (algorithms?, secret?, public?);
    let keys = secret.into_iter().chain(public).collect();
    let made = JwtAuthenticator::new(&algorithms, keys, &rules);
    made.map(|made| Arc::new(made) as Arc<dyn Authenticator>)
        .map_err(|error| section.mistake("algorithms", error.to_string()))
        .ok()
}

/// They are named one by one: a default would let a key be used in a way that nobody thought of.
fn algorithms(section: &Section) -> Option<Vec<Algorithm>> {
    let names = section.require("algorithms", section.list("algorithms"))?;
    let mut algorithms = Vec::with_capacity(names.len());
    for name in &names {
        match name.parse() {
            Ok(algorithm) => algorithms.push(algorithm),
            Err(_) => section.unknown_value(
                "algorithms",
                "algorithm",
                name,
                Algorithm::ALL.map(Algorithm::name),
            ),
        }
    }
    (algorithms.len() == names.len()).then_some(algorithms)
}

/// `None` when it is wrong, `Some(None)` when there is none.
fn secret(section: &Section) -> Option<Option<JwtKey>> {
    match section.secret("secret") {
        None if section.has("secret") => None,
        None => Some(None),
        Some(secret) => JwtKey::secret(&secret)
            .map(Some)
            .map_err(|error| section.mistake("secret", error.to_string()))
            .ok(),
    }
}

/// `None` when one of them is wrong.
fn public_keys(section: &Section) -> Option<Vec<JwtKey>> {
    let Some(paths) = section.paths("public_keys") else {
        return (!section.has("public_keys")).then(Vec::new);
    };
    let mut keys = Vec::with_capacity(paths.len());
    for path in &paths {
        match read_key(path) {
            Ok(key) => keys.push(key),
            Err(why) => section.mistake("public_keys", format!("{}: {why}", path.display())),
        }
    }
    (keys.len() == paths.len()).then_some(keys)
}

fn read_key(path: &Path) -> Result<JwtKey, String> {
    let mut pem = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    file.take(MAX_KEY_FILE + 1)
        .read_to_end(&mut pem)
        .map_err(|error| format!("cannot be read: {error}"))?;
    if pem.len() as u64 > MAX_KEY_FILE {
        return Err(format!(
            "more than {MAX_KEY_FILE} bytes: expected one public key in PEM"
        ));
    }
    JwtKey::public_pem(&pem).map_err(|error| error.to_string())
}
