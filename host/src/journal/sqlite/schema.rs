//! The tables, and how a file is opened.
//!
//! `seq` is the order of the journal and the row's address. Beside it every table and every index leads with the workspace, but for
//! `key_uses`, since the ids of API keys are the host's, and indexes that answer what is asked across workspaces: which events are not routed,
//! which keys are over, which revisions dead letters are of, which runs kept what they saw, which batches were taken apart, and which entries
//! of the audit log are old.
//! What waits has partial indexes of its own, so that finding it costs the same beside a million settled rows as beside none.
//! (An index ends with the row's `seq` without being told, so `(workspace)` lists a workspace in the journal's order.)
//! Large values stand last in their tables: reading the columns before them does not touch their pages.

use std::path::Path;

use rusqlite::{Connection, OpenFlags, TransactionBehavior, config::DbConfig};

use super::{Options, backlog, error::StoreError, space::hard_bytes_max};

/// The layout this program knows. Those before it were never released.
pub(super) const VERSION: i64 = 3;

/// Measured to be the best for events of 1 KiB. Fixed when the file is made.
pub(super) const PAGE_BYTES: u64 = 8192;

/// `PRAGMA auto_vacuum` of a file that gives space back when it is asked to. Measured with deletion (200,000 events of 1 KiB, a fifth
/// kept): it costs 4 us and a fifth more bytes written per event over a file that never shrinks, in steps of 60 ms at most for 256
/// pages. A file per hour would be cheaper to drop, but one waiting delivery would keep its hour, and every query would ask them all.
const INCREMENTAL: i64 = 2;

/// The statements of the engine are prepared once per connection; there are fewer than these, but for rare listings.
const STATEMENTS_MAX: usize = 96;

/// How long a connection waits for another's short lock.
const BUSY_MS: u64 = 5_000;

const TABLES: &str = "
CREATE TABLE events (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    generation INTEGER NOT NULL DEFAULT 0,
    routed INTEGER NOT NULL DEFAULT 0,
    only_rules TEXT,
    hops INTEGER NOT NULL DEFAULT 0,
    source TEXT NOT NULL,
    type TEXT NOT NULL,
    subject TEXT,
    received_at INTEGER NOT NULL,
    time INTEGER,
    external_id TEXT,
    content_type TEXT,
    dead_at INTEGER,
    retried_at INTEGER,
    failure TEXT,
    headers TEXT NOT NULL,
    attributes TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE UNIQUE INDEX events_id ON events (workspace, id);
CREATE INDEX events_listed ON events (workspace);
CREATE INDEX events_of_source ON events (workspace, source);
CREATE INDEX events_unrouted ON events (seq) WHERE routed = 0;

CREATE TABLE duplicates (
    workspace TEXT NOT NULL,
    source TEXT NOT NULL,
    key BLOB NOT NULL,
    event BLOB NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (workspace, source, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX duplicates_expiring ON duplicates (expires_at);

CREATE TABLE runs (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    event INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    rule TEXT NOT NULL,
    revision INTEGER NOT NULL,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    failure TEXT,
    conflicts INTEGER NOT NULL DEFAULT 0,
    attempts_before INTEGER NOT NULL DEFAULT 0,
    retried_at INTEGER,
    dead_at INTEGER,
    dead_id BLOB,
    stages TEXT NOT NULL,
    saw TEXT
) STRICT;
CREATE UNIQUE INDEX runs_of_event ON runs (workspace, event, generation, rule);
CREATE INDEX runs_listed ON runs (workspace);
CREATE INDEX runs_pending ON runs (workspace, rule, due_at) WHERE state = 0;
CREATE INDEX runs_dead ON runs (workspace) WHERE state = 5;
CREATE INDEX runs_saw ON runs (created_at) WHERE saw IS NOT NULL;

CREATE TABLE batches (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    rule TEXT NOT NULL,
    key TEXT NOT NULL,
    rule_hash BLOB NOT NULL,
    revision INTEGER NOT NULL,
    opened_at INTEGER NOT NULL,
    events INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    hops INTEGER NOT NULL DEFAULT 0,
    state INTEGER NOT NULL,
    due_at INTEGER,
    id BLOB,
    reason INTEGER,
    attempts INTEGER NOT NULL DEFAULT 0,
    failure TEXT,
    conflicts INTEGER NOT NULL DEFAULT 0,
    attempts_before INTEGER NOT NULL DEFAULT 0,
    retried_at INTEGER,
    dead_at INTEGER,
    ordered TEXT NOT NULL DEFAULT '[]',
    place INTEGER,
    stages TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX batches_listed ON batches (workspace);
CREATE UNIQUE INDEX batches_open ON batches (workspace, rule, key) WHERE state = 0;
CREATE INDEX batches_aging ON batches (workspace, rule, due_at) WHERE state = 0;
CREATE INDEX batches_taken_apart ON batches (retried_at) WHERE state = 4 AND dead_at IS NULL;
CREATE INDEX batches_closed ON batches (workspace, rule, due_at) WHERE state = 1;

CREATE TABLE batch_members (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    batch INTEGER NOT NULL,
    event INTEGER NOT NULL,
    position INTEGER NOT NULL,
    message TEXT NOT NULL,
    body BLOB
) STRICT;
CREATE INDEX batch_members_of ON batch_members (workspace, batch);
CREATE INDEX batch_members_of_event ON batch_members (workspace, event);

CREATE TABLE deliveries (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL,
    rule TEXT NOT NULL,
    destination TEXT NOT NULL,
    event INTEGER,
    batch INTEGER,
    state INTEGER NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL,
    due_at INTEGER,
    received_at INTEGER,
    settled_at INTEGER,
    last_status INTEGER,
    failure TEXT,
    order_key TEXT,
    place INTEGER,
    blocked INTEGER NOT NULL DEFAULT 0,
    attempts_before INTEGER NOT NULL DEFAULT 0,
    retried_at INTEGER,
    dead_at INTEGER,
    last_code TEXT,
    message TEXT NOT NULL,
    body BLOB
) STRICT;
CREATE UNIQUE INDEX deliveries_id ON deliveries (workspace, id);
CREATE INDEX deliveries_of_event ON deliveries (workspace, event) WHERE event IS NOT NULL;
CREATE INDEX deliveries_of_batch ON deliveries (workspace, batch) WHERE batch IS NOT NULL;
CREATE INDEX deliveries_listed ON deliveries (workspace);
CREATE INDEX deliveries_to ON deliveries (workspace, destination);
CREATE INDEX deliveries_waiting ON deliveries (workspace, destination, blocked, due_at) WHERE state = 0;
CREATE INDEX deliveries_in_order ON deliveries (workspace, destination, order_key, blocked, place)
    WHERE state = 0 AND order_key IS NOT NULL;
CREATE INDEX deliveries_dead ON deliveries (workspace) WHERE state = 2;

CREATE TABLE order_holds (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY,
    destination TEXT NOT NULL,
    order_key TEXT NOT NULL,
    place INTEGER NOT NULL,
    run INTEGER,
    batch INTEGER
) STRICT;
CREATE INDEX order_holds_in_line ON order_holds (workspace, destination, order_key, place);
CREATE INDEX order_holds_of_run ON order_holds (workspace, run) WHERE run IS NOT NULL;
CREATE INDEX order_holds_of_batch ON order_holds (workspace, batch) WHERE batch IS NOT NULL;

CREATE TABLE attempts (
    workspace TEXT NOT NULL,
    delivery INTEGER NOT NULL,
    number INTEGER NOT NULL,
    started_at INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL,
    status INTEGER,
    failure TEXT,
    response_headers TEXT NOT NULL,
    response_body BLOB NOT NULL,
    PRIMARY KEY (workspace, delivery, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE lane_facts (
    workspace TEXT NOT NULL,
    destination TEXT NOT NULL,
    disabled_at INTEGER,
    disabled_for TEXT,
    opened_at INTEGER,
    open_until INTEGER,
    probes INTEGER,
    held_until INTEGER,
    PRIMARY KEY (workspace, destination)
) STRICT, WITHOUT ROWID;

CREATE TABLE key_uses (
    key TEXT PRIMARY KEY,
    used_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    workspace TEXT NOT NULL,
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    key TEXT,
    action TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT,
    revision_before INTEGER,
    address TEXT,
    user_agent TEXT,
    request_id TEXT,
    times INTEGER NOT NULL,
    outcome INTEGER NOT NULL,
    status INTEGER,
    revision_after INTEGER
) STRICT;
CREATE INDEX audit_listed ON audit (workspace);
CREATE INDEX audit_aging ON audit (at);

CREATE TABLE plugin_state (
    workspace TEXT NOT NULL,
    plugin TEXT NOT NULL,
    key TEXT NOT NULL,
    version INTEGER NOT NULL,
    expires_at INTEGER,
    value BLOB NOT NULL,
    PRIMARY KEY (workspace, plugin, key)
) STRICT;
CREATE INDEX plugin_state_expiring ON plugin_state (workspace, plugin, expires_at) WHERE expires_at IS NOT NULL;

CREATE TABLE plugin_state_sizes (
    workspace TEXT NOT NULL,
    plugin TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (workspace, plugin)
) STRICT, WITHOUT ROWID;
";

/// Indexes for listings alone, made at open where a file has none of them yet. Each is written with every row that is in it, so there are
/// two for all rows: by rule, without which the rows of a quiet rule are sought among all others (rows of a rule stand together, so that
/// its last page is in memory: some 20 bytes and a microsecond per row). What few rows are in is partial, and costs those only: held
/// and dropped runs. Pending runs and waiting deliveries are few beside what is settled and have the index that they are claimed by.
/// Planned and batched runs and delivered deliveries are what most rows become, and are found among all soon enough.
const LISTED: &str = "
CREATE INDEX IF NOT EXISTS runs_of_rule ON runs (workspace, rule);
CREATE INDEX IF NOT EXISTS runs_held ON runs (workspace) WHERE state = 1;
CREATE INDEX IF NOT EXISTS runs_held_of_rule ON runs (workspace, rule, due_at) WHERE state = 1;
CREATE INDEX IF NOT EXISTS runs_dropped ON runs (workspace) WHERE state = 4;
CREATE INDEX IF NOT EXISTS deliveries_of_rule ON deliveries (workspace, rule);
";

/// Of dead letters that nobody has taken up again, which have a time in `dead_at`; all others cost nothing here. By revision, because what
/// they ran by is kept for them. `dead_id` is set with a
/// run's first death: other runs are asked for by their event. Batches are few beside their members.
const DEAD: &str = "
CREATE INDEX IF NOT EXISTS events_given_up ON events (workspace, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_given_up ON deliveries (workspace, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS deliveries_given_up_to ON deliveries (workspace, destination, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_given_up ON runs (workspace, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_given_up_of ON runs (workspace, rule, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_dead_id ON runs (workspace, dead_id) WHERE dead_id IS NOT NULL;
CREATE INDEX IF NOT EXISTS batches_given_up ON batches (workspace, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS runs_given_up_by ON runs (revision, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS batches_given_up_by ON batches (revision, dead_at) WHERE dead_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS batches_id ON batches (workspace, id) WHERE id IS NOT NULL;
";

/// Opens the committer's connection, and makes the tables where there are none.
pub(super) fn open_writer(path: &Path, options: &Options) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path)?;
    // The first two are fixed with the first page, and ignored afterwards.
    connection.pragma_update(None, "page_size", PAGE_BYTES.to_string())?;
    connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
    settle_in(&connection)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Checkpoints are another thread's, so that no sender waits for one.
    connection.pragma_update(None, "wal_autocheckpoint", 0)?;
    let log_bytes_max = i64::from(options.checkpoint_pages) * 4 * i64::try_from(PAGE_BYTES).unwrap_or(i64::MAX);
    connection.pragma_update(None, "journal_size_limit", log_bytes_max)?;
    if let Some(bytes) = options.bytes_max {
        let pages_max = hard_bytes_max(bytes) / PAGE_BYTES;
        connection.pragma_update(None, "max_page_count", i64::try_from(pages_max).unwrap_or(i64::MAX))?;
    }
    migrate(&mut connection, path)?;
    connection.execute_batch(LISTED)?;
    connection.execute_batch(DEAD)?;
    connection.execute_batch(backlog::COUNTED)?;
    plan_once(&connection)?;
    Ok(connection)
}

/// Opens the connection of the thread that makes checkpoints.
pub(super) fn open_tidier(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open(path)?;
    settle_in(&connection)?;
    Ok(connection)
}

/// Opens a connection that cannot write.
pub(super) fn open_reader(path: &Path) -> Result<Connection, StoreError> {
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    settle_in(&connection)?;
    Ok(connection)
}

/// Opens a connection that cannot write, for statements that are the same again and again.
pub(super) fn open_claimer(path: &Path) -> Result<Connection, StoreError> {
    let connection = open_reader(path)?;
    plan_once(&connection)?;
    Ok(connection)
}

/// Whether commits of this connection are synced from now on. Where they are not, the log is still in order: a power cut loses the last of
/// them, and none before one that it keeps.
pub(super) fn sync_commits(connection: &Connection, sync: bool) -> Result<(), StoreError> {
    Ok(connection.pragma_update(None, "synchronous", if sync { "FULL" } else { "NORMAL" })?)
}

/// The log stays where it is when this connection, the last one, is closed: the next start sees to it.
pub(super) fn keep_log(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// Statements of this connection are planned once, whatever is bound to them. Else SQLite plans those that a partial index might serve anew for each
/// value, which costs more than to run them. Listings want that: which index serves them best depends on what is asked for.
fn plan_once(connection: &Connection) -> Result<(), StoreError> {
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

fn settle_in(connection: &Connection) -> Result<(), StoreError> {
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_MS))?;
    sync_commits(connection, true)?;
    connection.pragma_update(None, "temp_store", "MEMORY")?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_MAX);
    Ok(())
}

fn migrate(connection: &mut Connection, path: &Path) -> Result<(), StoreError> {
    let number = |pragma| connection.pragma_query_value(None, pragma, |row| row.get::<_, i64>(0));
    // Without it space could never be given back but by rewriting the whole file.
    if number("auto_vacuum")? != INCREMENTAL {
        return Err(StoreError::Foreign { path: path.to_owned() });
    }
    match number("user_version")? {
        0 => create(connection),
        VERSION => Ok(()),
        found if found < VERSION => Err(StoreError::Older { found, known: VERSION }),
        found => Err(StoreError::Newer { found, known: VERSION }),
    }
}

fn create(connection: &mut Connection) -> Result<(), StoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute_batch(TABLES)?;
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}
