//! The destinations: they remember what came by its `webhook-id`, outlive every host, and answer by their path: at once, slowly, or with a
//! failure first.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::{Router, body::Bytes, extract::State, response::IntoResponse};
use http::{HeaderMap, StatusCode, Uri};
use tokio::{net::TcpListener, sync::Notify, task::JoinHandle};

use super::{hub, kind::Kind};

/// How long the slow one takes.
const SLOW: Duration = Duration::from_millis(60);

/// What came.
#[derive(Clone, Debug, Default)]
pub(super) struct Arrivals {
    /// The first body of each id.
    pub(super) bodies: BTreeMap<(Kind, String), Vec<u8>>,
    /// By sender, the last of those that have an order.
    latest: BTreeMap<String, Latest>,
    /// Requests whose id had come before.
    pub(super) repeats: u64,
    /// What no host may send: another body under an id that is known, a path that no rule has, an event before one that is earlier.
    pub(super) wrong: Vec<String>,
}

/// The last event of a sender that came.
#[derive(Clone, Debug)]
struct Latest {
    id: String,
    number: u64,
    /// It came again, after it was refused the first time.
    taken: bool,
}

impl Arrivals {
    /// A sender posts one after the other, and so its numbers only rise; and none comes while the one before it waits to be tried again.
    fn check_order(&mut self, sender: &str, id: &str, body: &[u8]) {
        let carried = Kind::Ordered.carried(body).and_then(|tokens| tokens.first()?.parse().ok());
        let Some(number) = carried.filter(|_| !sender.is_empty()) else {
            self.wrong.push(format!("{:?} came to ordered without its number or its sender", String::from_utf8_lossy(body)));
            return;
        };
        match self.latest.insert(sender.to_owned(), Latest { id: id.to_owned(), number, taken: false }) {
            Some(Latest { number: latest, .. }) if latest > number => {
                self.wrong.push(format!("{number} of sender {sender} came after {latest}, which was posted later"));
            }
            Some(Latest { number: latest, taken: false, .. }) => {
                self.wrong.push(format!("{number} of sender {sender} came before {latest} was taken"));
            }
            _ => {}
        }
    }
}

#[derive(Default)]
struct Shared {
    arrivals: Mutex<Arrivals>,
    /// How many more are answered before one is not; `None`: all are.
    answered: Mutex<Option<u64>>,
    held: Notify,
}

/// A running one.
pub(super) struct Sink {
    url: String,
    shared: Arc<Shared>,
    serving: JoinHandle<()>,
}

impl Sink {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let shared = Arc::new(Shared::default());
        let router = Router::new().fallback(receive).with_state(Arc::clone(&shared));
        let serving = tokio::spawn(async move { axum::serve(listener, router).await.expect("serving") });
        Self { url, shared, serving }
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    pub(super) fn arrivals(&self) -> Arrivals {
        lock(&self.shared.arrivals).clone()
    }

    /// From now on the `nth` request is not answered.
    pub(super) fn hold_back(&self, nth: u64) {
        *lock(&self.shared.answered) = Some(nth.saturating_sub(1));
    }

    /// Waits until a request is not answered, and answers all others.
    pub(super) async fn held(&self) {
        self.shared.held.notified().await;
    }

    /// Answers everything.
    pub(super) fn answer_all(&self) {
        *lock(&self.shared.answered) = None;
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Shared {
    /// Whether the id is new.
    fn remember(&self, path: &str, id: &str, sender: &str, body: &[u8]) -> bool {
        let mut arrivals = lock(&self.arrivals);
        let Some(kind) = Kind::named(path.trim_start_matches('/')) else {
            arrivals.wrong.push(format!("a request came to {path}"));
            return false;
        };
        let known = arrivals.bodies.get(&(kind, id.to_owned())).map(|first| first == body);
        match known {
            None => {
                arrivals.bodies.insert((kind, id.to_owned()), body.to_vec());
                if kind == Kind::Ordered {
                    arrivals.check_order(sender, id, body);
                }
            }
            Some(true) => {
                arrivals.repeats += 1;
                if let Some(latest) = arrivals.latest.get_mut(sender).filter(|latest| latest.id == id) {
                    latest.taken = true;
                }
            }
            Some(false) => arrivals.wrong.push(format!("{id} came to {path} with two bodies")),
        }
        known.is_none()
    }

    fn is_held_back(&self) -> bool {
        match &mut *lock(&self.answered) {
            Some(0) => true,
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }
}

async fn receive(State(shared): State<Arc<Shared>>, uri: Uri, headers: HeaderMap, body: Bytes) -> impl IntoResponse {
    let id = headers.get("webhook-id").and_then(|id| id.to_str().ok()).unwrap_or_default();
    let sender = headers.get(hub::SENDER).and_then(|sender| sender.to_str().ok()).unwrap_or_default();
    let is_new = shared.remember(uri.path(), id, sender, &body);
    if shared.is_held_back() {
        shared.held.notify_one();
        // The connection ends with the host.
        std::future::pending::<()>().await;
    }
    match Kind::named(uri.path().trim_start_matches('/')) {
        Some(Kind::Flaky | Kind::Ordered) if is_new => StatusCode::SERVICE_UNAVAILABLE,
        Some(Kind::Slow) => {
            tokio::time::sleep(SLOW).await;
            StatusCode::NO_CONTENT
        }
        _ => StatusCode::NO_CONTENT,
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_whose_events_come_out_of_order_is_found() {
        let shared = Shared::default();
        let came = |id: &str, sender: &str, number: u64| {
            shared.remember("/ordered", id, sender, Kind::Ordered.body(number).as_bytes());
            lock(&shared.arrivals).wrong.clone()
        };
        for (id, sender, number) in
            [("msg_1", "0", 9), ("msg_1", "0", 9), ("msg_2", "0", 31), ("msg_3", "1", 20), ("msg_1", "0", 9)]
        {
            assert!(came(id, sender, number).is_empty(), "repeats, and two senders, are in order");
        }
        assert_eq!(came("msg_4", "0", 42), ["42 of sender 0 came before 31 was taken"]);
        assert_eq!(came("msg_5", "0", 20)[1], "20 of sender 0 came after 42, which was posted later");
    }
}
