//! Reading a repository that others write: nothing in it is believed before it was checked.
//!
//! An index is opened afresh, its signature checked, and its number compared with what was seen before. A release is taken by
//! its manifest, which is signed; an artifact is copied into a private cache and hashed while it is copied, and is loaded from
//! there alone. Whatever is refused leaves what runs as it is, and says why.

mod artifact;
mod cache;
mod fetcher;
mod folder;
mod http;
mod reader;

pub(crate) use artifact::check;
pub use cache::Cache;
pub(crate) use cache::private;
pub use fetcher::{Fetcher, ManifestFiles, Source};
pub use folder::FolderFetcher;
pub use http::{HttpFetcher, HttpRepository, RepositoryUrl};
pub use reader::{Reader, ReaderConfig};
