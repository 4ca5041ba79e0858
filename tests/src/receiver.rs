//! A receiver of webhooks on loopback that remembers what it got and answers as it is told.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, Method, StatusCode, Uri};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use crate::PATIENCE;

/// One request that came in.
#[derive(Clone, Debug)]
pub struct Received {
    /// The method.
    pub method: Method,
    /// The path and query.
    pub path: String,
    /// All headers.
    pub headers: HeaderMap,
    /// The bytes.
    pub body: Bytes,
}

impl Received {
    /// A header as text; empty where it is not there.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }

    /// The `webhook-id`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.header("webhook-id")
    }
}

type Answering = Box<dyn Fn(&Received) -> Response + Send + Sync>;

struct Shared {
    received: Mutex<Vec<Received>>,
    came: Notify,
    answer: Answering,
}

/// A running receiver.
pub struct Receiver {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Receiver {
    /// Answers everything with 204.
    pub async fn start() -> Self {
        Self::answering(|_| StatusCode::NO_CONTENT.into_response()).await
    }

    /// Answers as told.
    pub async fn answering(answer: impl Fn(&Received) -> Response + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared { received: Mutex::default(), came: Notify::new(), answer: Box::new(answer) });
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { url, shared, serving }
    }

    /// Its address.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// What came to this path so far.
    #[must_use]
    pub fn received(&self, path: &str) -> Vec<Received> {
        let all = self.shared.received.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().filter(|received| received.path == path).cloned().collect()
    }

    /// Waits until at least `count` requests came to this path; panics when [`PATIENCE`] is over.
    pub async fn wait_for(&self, path: &str, count: usize) -> Vec<Received> {
        self.wait_until(&format!("{count} requests to {path}"), PATIENCE, || self.received(path).len() >= count).await;
        self.received(path)
    }

    /// Waits until `enough`; panics when the time is over.
    pub async fn wait_until(&self, what: &str, patience: Duration, enough: impl Fn() -> bool) {
        let waiting = async {
            loop {
                let came = self.shared.came.notified();
                if enough() {
                    return;
                }
                came.await;
            }
        };
        if tokio::time::timeout(patience, waiting).await.is_err() {
            let paths: Vec<String> = self.shared.received.lock().expect("no panic").iter().map(|r| r.path.clone()).collect();
            panic!("never came: {what}; what came: {paths:?}");
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn receive(State(shared): State<Arc<Shared>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let received = Received { method, path: uri.to_string(), headers, body };
    let answer = (shared.answer)(&received);
    shared.received.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    shared.came.notify_waiters();
    answer
}
