use super::super::facts::DriftFact;
use super::*;
use crate::{hub, journal};

fn host() -> HostFacts {
    HostFacts {
        url: "http://127.0.0.1:8484".to_owned(),
        key: KeyFact::Good,
        version: Some(env!("CARGO_PKG_VERSION").to_owned()),
        clock_ahead_secs: Some(-1),
        last_backup_secs: Some(1_790_000_000),
        ..HostFacts::default()
    }
}

fn folder() -> FolderFacts {
    FolderFacts {
        path: "data".to_owned(),
        hub: Ok(hub::Inspection {
            in_use: true,
            revision: 3,
            damaged: Vec::new(),
            set_aside: Vec::new(),
            components_missing: Vec::new(),
            main_key: MainKeyState::Opens,
        }),
        journal: Ok(Some(journal::Inspection { in_use: true, version: (3, 3), problems: Vec::new() })),
        readable_by_others: Vec::new(),
        admin_key_missing: false,
        restore_unfinished: false,
        free_bytes: Some(1 << 40),
        disk_reserve_bytes: 1 << 29,
        open_files_max: None,
    }
}

fn codes(facts: &Facts) -> Vec<(&'static str, Severity)> {
    let findings = judge(facts);
    for finding in &findings {
        assert!(!finding.what.is_empty() && !finding.mend.is_empty());
    }
    findings.into_iter().map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn of_what_is_well_nothing_is_told() {
    assert!(codes(&Facts { host: Some(host()), folder: Some(folder()) }).is_empty());
    assert!(codes(&Facts::default()).is_empty());
}

#[test]
fn each_fact_about_a_host_has_its_finding() {
    use Severity::{Error, Note, Warning};
    let with = |change: &dyn Fn(&mut HostFacts)| {
        let mut facts = host();
        change(&mut facts);
        codes(&Facts { host: Some(facts), folder: None })
    };
    let one = || vec!["one".to_owned()];
    type Case<'a> = (&'a dyn Fn(&mut HostFacts), &'a str, Severity);
    let certificate = |secs_left| vec![("tls.pem".to_owned(), secs_left)];
    let cases: [Case<'_>; 19] = [
        (&|host| host.unreachable = Some("refused".to_owned()), "unreachable", Error),
        (&|host| host.not_ready = Some("full".to_owned()), "not-ready", Error),
        (&|host| host.clock_ahead_secs = Some(31), "clock-skew", Warning),
        (&|host| host.clock_ahead_secs = Some(-31), "clock-skew", Warning),
        (&|host| host.key = KeyFact::None, "no-key", Error),
        (&|host| host.key = KeyFact::Refused, "key-refused", Error),
        (&|host| host.key = KeyFact::Narrow, "key-narrow", Warning),
        (&|host| host.version = Some("0.0.1".to_owned()), "version", Warning),
        (&|host| host.unanswered = vec![("plugins", "no".to_owned())], "unanswered", Warning),
        (&|host| host.disabled = vec![("crm".to_owned(), "gone".to_owned())], "destination-disabled", Error),
        (&|host| host.open_breakers = one(), "breaker-open", Warning),
        (&|host| host.tripped_plugins = one(), "plugin-tripped", Error),
        (&|host| host.dead_letters = 1, "dead-letters", Warning),
        (&|host| host.unverified_sources = one(), "unverified", Note),
        (&|host| host.last_backup_secs = Some(0), "no-backup", Note),
        (&|host| host.certificates = certificate(7 * 86_400 - 1), "certificate-ends", Warning),
        (&|host| host.certificates = certificate(1), "certificate-ends", Warning),
        (&|host| host.certificates = certificate(0), "certificate-ended", Error),
        (&|host| host.drift = Some(DriftFact { since: 3, entries: one() }), "drift", Note),
    ];
    for (change, code, severity) in cases {
        assert_eq!(with(change), [(code, severity)]);
    }
    assert_eq!(
        with(&|host| (host.commit_failures, host.audit_failures) = (1, 1)),
        [("journal-fails", Error), ("audit-fails", Error)]
    );
    assert!(with(&|host| host.clock_ahead_secs = Some(30)).is_empty(), "within bounds");
    assert!(with(&|host| host.certificates = certificate(7 * 86_400)).is_empty(), "a week is enough");
    let unreachable = with(&|host| (host.certificates, host.unreachable) = (certificate(-1), Some("no".to_owned())));
    assert_eq!(unreachable, [("certificate-ended", Error), ("unreachable", Error)], "which may be why");
}

#[test]
fn each_fact_about_a_folder_has_its_finding() {
    use Severity::{Error, Note, Warning};
    let with = |change: &dyn Fn(&mut FolderFacts)| {
        let mut facts = folder();
        change(&mut facts);
        codes(&Facts { host: None, folder: Some(facts) })
    };
    let hub_with = |change: &dyn Fn(&mut hub::Inspection)| {
        with(&|folder| {
            if let Ok(hub) = &mut folder.hub {
                change(hub);
            }
        })
    };
    let file = || vec![std::path::PathBuf::from("a")];
    assert_eq!(hub_with(&|hub| hub.damaged = file()), [("record-damaged", Error)]);
    assert_eq!(hub_with(&|hub| hub.components_missing = file()), [("component-missing", Error)]);
    assert_eq!(hub_with(&|hub| hub.set_aside = file()), [("set-aside", Warning)]);
    assert_eq!(hub_with(&|hub| hub.main_key = MainKeyState::Missing), [("main-key-missing", Warning)]);
    assert_eq!(hub_with(&|hub| hub.main_key = MainKeyState::Damaged), [("main-key-damaged", Error)]);
    assert_eq!(hub_with(&|hub| hub.main_key = MainKeyState::DoesNotOpen("x".to_owned())), [("main-key-wrong", Error)]);
    assert_eq!(with(&|folder| folder.hub = Err("no".to_owned())), [("hub-unreadable", Error)]);
    assert_eq!(with(&|folder| folder.journal = Err("no".to_owned())), [("journal-unreadable", Error)]);
    assert_eq!(with(&|folder| folder.journal = Ok(None)), [("no-journal", Note)]);
    let damaged = journal::Inspection { in_use: false, version: (4, 3), problems: vec!["torn".to_owned()] };
    let told = with(&|folder| folder.journal = Ok(Some(damaged.clone())));
    assert_eq!(told, [("journal-version", Error), ("journal-damaged", Error)]);
    assert_eq!(with(&|folder| folder.readable_by_others = vec![("main.key".to_owned(), 0o644)]), [("readable-by-others", Error)]);
    assert_eq!(with(&|folder| folder.admin_key_missing = true), [("no-admin-key", Note)]);
    assert_eq!(with(&|folder| folder.restore_unfinished = true), [("restore-unfinished", Error)]);
    assert_eq!(with(&|folder| folder.free_bytes = Some((1 << 29) - 1)), [("disk-full", Error)]);
    assert_eq!(with(&|folder| folder.free_bytes = Some(1 << 29)), [("disk-scarce", Warning)]);
    assert_eq!(with(&|folder| folder.open_files_max = Some(1_024)), [("open-files", Warning)]);
}

#[test]
fn the_worst_comes_first_and_long_lists_are_cut() {
    let many: Vec<String> = (0..8).map(|n| format!("s{n}")).collect();
    let told = HostFacts { unverified_sources: many, dead_letters: 3, not_ready: Some("full".to_owned()), ..host() };
    let findings = judge(&Facts { host: Some(told), folder: None });
    let severities: Vec<Severity> = findings.iter().map(|finding| finding.severity).collect();
    assert_eq!(severities, [Severity::Error, Severity::Warning, Severity::Note]);
    assert!(findings[2].what.contains("s4 and 3 more"), "{}", findings[2].what);
}
