use std::io::{self, Read};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::time::timeout;

use super::answer;
use super::client::{Client, ENDED};

/// The bytes of an artifact, as they come.
pub(super) struct Body {
    client: Arc<Client>,
    /// What is to come; nothing when all has come, or when it broke off.
    rest: Option<Incoming>,
    here: Bytes,
    end: Instant,
}

/// How fast a repository is at least, in bytes each second.
const SLOWEST: u64 = 64 << 10;

impl Body {
    pub(super) fn new(client: Arc<Client>, rest: Incoming, size: u64) -> Self {
        let patience = client.timeout() + Duration::from_secs(size / SLOWEST);
        Self {
            client,
            rest: Some(rest),
            here: Bytes::new(),
            end: Instant::now() + patience,
        }
    }

    /// What comes next; nothing at the end.
    fn next(&mut self) -> io::Result<Option<Bytes>> {
        let Some(mut rest) = self.rest.take() else {
            return Ok(None);
        };
        let left = self.end.saturating_duration_since(Instant::now());
        let patience = left.min(self.client.timeout());
        let come = async move { (timeout(patience, rest.frame()).await, rest) };
        let (frame, rest) = self
            .client
            .wait(come)
            .ok_or_else(|| io::Error::other(ENDED))?;
        let slow = |_| {
            let text = format!(
                "too slow: some of it must come every {:?}, and 64 KiB each second on the whole",
                self.client.timeout()
            );
            io::Error::new(io::ErrorKind::TimedOut, text)
        };
        let Some(frame) = frame.map_err(slow)? else {
            return Ok(None);
        };
        let frame = frame.map_err(|error| {
            io::Error::new(io::ErrorKind::UnexpectedEof, answer::broke_off(&error))
        })?;
        self.rest = Some(rest);
        // Trailers are no bytes of it.
        Ok(Some(frame.into_data().unwrap_or_default()))
    }
}

impl Read for Body {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.here.is_empty() {
            match self.next()? {
                Some(bytes) => self.here = bytes,
                None => return Ok(0),
            }
        }
        let count = self.here.len().min(buffer.len());
        self.here
            .split_to(count)
            .copy_to_slice(&mut buffer[..count]);
        Ok(count)
    }
}
