//! What facts mean: a finding for each that somebody should know of, with what mends it. Pure.

use serde::Serialize;

use super::{
    facts::{Facts, FolderFacts, HostFacts, KeyFact},
    host::DEAD_LETTERS_MAX,
};
use crate::hub::MainKeyState;

/// Signatures with a time are good for five minutes; a clock that is off by more than this is on its way there.
const CLOCK_OFF_SECS_MAX: u64 = 30;
/// What the host's defaults need: 10,000 connections, and 1,000 files besides.
const OPEN_FILES_MIN: u64 = 11_000;
const DAY_SECS: u64 = 24 * 60 * 60;
/// Whatever renews certificates has done so long before.
const CERTIFICATE_SECS_LEFT_MIN: i64 = 7 * 24 * 60 * 60;
/// Names that are told in one finding.
const NAMES_TOLD: usize = 5;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Severity {
    /// Events are lost, refused or not delivered, or will be with the next start.
    Error,
    /// Something is not as it should be.
    Warning,
    /// To be known.
    Note,
}

impl Severity {
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// Something that somebody should know of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// Stable.
    pub(super) code: &'static str,
    /// What is wrong, and what that means.
    pub(super) what: String,
    /// What to do.
    pub(super) mend: String,
}

fn error(code: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity: Severity::Error, code, what: what.into(), mend: mend.into() }
}

fn warning(code: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity: Severity::Warning, ..error(code, what, mend) }
}

fn note(code: &'static str, what: impl Into<String>, mend: impl Into<String>) -> Finding {
    Finding { severity: Severity::Note, ..error(code, what, mend) }
}

/// All findings, the worst first.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(host) = &facts.host {
        of_host(host, &mut findings);
    }
    if let Some(folder) = &facts.folder {
        of_folder(folder, &mut findings);
    }
    findings.sort_by_key(|finding| finding.severity);
    findings
}

fn of_host(host: &HostFacts, findings: &mut Vec<Finding>) {
    of_certificates(&host.certificates, findings);
    if let Some(why) = &host.unreachable {
        let what = format!("no host answers at {} ({why}): nothing is taken in, and nothing is delivered", host.url);
        findings.push(error("unreachable", what, "start it (sluicebox serve), or name its address by --url"));
        return;
    }
    if let Some(why) = &host.not_ready {
        findings.push(error(
            "not-ready",
            format!("senders are refused: {why}"),
            "make room, or mend the destinations that work waits for",
        ));
    }
    let ahead = host.clock_ahead_secs.unwrap_or_default();
    if ahead.unsigned_abs() > CLOCK_OFF_SECS_MAX {
        let what = format!("the host's clock is {ahead} seconds ahead of this machine's: signatures with a time will be refused");
        findings.push(warning("clock-skew", what, "have both machines keep the time (systemctl status systemd-timesyncd)"));
    }
    match host.key {
        KeyFact::None => findings.push(error(
            "no-key",
            "there is no key to ask with",
            "give --key, set SLUICEBOX_KEY, or name the data folder by --data",
        )),
        KeyFact::Refused => {
            let what = "the host does not take this key: it is of another host, expired or revoked";
            findings.push(error("key-refused", what, "take the key in admin.key of the host's data folder"));
        }
        KeyFact::Narrow => {
            findings.push(warning(
                "key-narrow",
                "the key is good but does not read documents: the rest was not looked at",
                "use a key with scope `read` and better `operator`",
            ));
        }
        KeyFact::Good | KeyFact::NotAsked => {}
    }
    let version = env!("CARGO_PKG_VERSION");
    if let Some(theirs) = host.version.as_deref().filter(|theirs| *theirs != version) {
        let what =
            format!("the host is version {theirs}, this command line {version}: it may not understand all that it is told");
        findings.push(warning("version", what, "install the same version on both, and restart the older"));
    }
    for (what, why) in &host.unanswered {
        findings.push(warning("unanswered", format!("the host does not tell of its {what}: {why}"), "look into its log"));
    }
    of_work(host, findings);
}

/// Of what is shown to senders.
fn of_certificates(certificates: &[(String, i64)], findings: &mut Vec<Finding>) {
    let renew = "renew it: new files in the place of the old are read within seconds";
    for (what, secs_left) in certificates {
        let days = secs_left.unsigned_abs() / DAY_SECS;
        if *secs_left <= 0 {
            let told = format!("the certificate of {what} ended {days} days ago: senders refuse to connect");
            findings.push(error("certificate-ended", told, renew));
        } else if *secs_left < CERTIFICATE_SECS_LEFT_MIN {
            findings.push(warning("certificate-ends", format!("the certificate of {what} ends in {days} days"), renew));
        }
    }
}

/// Of what runs on the host.
fn of_work(host: &HostFacts, findings: &mut Vec<Finding>) {
    for (name, code) in &host.disabled {
        let what = format!("destination {name} is disabled ({code}): what goes there waits");
        findings.push(error("destination-disabled", what, format!("mend it, then: sluicebox destinations enable {name}")));
    }
    if !host.open_breakers.is_empty() {
        let what = format!("nothing but probes goes to {}: too many deliveries failed", names(&host.open_breakers));
        findings.push(warning(
            "breaker-open",
            what,
            "see why: sluicebox deliveries --state waiting; they go on by themselves when they answer",
        ));
    }
    if !host.tripped_plugins.is_empty() {
        let what = format!("events wait for {}: too many calls failed", names(&host.tripped_plugins));
        findings.push(error(
            "plugin-tripped",
            what,
            "see why: sluicebox runs --state held; push a mended version, or enable the plugin again",
        ));
    }
    if host.dead_letters > 0 {
        let what = format!(
            "{}{} dead letters: what they hold was given up",
            host.dead_letters,
            if host.dead_letters >= DEAD_LETTERS_MAX { " or more" } else { "" }
        );
        findings.push(warning("dead-letters", what, "sluicebox dead; when the cause is mended: sluicebox retry --all"));
    }
    if host.commit_failures > 0 {
        let what = format!(
            "{} commits of the journal have failed since the start: senders and deliveries were refused meanwhile",
            host.commit_failures
        );
        findings.push(error("journal-fails", what, "look for `the journal could not commit` in the log, and at the disk"));
    }
    if host.audit_failures > 0 {
        let what = format!(
            "{} entries of the audit log could not be written since the start: changes were refused",
            host.audit_failures
        );
        findings.push(error("audit-fails", what, "look for `the audit log could not be written` in the log, and at the disk"));
    }
    if !host.unverified_sources.is_empty() {
        let what = format!("anybody can send to {} (verify.scheme is none)", names(&host.unverified_sources));
        findings.push(note("unverified", what, "name a scheme, or let only some networks in by allow_from"));
    }
    if let Some(drift) = &host.drift {
        let what = format!("since the hub file of revision {} the API has changed {}", drift.since, names(&drift.entries));
        findings.push(note(
            "drift",
            what,
            "sluicebox drift tells by whom; take it over into the file, or apply the file once more",
        ));
    }
    if host.last_backup_secs == Some(0) {
        findings.push(note("no-backup", "no backup was made since the host was started", "sluicebox backup FILE, from a timer"));
    }
}

fn of_folder(folder: &FolderFacts, findings: &mut Vec<Finding>) {
    let path = &folder.path;
    if folder.restore_unfinished {
        findings.push(error(
            "restore-unfinished",
            format!("{path} was not restored to its end: no host starts on it"),
            format!("remove {path}, and restore once more"),
        ));
    }
    of_hub(folder, findings);
    match &folder.journal {
        Err(why) => findings.push(error(
            "journal-unreadable",
            format!("the journal cannot be read: {why}"),
            "stop the host, and restore the folder from a backup",
        )),
        Ok(None) => findings.push(note(
            "no-journal",
            format!("{path} has no journal: no host has run on it"),
            "sluicebox serve makes one",
        )),
        Ok(Some(journal)) => {
            let (found, known) = journal.version;
            if found != known {
                let what = format!("the journal has layout {found}, this program knows {known}");
                findings.push(error("journal-version", what, "use the version of sluicebox that wrote it, or a newer one"));
            }
            if let Some(first) = journal.problems.first() {
                let what = format!("the journal is damaged: {first}");
                findings.push(error(
                    "journal-damaged",
                    what,
                    "stop the host, keep the folder, restore a backup, and check the disk (dmesg, smartctl)",
                ));
            }
        }
    }
    for (file, mode) in &folder.readable_by_others {
        let kept = if file.ends_with("journal") { 700 } else { 600 };
        let what = format!("{file} can be read by others (mode {mode:03o})");
        findings.push(error("readable-by-others", what, format!("chmod {kept} {file}; who may have read a key: make a new one")));
    }
    if folder.admin_key_missing {
        findings.push(note("no-admin-key", "there is no admin.key", "the next start makes one"));
    }
    let reserve = folder.disk_reserve_bytes;
    match folder.free_bytes {
        Some(free) if free < reserve => {
            let what = format!("the disk has {free} bytes free, less than the reserve of {reserve}: events are refused");
            findings.push(error("disk-full", what, "make room, or lower --disk-reserve-bytes"));
        }
        Some(free) if free < reserve.saturating_add(reserve / 2) => {
            let what = format!(
                "the disk has {free} bytes free, less than one and a half times the reserve of {reserve}: what was delivered goes early"
            );
            findings.push(warning("disk-scarce", what, "make room, or lower --retain"));
        }
        _ => {}
    }
    if let Some(allowed) = folder.open_files_max.filter(|allowed| *allowed < OPEN_FILES_MIN) {
        let what =
            format!("this user's processes may open {allowed} files; the default --connections-max needs {OPEN_FILES_MIN}");
        findings.push(warning("open-files", what, "raise it (LimitNOFILE= of the unit, ulimit -n), or lower --connections-max"));
    }
}

fn of_hub(folder: &FolderFacts, findings: &mut Vec<Finding>) {
    let hub = match &folder.hub {
        Ok(hub) => hub,
        Err(why) => {
            findings.push(error(
                "hub-unreadable",
                format!("the hub's files cannot be read: {why}"),
                "see to it that the user of the host owns them, or restore a backup",
            ));
            return;
        }
    };
    if !hub.damaged.is_empty() {
        let files: Vec<String> = hub.damaged.iter().map(|path| path.display().to_string()).collect();
        let what = format!("{} damaged: the next start passes over it, and over what was applied to it", names(&files));
        findings.push(error(
            "record-damaged",
            what,
            "restore these files from a backup before the host is started, or apply the hub file once more after",
        ));
    }
    if !hub.components_missing.is_empty() {
        let files: Vec<String> = hub.components_missing.iter().map(|path| path.display().to_string()).collect();
        let what = format!("{} missing or damaged: the host does not start without it", names(&files));
        findings.push(error(
            "component-missing",
            what,
            "restore these files from a backup, or push the plugin again while the host runs",
        ));
    }
    match &hub.main_key {
        MainKeyState::Opens => {}
        MainKeyState::Missing if hub.revision == 0 => {}
        MainKeyState::Missing => {
            findings.push(warning(
                "main-key-missing",
                "main.key is not in the folder: unless the host is told of it elsewhere, it does not start",
                "restore it from where you keep it apart",
            ));
        }
        MainKeyState::Damaged => findings.push(error(
            "main-key-damaged",
            "main.key is not 64 hexadecimal digits: no secret opens",
            "restore it from where you keep it apart",
        )),
        MainKeyState::DoesNotOpen(which) => {
            findings.push(error("main-key-wrong", which.clone(), "restore the main.key that belongs to this folder"))
        }
    }
    if !hub.set_aside.is_empty() {
        let files: Vec<String> = hub.set_aside.iter().map(|path| path.display().to_string()).collect();
        let what = format!("{} damaged once, and set aside by a start", names(&files));
        findings.push(warning(
            "set-aside",
            what,
            "see whether anything is missing (sluicebox apply), check the disk, and remove what was set aside",
        ));
    }
}

/// The first of them, and how many more there are.
fn names(all: &[String]) -> String {
    let told = all[..all.len().min(NAMES_TOLD)].join(", ");
    match all.len().saturating_sub(NAMES_TOLD) {
        0 => told,
        more => format!("{told} and {more} more"),
    }
}

#[cfg(test)]
mod tests;
