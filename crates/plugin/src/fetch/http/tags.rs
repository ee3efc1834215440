use std::collections::BTreeMap;

use http::HeaderValue;
use parking_lot::Mutex;

/// What was fetched last of files that change, with the tags that servers gave them (RFC 9110 section 8.8.3).
#[derive(Default)]
pub(super) struct Tags(Mutex<BTreeMap<String, Tagged>>);

#[derive(Clone)]
pub(super) struct Tagged {
    pub(super) tag: HeaderValue,
    pub(super) bytes: Vec<u8>,
}

impl Tags {
    /// Of how many files, each as large as an index at most.
    const MAX: usize = 8;
    /// The longest tag that is remembered, in bytes.
    const MAX_TAG: usize = 256;

    pub(super) fn get(&self, url: &str) -> Option<Tagged> {
        self.0.lock().get(url).cloned()
    }

    /// Remembers what was fetched, or forgets it where it has no tag.
    pub(super) fn set(&self, url: &str, tag: Option<HeaderValue>, bytes: &[u8]) {
        let mut files = self.0.lock();
        files.remove(url);
        let Some(tag) = tag.filter(|tag| tag.len() <= Self::MAX_TAG) else {
            return;
        };
        if files.len() >= Self::MAX {
            files.pop_first();
        }
        let bytes = bytes.to_vec();
        files.insert(url.to_owned(), Tagged { tag, bytes });
    }

    pub(super) fn forget(&self, url: &str) {
        self.0.lock().remove(url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_remembered_and_no_more() {
        let tags = Tags::default();
        let tag = HeaderValue::from_static("\"1\"");
        for number in 0..100 {
            tags.set(&number.to_string(), Some(tag.clone()), b"bytes");
        }
        assert_eq!(tags.0.lock().len(), Tags::MAX);
        tags.set("99", None, b"others");
        assert!(
            tags.get("99").is_none(),
            "what it was is not known any more"
        );
        let long = "x".repeat(Tags::MAX_TAG + 1);
        tags.set("long", HeaderValue::try_from(long).ok(), b"bytes");
        assert!(tags.get("long").is_none());
        tags.set("a", Some(tag), b"bytes");
        assert_eq!(tags.get("a").unwrap().bytes, b"bytes");
        tags.forget("a");
        assert!(tags.get("a").is_none());
    }
}
