//! What a connection is doing, and until when it may: none is kept that does not begin, does not go on, or has nothing more to say.
//!
//! hyper waits for ever for what tells it the HTTP version, does not tell idle connections from slow headers, and takes an HTTP/2
//! connection that answers pings for a busy one. So the door keeps the time itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use super::{Options, closed::Closed};

/// How long a connection may wait, and what it may call off.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    first_byte: Duration,
    header: Duration,
    pub(super) idle: Duration,
    resets_max: u64,
}

impl Limits {
    pub(super) fn new(options: &Options) -> Self {
        Self {
            first_byte: Duration::from_millis(options.first_byte_timeout_ms),
            header: Duration::from_millis(options.header_timeout_ms),
            idle: Duration::from_millis(options.idle_timeout_ms),
            resets_max: options.http2_resets_max.into(),
        }
    }
}

/// What is awaited while no request is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Awaited {
    /// The bytes that tell the HTTP version.
    FirstByte,
    /// The rest of a request's headers.
    Header,
    /// A request.
    Request,
}

#[derive(Clone, Copy, Debug)]
struct State {
    awaited: Awaited,
    since: Instant,
    /// Bytes between requests say nothing: they may be pings.
    http2: bool,
    under_way: usize,
    begun: u64,
    called_off: u64,
}

impl State {
    /// When it is to be closed, and why, if nothing happens until then.
    fn due(&self, limits: &Limits) -> Option<(Instant, Closed)> {
        let (time, closed) = match self.awaited {
            _ if self.under_way > 0 => return None,
            Awaited::FirstByte => (limits.first_byte, Closed::FirstByteTimeout),
            Awaited::Header => (limits.header, Closed::HeaderTimeout),
            Awaited::Request => (limits.idle, Closed::IdleTimeout),
        };
        Some((self.since + time, closed))
    }

    /// Whether it calls off more than it wants answered. On a long way a client may give up now and then.
    fn floods(&self, limits: &Limits) -> bool {
        self.called_off > limits.resets_max && self.called_off > self.begun / 2
    }
}

/// What one connection is doing.
#[derive(Debug)]
pub(super) struct Activity {
    state: watch::Sender<State>,
    body_left: AtomicBool,
}

impl Activity {
    pub(super) fn new(now: Instant) -> Arc<Self> {
        let (awaited, since) = (Awaited::FirstByte, now);
        let state = State { awaited, since, http2: false, under_way: 0, begun: 0, called_off: 0 };
        Arc::new(Self { state: watch::Sender::new(state), body_left: AtomicBool::new(false) })
    }

    /// Its HTTP version is known, so the headers of a request have begun.
    pub(super) fn version_told(&self, http2: bool) {
        self.state.send_modify(|state| (state.awaited, state.since, state.http2) = (Awaited::Header, Instant::now(), http2));
    }

    /// Bytes came.
    pub(super) fn bytes_came(&self) {
        self.state.send_if_modified(|state| {
            let begins = state.under_way == 0 && state.awaited == Awaited::Request && !state.http2;
            if begins {
                (state.awaited, state.since) = (Awaited::Header, Instant::now());
            }
            begins
        });
    }

    /// A request's headers are there.
    pub(super) fn request(self: &Arc<Self>) -> Begun {
        self.state.send_modify(|state| state.begun += 1);
        Begun { busy: Some(self.busy()) }
    }

    /// The connection is not quiet while the value lives.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.state.send_modify(|state| state.under_way += 1);
        Busy(Arc::clone(self))
    }

    /// A request was answered whose body was not read to its end.
    pub(super) fn body_was_left(&self) {
        self.body_left.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_left_body(&self) -> bool {
        self.body_left.load(Ordering::Relaxed)
    }

    /// Since when no request has been under way, where none is.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        let state = self.state.borrow();
        (state.under_way == 0).then_some(state.since)
    }

    /// Waits until the connection is to be closed, and tells why.
    pub(super) async fn overdue(&self, limits: &Limits) -> Closed {
        let mut changes = self.state.subscribe();
        loop {
            let state = *changes.borrow_and_update();
            if state.floods(limits) {
                return Closed::ResetFlood;
            }
            // The sender is `self`, so changes have no end.
            match state.due(limits) {
                None => drop(changes.changed().await),
                Some((at, closed)) if timeout_at(at, changes.changed()).await.is_err() => return closed,
                Some(_) => {}
            }
        }
    }

    /// Waits until no request has been under way for this long.
    pub(super) async fn quiet_for(&self, time: Duration) {
        let mut changes = self.state.subscribe();
        loop {
            drop(changes.wait_for(|state| state.under_way == 0).await);
            if tokio::time::timeout(time, changes.changed()).await.is_err() {
                return;
            }
        }
    }
}

/// A request that is not answered yet. Dropped before it is, it was called off.
#[derive(Debug)]
pub(super) struct Begun {
    busy: Option<Busy>,
}

impl Begun {
    /// The answer's headers are there; its body may not be.
    pub(super) fn answered(mut self) -> Option<Busy> {
        self.busy.take()
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Some(Busy(activity)) = &self.busy {
            activity.state.send_modify(|state| state.called_off += 1);
        }
    }
}

/// Keeps a connection from being quiet.
#[derive(Debug)]
pub(super) struct Busy(Arc<Activity>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.state.send_modify(|state| {
            state.under_way -= 1;
            (state.awaited, state.since) = (Awaited::Request, Instant::now());
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits::new(&Options { http2_resets_max: 2, ..Options::default() })
    }

    /// What it is closed for, and after how many seconds, with nothing more happening.
    fn due(activity: &Activity) -> Option<(u64, Closed)> {
        let state = *activity.state.borrow();
        state.due(&limits()).map(|(at, closed)| (at.duration_since(state.since).as_secs(), closed))
    }

    #[tokio::test]
    async fn each_thing_that_may_be_awaited_has_its_time() {
        let activity = Activity::new(Instant::now());
        assert_eq!(due(&activity), Some((5, Closed::FirstByteTimeout)));
        activity.version_told(false);
        assert_eq!(due(&activity), Some((5, Closed::HeaderTimeout)));
        let begun = activity.request();
        assert_eq!(due(&activity), None);
        drop(begun.answered());
        assert_eq!(due(&activity), Some((60, Closed::IdleTimeout)));
        activity.bytes_came();
        assert_eq!(due(&activity), Some((5, Closed::HeaderTimeout)));
    }

    #[tokio::test]
    async fn bytes_between_requests_of_http2_are_no_beginning() {
        let activity = Activity::new(Instant::now());
        activity.version_told(true);
        drop(activity.request().answered());
        activity.bytes_came();
        assert_eq!(due(&activity), Some((60, Closed::IdleTimeout)));
    }

    #[tokio::test]
    async fn a_quiet_connection_becomes_overdue() {
        let limits = Limits::new(&Options { idle_timeout_ms: 1, ..Options::default() });
        let activity = Activity::new(Instant::now());
        drop(activity.request().answered());
        assert_eq!(activity.overdue(&limits).await, Closed::IdleTimeout);
    }

    #[tokio::test]
    async fn who_calls_off_most_requests_floods() {
        let activity = Activity::new(Instant::now());
        for _ in 0..3 {
            drop(activity.request().answered());
        }
        for _ in 0..2 {
            drop(activity.request());
        }
        let floods = || activity.state.borrow().floods(&limits());
        assert!(!floods(), "two may be");
        drop(activity.request());
        assert!(!floods(), "half of all may be");
        drop(activity.request());
        assert!(floods());
        assert_eq!(activity.overdue(&limits()).await, Closed::ResetFlood);
    }
}
