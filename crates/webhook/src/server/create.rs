//! New subscriptions.

use http::{StatusCode, header};
use polywire_core::{Error, ErrorKind};
use sha2::{Digest, Sha256};

use super::agree::{agree, rate, requirement};
use super::document::Secrets;
use super::reply::{Answered, Refusal, json, set};
use super::route::{Asked, applied, etag, path};
use super::{Inner, Server};
use crate::clock::later;
use crate::guard::Target;
use crate::record::{KeyRecord, State, Subscription, SubscriptionId, Terms};
use crate::signature::{Algorithm, SigningKey};
use crate::store::{Created, Once};
use crate::wire::Create;

/// What an answer is sealed as.
const ANSWER: &str = "answer";

impl Server {
    pub(super) async fn create(&self, asked: &Asked) -> Answered {
        let inner = self.inner();
        if self.is_closed() {
            let text = "the provider is being shut down: retry at another replica";
            return Err(Error::new(ErrorKind::Unavailable, text).into());
        }
        let ask: Create = asked.document()?;
        let key = idempotency_key(asked)?;
        let digest = digest(&ask)?;
        if let Some(key) = &key
            && let Some(before) = inner.store.once(&asked.tenant, key, inner.now()).await?
        {
            return inner.again(&before, digest);
        }
        let id = SubscriptionId::random();
        let (terms, secrets) = inner.terms(asked, &id, ask)?;
        let once = match key {
            None => None,
            Some(key) => {
                let draft = Subscription {
                    id: id.clone(),
                    revision: 1,
                    terms: terms.clone(),
                    standing: crate::schedule::Standing::default(),
                };
                Some(inner.once(asked, key, digest, &draft, &secrets)?)
            }
        };
        let most = inner.options.max_subscriptions;
        let created = inner
            .store
            .create_within(most, once.as_ref(), &id, terms)
            .await?;
        let created = match created {
            Created::New(created) => *created,
            Created::Before(before) => return inner.again(&before, digest),
            Created::Full => {
                let text =
                    format!("the tenant has {most} subscriptions, its maximum: end one first");
                return Err(Error::new(ErrorKind::Overloaded, text).into());
            }
        };
        inner.book.put(&created);
        let wait = asked.wait();
        let created = self.consented(created, wait).await?;
        let mut reply = self.shown(StatusCode::CREATED, &created, &secrets).await?;
        set(reply.headers_mut(), header::LOCATION, &path(&id));
        Ok(applied(reply, wait))
    }
}

impl Inner {
    /// What was asked for as terms, with the secrets of its new keys.
    fn terms(&self, asked: &Asked, id: &SubscriptionId, ask: Create) -> Answered<(Terms, Secrets)> {
        let now = self.now();
        let service = self.served(&ask.contract)?;
        let requested = requirement(&ask.contract, &ask.version, ask.known.as_deref())?;
        if let Some(event) = ask.events.first() {
            super::agree::known(&service, &ask.events)?;
            service.admit_subscription(&polywire_core::Subscription {
                contract: ask.contract.clone(),
                event: event.clone(),
                group: ask.group.clone(),
                requirement: requested.clone(),
                prefetch: 1,
                token: asked.token.clone(),
            })?;
        } else if service.is_draining() {
            let text = format!(
                "contract {:?} is draining here: retry at another replica",
                ask.contract.as_str()
            );
            return Err(Error::new(ErrorKind::Unavailable, text).into());
        }
        let agreement = agree(&service, &requested, &ask.events, now)?;
        let target: Target = self.sender.target(&ask.sink)?;
        let lease_until = self.lease_until(&ask.contract, &agreement.version, ask.lease_seconds)?;
        let (keys, secrets) = self.new_keys(id, &ask)?;
        let terms = Terms {
            tenant: asked.tenant.clone(),
            state: State::Pending,
            requested,
            version: agreement.version,
            float: ask.float,
            events: ask.events,
            group: ask.group,
            sink: target.uri().to_string(),
            keys,
            rate: ask.rate_per_minute.map(rate).transpose()?,
            allowed: None,
            order: ask.order,
            on_sunset: ask.on_sunset,
            upgrade: None,
            proposed: None,
            since: ask.since,
            created_at: now,
            lease_until,
        };
        terms
            .check()
            .map_err(|error| Refusal::unprocessable("out-of-bounds", error.to_string()))?;
        Ok((terms, secrets))
    }

    fn new_keys(&self, id: &SubscriptionId, ask: &Create) -> Answered<(Vec<KeyRecord>, Secrets)> {
        let twice = ask.sign.len() == 2 && ask.sign[0] == ask.sign[1];
        if !(1..=2).contains(&ask.sign.len()) || twice {
            return Err(Refusal::unprocessable(
                "sign-refused",
                "sign: expected [\"v1\"], [\"v1a\"], or both",
            ));
        }
        let (mut keys, mut secrets) = (Vec::new(), Secrets::default());
        for (sign, number) in ask.sign.iter().zip(1..) {
            keys.push(self.new_key(id, &format!("k{number}"), (*sign).into(), &mut secrets)?);
        }
        Ok((keys, secrets))
    }

    /// A new key, sealed; what its holder must know of it is added to the secrets.
    pub(super) fn new_key(
        &self,
        of: &SubscriptionId,
        kid: &str,
        algorithm: Algorithm,
        secrets: &mut Secrets,
    ) -> Answered<KeyRecord> {
        let (key, public) = match algorithm {
            Algorithm::HmacSha256 => {
                let key = SigningKey::generate_hmac();
                secrets.0.push((kid.to_owned(), key.expose()));
                (key, None)
            }
            Algorithm::Ed25519 => {
                let key = SigningKey::generate_ed25519();
                let public = key.verifying().expose().to_string();
                (key, Some(public))
            }
        };
        Ok(KeyRecord {
            id: kid.to_owned(),
            algorithm,
            sealed: self.keys.seal(of, kid, key.expose().as_bytes())?,
            public,
            created_at: self.now(),
            retires_at: None,
        })
    }

    fn once(
        &self,
        asked: &Asked,
        key: String,
        digest: [u8; 32],
        draft: &Subscription,
        secrets: &Secrets,
    ) -> Answered<Once> {
        let mut reply = json(StatusCode::CREATED, &self.document(draft, Some(0), secrets))?;
        let answer = std::mem::take(reply.body_mut());
        let now = self.now();
        Ok(Once {
            tenant: asked.tenant.clone(),
            key,
            subscription: draft.id.clone(),
            digest,
            answer: self.keys.seal(&draft.id, ANSWER, &answer)?,
            at: now,
            until: later(now, self.options.idempotency),
        })
    }

    /// The first answer again.
    fn again(&self, before: &Once, digest: [u8; 32]) -> Answered {
        if before.digest != digest {
            return Err(Refusal::unprocessable(
                "idempotency-key-reused",
                "the Idempotency-Key was used for another request: take another key for each request",
            ));
        }
        let answer = self
            .keys
            .open(&before.subscription, ANSWER, &before.answer)?;
        let mut reply = super::reply::empty(StatusCode::CREATED);
        *reply.body_mut() = answer.to_vec().into();
        let headers = reply.headers_mut();
        set(headers, header::CONTENT_TYPE, "application/json");
        set(headers, header::CACHE_CONTROL, "no-store");
        set(headers, header::LOCATION, &path(&before.subscription));
        set(headers, header::ETAG, &etag(1));
        Ok(reply)
    }
}

/// The key that makes a request one that is carried out once.
fn idempotency_key(asked: &Asked) -> Answered<Option<String>> {
    let mut sent = asked.headers.get_all("idempotency-key").iter();
    let Some(value) = sent.next() else {
        return Ok(None);
    };
    let text = value.to_str().unwrap_or_default().trim();
    let fits = (1..=Once::MAX_KEY).contains(&text.len());
    if !fits || sent.next().is_some() {
        return Err(Refusal::malformed(format!(
            "the Idempotency-Key: expected one, of 1 to {} bytes of ASCII",
            Once::MAX_KEY
        )));
    }
    Ok(Some(text.to_owned()))
}

/// Tells requests of another content apart, however they are spaced.
fn digest(ask: &Create) -> Answered<[u8; 32]> {
    let text = serde_json::to_vec(ask).map_err(|error| {
        Error::new(ErrorKind::Internal, "the request has no JSON form").caused_by(error)
    })?;
    Ok(Sha256::digest(text).into())
}
