//! `repository`, a folder or an address, and what goes with an address.

use std::time::Duration;

use polywire_core::Error;
use polywire_core::config::Section;

use super::Repository;
use crate::fetch::{HttpRepository, RepositoryUrl};

/// What is set for an address alone.
const FOR_ADDRESSES: [&str; 4] = ["token", "tls", "timeout", "allow_plaintext"];

const MAX_TIMEOUT: Duration = Duration::from_secs(600);

/// Where the repository is; what is wrong is noted, and `None` says that something was.
pub(super) fn read(section: &Section, window: Duration) -> Option<Repository> {
    let tls = section.section_or_empty("tls");
    let ca = tls.path("ca");
    tls.finish();
    let token = section.secret("token");
    let allow_plaintext = section.bool("allow_plaintext").unwrap_or_default();
    // One that takes longer than the window renews nothing.
    let timeout = section.duration(
        "timeout",
        Duration::from_millis(1)..=window.min(MAX_TIMEOUT),
    );
    let folder = section.require("repository", section.path("repository"))?;
    let text = section.string("repository")?;
    if !RepositoryUrl::is_meant(&text) {
        let mut sound = true;
        for key in FOR_ADDRESSES.into_iter().filter(|key| section.has(key)) {
            let text = "is for a repository over HTTP, and repository is a folder: remove it, or write https://... there";
            section.mistake(key, text);
            sound = false;
        }
        return sound.then_some(Repository::Folder(folder));
    }
    let url = match text.parse() {
        Ok(url) => url,
        Err(error) => {
            section.mistake("repository", Error::message(&error).to_owned());
            return None;
        }
    };
    let http = HttpRepository {
        token,
        ca,
        allow_plaintext,
        timeout: timeout.unwrap_or(HttpRepository::TIMEOUT.min(window / 2)),
        ..HttpRepository::new(url)
    };
    if let Some((key, text)) = http.contradiction() {
        section.mistake(key, text);
        return None;
    }
    Some(Repository::Http(http))
}
