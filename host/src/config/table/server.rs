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
    /// A file with the main key, 64 hexadecimal digits. By flag or variable it goes before `SLUICEBOX_MAIN_KEY`, by this file after it. Empty: the
    /// systemd credential `sluicebox-main-key`, else main.key in the data folder, which is made at the first start.
    main_key_file: optional_text(FILE) => process.main_key_file;
    /// A file with the main key before this one (or `SLUICEBOX_MAIN_KEY_OLD`, or the credential `sluicebox-main-key-old`): a data folder that is
    /// still under that one is put under the new one.
    old_main_key_file: optional_text(FILE) => process.old_main_key_file;
    /// How long requests, runs of plugins and deliveries that are under way may take to end when the host is told to stop, all at the same
    /// time; what does not end is called off and repeated after the next start.
    drain_seconds: number(SECONDS, 0..=3600) => process.drain_seconds;
    /// So long after it was told to stop the host takes events still, and answers `/readyz` with 503, so that balancers send nothing more.
    shutdown_delay_seconds: number(SECONDS, 0..=600) => process.shutdown_delay_seconds;
    /// How to log: for people, or as JSON, an object a line.
    log_format: text(FORMAT) => process.log_format;
    /// What to log: `error`, `warn`, `info`, `debug`, or a filter such as `info,sluicebox::deliver=debug`.
    log: text(FILTER) => process.log, live;
};
