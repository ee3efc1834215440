//! Who may send requests: registered by whoever has a token, with a sink that has consented to replies.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::HeaderValue;
use http::{HeaderMap, Request, Response, StatusCode};
use jiff::Timestamp;
use polywire_core::contract::{Requirement, Track};
use polywire_core::{Dispatched, Error, ErrorKind, Result, Service};
use quick_cache::sync::Cache;

use crate::clock::{Clock, later};
use crate::consent::{Questions, SignedChallenge};
use crate::deliver::{SendLimits, Sender};
use crate::guard::Target;
use crate::record::{KeyRecord, OnSunset, Subscription, SubscriptionId, Terms};
use crate::seal::Keyring;
use crate::signature::{Algorithm, Signer, SigningKey, Verifier};
use crate::store::{Created, MAX_BATCH, Store, Subscriptions};
use crate::wire::{self, NewCaller, respond};

/// For how long a caller is registered.
const LEASE: Duration = Duration::from_secs(3600);
/// How many callers are kept ready.
const READY: usize = 10_000;
/// For how long one is believed to be still there before the store is asked again.
const FRESH: Duration = Duration::from_secs(60);
/// Whose callers are: apart from the tenant's subscriptions, which it lists.
pub(crate) const TENANT: &str = "caller/";
/// The name of a caller's only key.
const KEY: &str = "k1";

/// The callers of a provider. They are kept as subscriptions to nothing, so that every replica knows them.
pub(crate) struct Callers {
    store: Arc<dyn Store>,
    keyring: Keyring,
    sender: Sender,
    clock: Arc<dyn Clock>,
    origin: HeaderValue,
    /// How many a tenant may have.
    most: usize,
    ready: Cache<String, Arc<Known>>,
}

/// A caller that may send requests.
pub(crate) struct Known {
    pub(crate) id: Arc<str>,
    pub(crate) verifier: Verifier,
    pub(crate) signer: Signer,
    pub(crate) target: Target,
    until: Timestamp,
    /// When the store is asked again.
    stale: Timestamp,
}

impl Callers {
    pub(crate) fn new(
        store: Arc<dyn Store>,
        keyring: Keyring,
        sender: Sender,
        clock: Arc<dyn Clock>,
        origin: HeaderValue,
        most: usize,
    ) -> Self {
        Self {
            store,
            keyring,
            sender,
            clock,
            origin,
            most,
            ready: Cache::new(READY),
        }
    }

    /// Registers a caller that its tenant has proved to be.
    pub(crate) async fn register(
        &self,
        service: &Service,
        tenant: String,
        new: NewCaller,
    ) -> Result<wire::Caller> {
        let target = self
            .sender
            .target(&new.sink)
            .map_err(|error| refused(ErrorKind::InvalidPayload, format!("sink: {error}")))?;
        let key: SigningKey = new
            .secret
            .parse()
            .map_err(|error| refused(ErrorKind::InvalidPayload, format!("secret: {error}")))?;
        if key.algorithm() != Algorithm::HmacSha256 {
            let text = "secret is no HMAC key: expected whsec_ and 24 to 64 random bytes as base64";
            return Err(refused(ErrorKind::InvalidPayload, text.to_owned()));
        }
        let signer = Signer::new(vec![key])?;
        let tenant = format!("{TENANT}{tenant}");
        self.make_room(&tenant).await?;
        self.consented(&target, &signer).await?;
        let (id, now) = (SubscriptionId::random(), self.clock.now());
        let newest = service
            .offer()
            .versions()
            .iter()
            .map(|offered| &offered.version)
            .max()
            .cloned()
            .ok_or_else(|| refused(ErrorKind::Unavailable, "nothing is offered".to_owned()))?;
        let lease_until = later(now, LEASE);
        let record = KeyRecord {
            id: KEY.to_owned(),
            algorithm: Algorithm::HmacSha256,
            sealed: self.keyring.seal(&id, KEY, new.secret.as_bytes())?,
            public: None,
            created_at: now,
            retires_at: None,
        };
        let requested = Requirement::track(new.contract, Track::of(&newest));
        let terms = Terms {
            version: newest,
            keys: vec![record],
            on_sunset: OnSunset::Expire,
            lease_until,
            ..Terms::local(tenant, requested, target.uri().to_string(), now)
        };
        let made = self.store.create_within(self.most, None, &id, terms);
        if made.await? == Created::Full {
            return Err(self.full());
        }
        Ok(wire::Caller {
            id: id.to_string(),
            lease_expires_at: lease_until,
        })
    }

    /// Asks a sink whether it wants replies.
    async fn consented(&self, target: &Target, signer: &Signer) -> Result<()> {
        let questions = Questions {
            sender: &self.sender,
            target,
            origin: &self.origin,
            headers: HeaderMap::new(),
            deadline: SendLimits::default().deadline,
        };
        let source = "/webhooks".to_owned();
        let challenge = SignedChallenge::new(source, None, signer, self.clock.now())?;
        let asked = async {
            questions.handshake(None).await?;
            questions.challenge(challenge).await
        };
        asked.await.map_err(|error| {
            let kind = if error.passes() {
                ErrorKind::Unavailable
            } else {
                ErrorKind::PermissionDenied
            };
            refused(kind, error.to_string())
        })
    }

    /// Removes callers of a tenant that have not come back, when it has as many as it may.
    async fn make_room(&self, tenant: &str) -> Result<()> {
        if self.store.count(tenant).await? < self.most {
            return Ok(());
        }
        let (now, mut after) = (self.clock.now(), None);
        loop {
            let page = Subscriptions {
                tenant: Some(tenant.to_owned()),
                after,
                ..Subscriptions::default()
            };
            let found = self.store.subscriptions(&page).await?;
            after = found.last().map(|last| last.id.clone());
            for caller in &found {
                if caller.terms.lease_until <= now {
                    self.store.remove(&caller.id).await?;
                }
            }
            if found.len() < MAX_BATCH {
                break;
            }
        }
        if self.store.count(tenant).await? < self.most {
            return Ok(());
        }
        Err(self.full())
    }

    fn full(&self) -> Error {
        let text = format!(
            "the tenant has {} callers, its maximum: retry when one has ended",
            self.most
        );
        refused(ErrorKind::Overloaded, text)
    }

    /// The caller of an id, if there is one.
    pub(crate) async fn find(&self, id: &str) -> Result<Option<Arc<Known>>> {
        let now = self.clock.now();
        if let Some(known) = self.ready.get(id).filter(|known| now < known.stale) {
            return Ok(Some(known));
        }
        let Ok(id) = id.parse::<SubscriptionId>() else {
            return Ok(None);
        };
        let found = self.store.subscription(&id).await?;
        let lives = |caller: &Subscription| {
            caller.terms.events.is_empty()
                && !caller.terms.state.is_over()
                && now < caller.terms.lease_until
        };
        let Some(caller) = found.filter(lives) else {
            self.ready.remove(id.as_str());
            return Ok(None);
        };
        let known = Arc::new(self.known(&caller, now)?);
        self.ready.insert(id.to_string(), known.clone());
        Ok(Some(known))
    }

    fn known(&self, caller: &Subscription, now: Timestamp) -> Result<Known> {
        let keys: Vec<SigningKey> = caller
            .terms
            .keys
            .iter()
            .map(|record| self.keyring.key(&caller.id, record))
            .collect::<Result<_>>()?;
        let verifying: Vec<_> = keys.iter().map(SigningKey::verifying).collect();
        let target = self
            .sender
            .target(&caller.terms.sink)
            .map_err(|error| refused(ErrorKind::PermissionDenied, format!("sink: {error}")))?;
        Ok(Known {
            id: caller.id.as_str().into(),
            verifier: Verifier::new(verifying)?,
            signer: Signer::new(keys)?,
            target,
            until: caller.terms.lease_until,
            stale: later(now, FRESH).min(caller.terms.lease_until),
        })
    }
}

/// Reads the document of a registration.
pub(crate) fn read(request: &Request<Bytes>) -> Result<NewCaller> {
    serde_json::from_slice(request.body()).map_err(|error| {
        refused(
            ErrorKind::InvalidPayload,
            format!("the registration of a caller cannot be read: {error}"),
        )
    })
}

/// What a registration came to.
pub(crate) fn answered(registered: Result<wire::Caller>) -> Response<Bytes> {
    registered
        .and_then(|caller| respond::json(StatusCode::CREATED, &caller))
        .unwrap_or_else(|error| respond::problem(&error))
}

fn refused(kind: ErrorKind, text: String) -> Error {
    Error::new(kind, text).dispatched_as(Dispatched::No)
}

impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known")
            .field("id", &self.id)
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").finish_non_exhaustive()
    }
}
