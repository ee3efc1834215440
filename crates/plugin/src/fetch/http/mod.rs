//! A repository behind a web server.
//!
//! Requests are made by hyper and rustls, as those of the HTTP transport are, so that a process has one HTTP client and one
//! provider of TLS. Nothing is redirected, no proxy is asked, nothing is decoded.

mod address;
mod answer;
mod artifact;
mod client;
mod config;
mod tags;
mod tls;

use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use http::header::IF_NONE_MATCH;
use http::{Method, StatusCode};
use hyper::body::Body as _;
use polywire_core::Result as Made;

pub use address::RepositoryUrl;
pub use config::HttpRepository;

use super::{Fetcher, ManifestFiles, Source};
use crate::format::{Ack, ArtifactPath, InstanceId, Manifest, PluginName, ReleaseId, Signed};
use crate::layout::below;
use crate::refusal::Refusal;
use crate::trust::TrustedKeys;
use artifact::Body;
use client::{Client, uncached};
use tags::Tags;

/// A repository behind a web server, which serves its files below an address as they stand in the folder, and takes
/// acknowledgements by `PUT` and `DELETE`.
///
/// Its index and its beacon are asked for with the tags that the server gave them, so that what has not changed is not sent
/// again. Contacts do not depend on those, since a server may give one tag to two files: after each acknowledgement and each
/// beacon, the index is fetched anew.
pub struct HttpFetcher {
    client: Arc<Client>,
    tags: Tags,
}

impl HttpFetcher {
    /// A repository, which need not be reached yet.
    ///
    /// # Errors
    /// `Config` for settings that contradict, and for authorities that cannot be read; `Internal` when there is no thread.
    pub fn new(config: &HttpRepository) -> Made<Self> {
        Ok(Self {
            client: Arc::new(Client::new(config)?),
            tags: Tags::default(),
        })
    }

    /// A file that changes.
    fn current(&self, below: &Path) -> Result<Vec<u8>, Refusal> {
        let url = self.client.at(below);
        let known = self.tags.get(&url);
        let mut request = self.client.request(&Method::GET, &url, Vec::new())?;
        uncached(&mut request);
        if let Some(known) = &known {
            let headers = request.headers_mut();
            headers.insert(IF_NONE_MATCH, known.tag.clone());
        }
        let (bytes, tag) = self.client.ask(request, &url, |answer, url| async move {
            let headers = answer.headers();
            match (answer.status(), known) {
                (StatusCode::OK, _) => {}
                (StatusCode::NOT_MODIFIED, Some(known)) => {
                    answer::fresh(headers, &url)?;
                    return Ok((known.bytes, Some(known.tag)));
                }
                _ => return Err(answer::refused(&answer, &Method::GET, &url)),
            }
            answer::plain(headers, &url)?;
            answer::fresh(headers, &url)?;
            let tag = answer::tag(headers);
            let bytes = answer::read(answer.into_body(), Signed::MAX_BYTES, &url).await?;
            Ok((bytes, tag))
        })?;
        self.tags.set(&url, tag, &bytes);
        Ok(bytes)
    }

    /// A file that is never rewritten.
    fn constant(&self, below: &Path, most: u64) -> Result<Vec<u8>, Refusal> {
        let url = self.client.at(below);
        let request = self.client.request(&Method::GET, &url, Vec::new())?;
        self.client
            .ask(request, &url, move |answer, url| async move {
                if answer.status() != StatusCode::OK {
                    return Err(answer::refused(&answer, &Method::GET, &url));
                }
                answer::plain(answer.headers(), &url)?;
                answer::read(answer.into_body(), most, &url).await
            })
    }

    /// Writes an acknowledgement or takes it back.
    fn tell(&self, method: Method, below: &Path, body: Vec<u8>) -> Result<(), Refusal> {
        /// How much of an answer is read, so that the connection can be used again.
        const MOST: u64 = 64 << 10;
        let url = self.client.at(below);
        let request = self.client.request(&method, &url, body)?;
        self.client
            .ask(request, &url, move |answer, url| async move {
                match answer.status() {
                    // 202 would say that it is not yet done (RFC 9110 section 15.3.3).
                    StatusCode::OK | StatusCode::CREATED | StatusCode::NO_CONTENT => {}
                    StatusCode::ACCEPTED if method == Method::DELETE => {}
                    _ => return Err(answer::refused(&answer, &method, &url)),
                }
                // What it says besides does not matter.
                let _ = answer::read(answer.into_body(), MOST, &url).await;
                Ok(())
            })
    }

    /// The next index is fetched anew, whatever its tag.
    fn forget(&self, plugin: &PluginName) {
        self.tags.forget(&self.client.at(&below::index(plugin)));
    }
}

impl Fetcher for HttpFetcher {
    fn describe(&self) -> String {
        self.client.url().to_string()
    }

    fn index(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.current(&below::index(plugin))
    }

    fn beacon(&self, plugin: &PluginName) -> Result<Vec<u8>, Refusal> {
        self.forget(plugin);
        self.current(&below::beacon(plugin))
    }

    fn manifest(&self, plugin: &PluginName, release: &ReleaseId) -> Result<ManifestFiles, Refusal> {
        let most = u64::try_from(TrustedKeys::MAX_SIGNATURE).unwrap_or(u64::MAX);
        Ok(ManifestFiles {
            manifest: self.constant(&below::manifest(plugin, release), Manifest::MAX_BYTES)?,
            signature: self.constant(&below::signature(plugin, release), most)?,
        })
    }

    fn artifact(
        &self,
        plugin: &PluginName,
        release: &ReleaseId,
        file: &ArtifactPath,
    ) -> Result<Source, Refusal> {
        let url = self.client.at(&below::artifact(plugin, release, file));
        let request = self.client.request(&Method::GET, &url, Vec::new())?;
        let (body, size) = self
            .client
            .ask(request, &url, move |answer, url| async move {
                if answer.status() != StatusCode::OK {
                    return Err(answer::refused(&answer, &Method::GET, &url));
                }
                answer::plain(answer.headers(), &url)?;
                let body = answer.into_body();
                let size = body.size_hint().exact().ok_or_else(|| {
                    let text =
                        "the server does not say how large it is: have it send Content-Length";
                    answer::unreachable(&url, io::ErrorKind::InvalidData, text)
                })?;
                Ok((body, size))
            })?;
        Ok(Source {
            bytes: Box::new(Body::new(self.client.clone(), body, size)),
            size,
            from: url.into(),
        })
    }

    fn acknowledge(&self, ack: &Ack) -> Result<(), Refusal> {
        self.forget(&ack.plugin);
        let path = below::ack(&ack.plugin, &ack.instance);
        self.tell(Method::PUT, &path, ack.to_bytes()?)
    }

    fn leave(&self, plugin: &PluginName, instance: &InstanceId) -> Result<(), Refusal> {
        let path = below::ack(plugin, instance);
        match self.tell(Method::DELETE, &path, Vec::new()) {
            Err(Refusal::Missing { .. }) => Ok(()),
            told => told,
        }
    }
}

impl fmt::Debug for HttpFetcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HttpFetcher({})", self.client.url())
    }
}
