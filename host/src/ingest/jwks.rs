//! Key sets of issuers (RFC 7517), fetched from the URLs that sources name through the client that vets addresses, and kept.
//!
//! Senders wait for a fetch only where nothing is kept yet, or where a token names a key that the set does not have: issuers change keys. All
//! who wait for one URL wait for one fetch. How often that may be is bounded, since anybody can send a token that names a new key.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use http::{HeaderValue, Request, StatusCode, Uri, header};
use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};

use tokio::sync::Semaphore;

use crate::{
    event::{Clock, Timestamp},
    net::{Bounds, Client},
    verify::KeySet,
};

/// How long one fetch may take.
const TIMEOUT_MS: u64 = 5_000;
/// The largest key set; those of large issuers have a dozen keys of half a kilobyte.
const BYTES_MAX: usize = 256 * 1024;
/// A set that is older is fetched anew, while it is used.
const FRESH_MS: u64 = 10 * 60 * 1000;
/// A set that is older is used no more, though no newer one is to be had: what its issuer took back must end.
const USABLE_MS: u64 = 24 * 60 * 60 * 1000;
/// Between two fetches of one URL, whatever tokens name and however it failed.
const AGAIN_MS: u64 = 10_000;
/// Requests that wait for a fetch, of all URLs: each holds its body meanwhile, and a slow issuer must not use up what all sources share.
const WAITING_MAX: usize = 64;

/// The key sets of all URLs.
pub(super) struct KeySets {
    client: Client,
    clock: Clock,
    sets: Mutex<HashMap<Uri, Arc<Kept>>>,
    /// For those who wait for a fetch.
    waiting: Semaphore,
    fetched: Family<FetchedLabels, Counter>,
}

/// What is kept of one URL.
#[derive(Default)]
struct Kept {
    /// Held while it is fetched.
    fetching: tokio::sync::Mutex<()>,
    known: Mutex<Known>,
}

#[derive(Clone, Default)]
struct Known {
    /// The newest set, and since when.
    set: Option<(Arc<KeySet>, Timestamp)>,
    /// When it was asked for the last time, with whatever success.
    asked_at: Option<Timestamp>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct FetchedLabels {
    outcome: &'static str,
}

impl KeySets {
    pub(super) fn new(client: Client, clock: Clock, registry: &mut Registry) -> Arc<Self> {
        let fetched = Family::default();
        registry.register(
            "sluicebox_ingest_key_set_fetches",
            "Fetches of JSON Web Key Sets, by outcome",
            Family::clone(&fetched),
        );
        Arc::new(Self { client, clock, sets: Mutex::default(), waiting: Semaphore::new(WAITING_MAX), fetched })
    }

    /// The set at `url`, as new as a token needs that names the key `id`; `None` where there is none to be had now.
    pub(super) async fn get(self: &Arc<Self>, url: &Uri, id: Option<&str>) -> Option<Arc<KeySet>> {
        let kept = self.kept(url);
        let known = kept.known();
        match need(&known, id, (self.clock)()) {
            Need::Nothing => {}
            Need::Newer => {
                let (sets, url) = (Arc::clone(self), url.clone());
                // Who finds it under way leaves it at that.
                if kept.fetching.try_lock().is_ok() {
                    tokio::spawn(async move { sets.fetch(&url, &kept, known.asked_at).await });
                }
                return known.usable((self.clock)());
            }
            Need::Now => {
                let _waits = self.waiting.try_acquire().ok()?;
                self.fetch(url, &kept, known.asked_at).await;
            }
        }
        self.kept(url).known().usable((self.clock)())
    }

    /// What is kept of a URL. With each new one, those are forgotten that nobody asks for any more.
    fn kept(&self, url: &Uri) -> Arc<Kept> {
        let mut sets = self.sets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = sets.get(url) {
            return Arc::clone(kept);
        }
        let now = (self.clock)();
        sets.retain(|_, kept| kept.known().asked_at.is_none_or(|asked_at| now.ms_since(asked_at) < USABLE_MS));
        Arc::clone(sets.entry(url.clone()).or_default())
    }

    /// Fetches, unless another has since it was `asked_before`.
    async fn fetch(&self, url: &Uri, kept: &Kept, asked_before: Option<Timestamp>) {
        let _turn = kept.fetching.lock().await;
        if kept.known().asked_at != asked_before {
            return;
        }
        let fetched = self.ask(url).await;
        let outcome = if fetched.is_ok() { "fetched" } else { "failed" };
        self.fetched.get_or_create(&FetchedLabels { outcome }).inc();
        let now = (self.clock)();
        let mut known = kept.lock();
        known.asked_at = Some(now);
        match fetched {
            Ok(set) => known.set = Some((Arc::new(set), now)),
            Err(told) => tracing::warn!(host = url.host(), told, "a key set could not be fetched"),
        }
    }

    async fn ask(&self, url: &Uri) -> Result<KeySet, String> {
        let mut request = Request::new(Bytes::new());
        *request.uri_mut() = url.clone();
        request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/jwk-set+json, application/json"));
        // One byte more tells a set that is too large from one that fits.
        let bounds = Bounds { timeout_ms: TIMEOUT_MS, response_bytes_max: BYTES_MAX + 1 };
        let answer = self.client.send(request, bounds).await.map_err(|error| error.message)?;
        match answer.status {
            StatusCode::OK if answer.body.len() > BYTES_MAX => Err(format!("it is larger than {BYTES_MAX} bytes")),
            StatusCode::OK => KeySet::of_jwks(&answer.body).map_err(|error| error.to_string()),
            status => Err(format!("the answer was {status}")),
        }
    }
}

impl Kept {
    fn lock(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> Known {
        self.lock().clone()
    }
}

impl Known {
    fn usable(&self, now: Timestamp) -> Option<Arc<KeySet>> {
        self.set.as_ref().filter(|(_, since)| now.ms_since(*since) < USABLE_MS).map(|(set, _)| Arc::clone(set))
    }
}

/// What has to be done before a token can be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Nothing,
    /// Something is good enough, and should not be so for ever.
    Newer,
    /// Nothing is there that could do.
    Now,
}

fn need(known: &Known, id: Option<&str>, now: Timestamp) -> Need {
    if known.asked_at.is_some_and(|asked_at| now.ms_since(asked_at) < AGAIN_MS) {
        return Need::Nothing;
    }
    match &known.set {
        Some((_, since)) if now.ms_since(*since) >= USABLE_MS => Need::Now,
        Some((set, _)) if id.is_some_and(|id| !set.knows(id)) => Need::Now,
        Some((_, since)) if now.ms_since(*since) >= FRESH_MS => Need::Newer,
        Some(_) => Need::Nothing,
        None => Need::Now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","kid":"a","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

    fn known(set_at: Option<u64>, asked_at: Option<u64>) -> Known {
        let set = || Arc::new(KeySet::of_jwks(KEY.as_bytes()).expect("a set"));
        Known { set: set_at.map(|at| (set(), Timestamp(at))), asked_at: asked_at.map(Timestamp) }
    }

    #[test]
    fn senders_wait_only_for_what_nothing_kept_can_do() {
        let at = |known: Known, id: Option<&str>, now: u64| need(&known, id, Timestamp(now));
        assert_eq!(at(known(None, None), None, 5), Need::Now);
        assert_eq!(at(known(Some(0), Some(0)), Some("a"), AGAIN_MS), Need::Nothing);
        assert_eq!(at(known(Some(0), Some(0)), None, AGAIN_MS), Need::Nothing);
        assert_eq!(at(known(Some(0), Some(0)), Some("b"), AGAIN_MS), Need::Now, "an issuer has a new key");
        assert_eq!(at(known(Some(0), Some(0)), Some("a"), FRESH_MS), Need::Newer);
        assert_eq!(at(known(Some(0), Some(0)), Some("a"), USABLE_MS), Need::Now);
    }

    #[test]
    fn an_issuer_is_not_asked_all_the_time() {
        let at = |known: Known, id: Option<&str>, now: u64| need(&known, id, Timestamp(now));
        assert_eq!(at(known(None, Some(0)), None, AGAIN_MS - 1), Need::Nothing, "it failed just now");
        assert_eq!(at(known(Some(0), Some(0)), Some("b"), AGAIN_MS - 1), Need::Nothing, "anybody can name a key");
    }

    #[test]
    fn an_old_set_ends() {
        assert!(known(Some(0), None).usable(Timestamp(USABLE_MS - 1)).is_some());
        assert!(known(Some(0), None).usable(Timestamp(USABLE_MS)).is_none());
    }
}
