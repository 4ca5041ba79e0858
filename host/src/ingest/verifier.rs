//! Is this request from its source? By the source's scheme, or by the plugin that it names instead; a plugin that fails accepts nothing.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use bytes::Bytes;
use http::{StatusCode, Uri, header, request, uri::Authority};
use prometheus_client::{encoding::EncodeLabelSet, metrics::counter::Counter, metrics::family::Family, registry::Registry};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Current, Problem, Source, extract::text_of_header, jwks::KeySets, peer::Origin, receive::SOURCES_MAX};
use crate::{
    event::{Header, Name, Timestamp},
    observe::Known,
    plugin::{self, Bound, Decision, Fault, FaultKind, Judged, Plugins},
    verify::{self, Facts, KeySet, Reason, Refusal},
};

/// After so long a sender whose request could not be judged may try again, where the plugin says nothing else.
const RETRY_SECS: u64 = 5;
/// The longest that a plugin may have a sender wait.
const RETRY_SECS_MAX: u64 = 24 * 3_600;

/// The part of all bodies' budget that the requests for one plugin may hold.
const PLUGIN_SHARE: usize = 8;

/// Says which requests are from their sources.
pub(super) struct Verifier {
    plugins: Arc<Plugins>,
    key_sets: Arc<KeySets>,
    public_url: Option<String>,
    options: Current,
    /// For each plugin that judges something, by where it is in memory: how many bytes of bodies may wait for it beside those that do. A
    /// slow one must not use up what the bodies of all sources share.
    waiting: Mutex<HashMap<usize, Weak<Semaphore>>>,
    waiting_bytes_max: usize,
    refused: Family<RefusedLabels, Counter>,
    known: Known<(Name, Name)>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RefusedLabels {
    workspace: String,
    source: String,
    reason: &'static str,
}

/// What a request is that was not refused.
pub(super) enum Verified {
    /// Its source's, and tells of an event.
    Event(Facts),
    /// A handshake, to be answered so.
    Handshake(plugin::Response),
}

impl Verifier {
    pub(super) fn new(options: Current, plugins: Arc<Plugins>, key_sets: Arc<KeySets>, registry: &mut Registry) -> Self {
        let refused = Family::default();
        let help = "Requests that were not their source's, by the class of the step that failed";
        registry.register("sluicebox_ingest_not_verified", help, Family::clone(&refused));
        let at_start = options.load();
        let waiting_bytes_max = (at_start.body_bytes_in_flight_max / PLUGIN_SHARE).min(Semaphore::MAX_PERMITS);
        let public_url = at_start.public_url.clone();
        let known = Known::new(SOURCES_MAX);
        Self { known, refused, plugins, key_sets, public_url, options, waiting: Mutex::default(), waiting_bytes_max }
    }

    /// Judges a request. `key` is the source's workspace and name.
    pub(super) async fn verify(
        &self,
        key: &(Name, Name),
        source: &Source,
        head: &request::Parts,
        body: &Bytes,
        now: Timestamp,
    ) -> Result<Verified, Problem> {
        let url = self.url(head);
        if let Some(plugin) = &source.plugin {
            let asked = self.ask(&key.1, plugin, request(head, url, body.clone(), now)).await;
            if asked.as_ref().is_err_and(|problem| problem.status == StatusCode::UNAUTHORIZED) {
                self.count(key, Reason::Plugin);
            }
            return asked;
        }
        let request = verify::Request { method: head.method.as_str(), url: &url, headers: &head.headers, body };
        let refused = |refusal: Refusal| {
            self.count(key, refusal.reason);
            refused(&key.1, &refusal)
        };
        let keys = match source.scheme.key_set_url() {
            None => None,
            Some(url) => {
                let id = source.scheme.key_id(request).map_err(refused)?;
                Some(self.keys(&key.1, url, id.as_deref()).await?)
            }
        };
        match source.scheme.verify_by(keys.as_deref(), request, now).map_err(refused)? {
            verify::Verified::Event(facts) => Ok(Verified::Event(facts)),
            verify::Verified::Handshake(response) => Ok(Verified::Handshake(answer(response))),
        }
    }

    /// The keys of an issuer. Without them nobody can tell whose a request is, and the sender is not to blame.
    async fn keys(&self, name: &Name, url: &Uri, id: Option<&str>) -> Result<Arc<KeySet>, Problem> {
        self.key_sets.get(url, id).await.ok_or_else(|| {
            tracing::warn!(source = %name, host = url.host(), "the keys of its issuer are not to be had");
            unavailable("keys-unavailable", "the keys to verify by are not to be had; try again").retry_after(RETRY_SECS)
        })
    }

    fn count(&self, key: &(Name, Name), reason: Reason) {
        let (workspace, source) = match self.known.has(key) {
            true => (key.0.to_string(), key.1.to_string()),
            false => (Known::OTHERS.to_owned(), Known::OTHERS.to_owned()),
        };
        let labels = RefusedLabels { workspace, source, reason: reason.label() };
        self.refused.get_or_create(&labels).inc();
    }

    async fn ask(&self, name: &Name, plugin: &Arc<Bound>, request: plugin::Request) -> Result<Verified, Problem> {
        let busy = || {
            tracing::warn!(source = %name, plugin = %plugin.name, "more requests came than the plugin verifies in time");
            let detail = "more is coming in than can be verified at once; try again";
            unavailable("verifier-busy", detail).retry_after(RETRY_SECS)
        };
        let _share = self.share(plugin, request.body.len()).ok_or_else(busy)?;
        let asked = self.plugins.verify(Arc::clone(plugin), request);
        let timeout = Duration::from_millis(self.options.load().verify_timeout_ms);
        let Ok(Ok(Judged { stages, result })) = tokio::time::timeout(timeout, asked).await else { return Err(busy()) };
        // Whoever sends may cause them, so they are not for every log.
        for line in stages.iter().flat_map(|stage| &stage.logs) {
            tracing::debug!(source = %name, plugin = %plugin.name, line, "said while verifying");
        }
        match result {
            Ok(Decision::Accepted(attributes)) => Ok(Verified::Event(Facts { attributes, replay: None })),
            Ok(Decision::Answered(response)) => Ok(Verified::Handshake(response)),
            Ok(Decision::Refused(reason)) => Err(refused_by(name, &plugin.name, "refused", &reason)),
            Err(fault) => Err(failed(name, &fault)),
        }
    }

    /// Room for a body among those that wait for the plugin; one that is larger than all of it has it to itself.
    fn share(&self, plugin: &Arc<Bound>, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Arc::as_ptr(plugin).addr();
        let room = waiting.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
            waiting.retain(|_, room| room.strong_count() > 0);
            let room = Arc::new(Semaphore::new(self.waiting_bytes_max));
            waiting.insert(key, Arc::downgrade(&room));
            room
        });
        let permits = u32::try_from(bytes.min(self.waiting_bytes_max)).unwrap_or(u32::MAX);
        room.try_acquire_many_owned(permits).ok()
    }

    /// The URL as the sender called it: some schemes sign it.
    fn url(&self, head: &request::Parts) -> String {
        let path = head.uri.path_and_query().map_or("/", |p| p.as_str());
        match &self.public_url {
            Some(base) => format!("{}{path}", base.trim_end_matches('/')),
            None => {
                let origin = head.extensions.get::<Origin>();
                let scheme = if origin.is_some_and(|origin| origin.https) { "https" } else { "http" };
                let told = origin.and_then(|origin| origin.host.as_deref());
                let host = told.or_else(|| head.headers.get(header::HOST)?.to_str().ok());
                let authority = head.uri.authority().map(Authority::as_str);
                format!("{scheme}://{}{path}", host.or(authority).unwrap_or_default())
            }
        }
    }
}

/// The request as a plugin is shown it, credentials and all: they are what it judges.
fn request(head: &request::Parts, url: String, body: Bytes, received_at: Timestamp) -> plugin::Request {
    let header = |(name, value): (&http::HeaderName, &http::HeaderValue)| Header {
        name: name.as_str().to_owned(),
        value: text_of_header(value.as_bytes()),
    };
    plugin::Request {
        method: head.method.as_str().to_owned(),
        url,
        headers: head.headers.iter().map(header).collect(),
        body,
        received_at,
    }
}

fn failed(name: &Name, fault: &Fault) -> Problem {
    let Fault { plugin, kind, failure } = fault;
    let after_ms = match kind {
        FaultKind::Rejected => return refused_by(name, plugin, &failure.code, &failure.message),
        FaultKind::RetryAsked { after_ms } => *after_ms,
        _ => None,
    };
    tracing::warn!(source = %name, %plugin, code = failure.code, "a request could not be verified");
    tracing::debug!(source = %name, %plugin, text = failure.message, "why it could not");
    let secs = after_ms.map_or(RETRY_SECS, |ms| ms.div_ceil(1_000).clamp(1, RETRY_SECS_MAX));
    unavailable("verifier-failed", "whether the request is its source's could not be told; try again").retry_after(secs)
}

/// By a plugin, whose words may quote the request, credentials and all: they are not for every log.
fn refused_by(name: &Name, plugin: &Name, code: &str, reason: &str) -> Problem {
    tracing::warn!(source = %name, %plugin, code, "a request was not its source's");
    tracing::debug!(source = %name, %plugin, reason, "why it was not");
    not_verified()
}

/// By a scheme.
fn refused(name: &Name, refusal: &Refusal) -> Problem {
    tracing::warn!(source = %name, class = refusal.reason.label(), reason = refusal.told, "a request was not its source's");
    not_verified()
}

/// A scheme's answer to a handshake, in the form of a plugin's.
fn answer(response: verify::Response) -> plugin::Response {
    let content_type = Header { name: header::CONTENT_TYPE.as_str().to_owned(), value: response.content_type.to_owned() };
    plugin::Response { status: response.status, headers: vec![content_type], body: response.body.into() }
}

fn not_verified() -> Problem {
    Problem::new(StatusCode::UNAUTHORIZED, "not-verified", "the request could not be verified")
}

fn unavailable(kind: &'static str, detail: &str) -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, kind, detail)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Failure;

    fn answered(kind: FaultKind) -> (u16, &'static str, Option<u64>) {
        let failure = Failure::new("told", "the reason");
        let problem = failed(&"shop".parse().expect("a name"), &Fault { plugin: "p".parse().expect("a name"), kind, failure });
        assert!(!problem.detail.contains("reason"), "{problem:?}");
        (problem.status.as_u16(), problem.kind, problem.retry_after_secs)
    }

    #[test]
    fn only_a_plugins_own_no_is_a_no() {
        assert_eq!(answered(FaultKind::Rejected), (401, "not-verified", None));
        for kind in [FaultKind::Trapped, FaultKind::Memory, FaultKind::Fuel, FaultKind::Output, FaultKind::Time, FaultKind::Host]
        {
            assert_eq!(answered(kind), (503, "verifier-failed", Some(5)), "{kind:?}");
        }
    }

    #[test]
    fn a_plugin_says_when_to_come_again_within_reason() {
        let after = |after_ms| answered(FaultKind::RetryAsked { after_ms }).2;
        assert_eq!([None, Some(0), Some(1_001), Some(u64::MAX)].map(after), [5, 1, 2, 86_400].map(Some));
    }
}
