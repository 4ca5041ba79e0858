//! Settings of the process as a whole.

use super::super::setting::{Setting, settings};

/// The longest that anybody waits for a host's end is an hour.
pub(super) const SETTINGS: &[Setting] = settings! { "":
    /// The folder that holds everything that is kept; made where it is not there.
    data: text(FOLDER) => process.data;
    /// Where to listen, for senders and, unless `admin_listen` is given, for operators too.
    listen: text(ADDRESS) => process.listen;
    /// Where to listen for operators alone: the API, metrics, `/healthz` and `/readyz`. `listen` is then for senders: events, confirmations and
    /// `/healthz`. Both have the same certificates and limits. Empty: one address for all.
    admin_listen: optional_text(ADDRESS) => process.admin_listen;
    /// How long requests, runs of plugins and deliveries that are under way may take to end when the host is told to stop, all at the same
    /// time; what does not end is called off and repeated after the next start.
    drain_seconds: number(SECONDS, 0..=3600) => process.drain_seconds;
    /// What to log: `error`, `warn`, `info`, `debug`, or a filter such as `info,sluicebox::deliver=debug`.
    log: text(FILTER) => process.log, live;
};
