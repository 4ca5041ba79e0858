//! What systemd is told of a host that it started with `Type=notify` or `notify-reload` (sd_notify(3)). Nothing where nobody asked, which is
//! where `NOTIFY_SOCKET` is not set.

use sd_notify::NotifyState;

/// It takes what comes.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its settings again; [`ready`] follows.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager could not be told of a reload"),
    }
}

/// It ends.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "the service manager could not be told");
    }
}
