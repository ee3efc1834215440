//! What a worker is made of.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use async_trait::async_trait;
use jiff::Timestamp;
use parking_lot::Mutex;
use polywire_core::{Error, Result};
use polywire_webhook::deliver::{Notice, NoticeCode, Notices, Sender, SenderOptions, Signers};
use polywire_webhook::guard::{GuardedConnector, Policy, Resolve};
use polywire_webhook::record::Subscription;
use polywire_webhook::signature::{Signer, SigningKey, VerifyingKey};

use super::SOON;

const KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A key for everybody.
#[derive(Debug)]
pub(crate) struct Keys(pub(crate) Mutex<Option<Error>>);

impl Signers for Keys {
    fn signer(&self, _: &Subscription, _: Timestamp) -> Result<Arc<Signer>> {
        match self.0.lock().clone() {
            Some(error) => Err(error),
            None => {
                let key: SigningKey = KEY.parse().unwrap();
                Ok(Arc::new(Signer::new([key])?))
            }
        }
    }
}

pub(crate) fn verifying() -> VerifyingKey {
    KEY.parse().unwrap()
}

/// Remembers notices.
#[derive(Debug, Default)]
pub(crate) struct Told(Mutex<Vec<Notice>>);

impl Notices for Told {
    fn notice(&self, notice: Notice) {
        self.0.lock().push(notice);
    }
}

impl Told {
    pub(crate) fn all(&self) -> Vec<Notice> {
        self.0.lock().clone()
    }

    pub(crate) fn codes(&self) -> Vec<&'static str> {
        self.all().iter().map(|told| told.code.code()).collect()
    }

    pub(crate) fn has(&self, code: NoticeCode) -> bool {
        self.0.lock().iter().any(|told| told.code == code)
    }
}

/// Every name is this machine.
#[derive(Debug)]
pub(crate) struct Here;

#[async_trait]
impl Resolve for Here {
    async fn resolve(&self, _: &str) -> io::Result<Vec<IpAddr>> {
        Ok(vec!["127.0.0.1".parse().unwrap()])
    }
}

/// A sender that may connect to this machine.
pub(crate) fn sender(options: SenderOptions) -> Sender {
    let policy = Policy::default().allow(&["127.0.0.1/32"]).unwrap();
    Sender::new(GuardedConnector::new(policy, Here, SOON), options).unwrap()
}
