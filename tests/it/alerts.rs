//! Each alert that comes with the host: on a page of samples where it has to be told, and on one that is near to it where it must not.

use std::collections::BTreeSet;

use sluicebox_tests::answers::Samples;

use crate::observability::alert_queries;

/// An alert, the samples that it is told of, and those that it is not told of.
const PAGES: [(&str, &str, &str); 20] = [
    ("SluiceboxAbsent", "", "sluicebox_build_info  0:1"),
    ("SluiceboxRefusesForSpace", "sluicebox_journal_admitting  0:0", "sluicebox_journal_admitting  0:1"),
    (
        "SluiceboxDiskFillsUp",
        "sluicebox_journal_disk_free_bytes  -10800:10e9 0:8e9",
        // It falls quickly and there is much; there is little and it stays.
        "sluicebox_journal_disk_free_bytes{instance=\"a\"}  -10800:90e9 0:50e9\n\
         sluicebox_journal_disk_free_bytes{instance=\"b\"}  -10800:8e9 0:8e9",
    ),
    (
        "SluiceboxCommitsFail",
        "sluicebox_journal_commit_failures_total  -240:1 0:2",
        "sluicebox_journal_commit_failures_total  -600:1 -240:2 0:2",
    ),
    (
        "SluiceboxCommitsSlow",
        "sluicebox_journal_commit_duration_seconds_bucket{le=\"1.0\"}  -300:0 0:10\n\
         sluicebox_journal_commit_duration_seconds_bucket{le=\"2.0\"}  -300:0 0:100\n\
         sluicebox_journal_commit_duration_seconds_bucket{le=\"+Inf\"}  -300:0 0:100",
        "sluicebox_journal_commit_duration_seconds_bucket{le=\"1.0\"}  -300:10 0:1010\n\
         sluicebox_journal_commit_duration_seconds_bucket{le=\"2.0\"}  -300:10 0:1015\n\
         sluicebox_journal_commit_duration_seconds_bucket{le=\"+Inf\"}  -300:10 0:1015",
    ),
    ("SluiceboxRoutingLate", "sluicebox_journal_unrouted_age_seconds  0:61", "sluicebox_journal_unrouted_age_seconds  0:60"),
    ("SluiceboxQueueOld", "sluicebox_queue_age_seconds  0:901", "sluicebox_queue_age_seconds  0:900"),
    (
        "SluiceboxBacklogGrows",
        "sluicebox_journal_deliveries_waiting  -1200:200000 0:300000",
        "sluicebox_journal_deliveries_waiting{instance=\"a\"}  -1200:10 0:20\n\
         sluicebox_journal_deliveries_waiting{instance=\"b\"}  -1200:300000 0:200000",
    ),
    (
        "SluiceboxDeliveriesGivenUp",
        "sluicebox_delivery_dead_letters_total{reason=\"timeout\"}  -1800:1 0:2",
        "sluicebox_delivery_dead_letters_total{reason=\"timeout\"}  -4000:1 -1800:2 0:2",
    ),
    (
        "SluiceboxRunsGivenUp",
        "sluicebox_dispatch_runs_total{outcome=\"dead\"}  -1800:0 0:1",
        "sluicebox_dispatch_runs_total{outcome=\"planned\"}  -1800:0 0:9\n\
         sluicebox_dispatch_runs_total{outcome=\"dead\"}  -1800:1 0:1",
    ),
    ("SluiceboxBreakerOpen", "sluicebox_destination_breaker_open  0:1", "sluicebox_destination_breaker_open  0:0"),
    ("SluiceboxDestinationDisabled", "sluicebox_destination_disabled  0:1", "sluicebox_destination_disabled  0:0"),
    ("SluiceboxPluginTripped", "sluicebox_plugin_tripped  0:1", "sluicebox_plugin_tripped  0:0"),
    (
        "SluiceboxPluginLimits",
        "sluicebox_plugin_limit_hits_total{plugin=\"p\"}  -600:0 0:60",
        "sluicebox_plugin_limit_hits_total{plugin=\"p\"}  -600:0 0:1",
    ),
    (
        "SluiceboxRestarts",
        "process_start_time_seconds{job=\"hub\"}  -1500:1 -1000:2 -500:3 0:4\nsluicebox_build_info{job=\"hub\"}  0:1",
        // Another program's.
        "process_start_time_seconds{job=\"other\"}  -1500:1 -1000:2 -500:3 0:4\n\
         process_start_time_seconds{job=\"hub\"}  -1500:1 0:2\nsluicebox_build_info{job=\"hub\"}  0:1",
    ),
    ("SluiceboxSettingsRefused", "sluicebox_config_last_reload_successful  0:0", "sluicebox_config_last_reload_successful  0:1"),
    (
        "SluiceboxCertificatesNotReloaded",
        "sluicebox_ingest_tls_reloads_total{outcome=\"failed\"}  -1800:0 0:1",
        "sluicebox_ingest_tls_reloads_total{outcome=\"done\"}  -1800:0 0:1",
    ),
    (
        "SluiceboxCertificateEnds",
        // In six days, and in eight.
        "sluicebox_ingest_tls_certificate_ends_timestamp_seconds  0:1518400",
        "sluicebox_ingest_tls_certificate_ends_timestamp_seconds  0:1691200",
    ),
    (
        "SluiceboxDescriptorsRunOut",
        "process_open_fds{job=\"hub\"}  0:950\nprocess_max_fds{job=\"hub\"}  0:1000\nsluicebox_build_info{job=\"hub\"}  0:1",
        "process_open_fds{job=\"hub\"}  0:850\nprocess_max_fds{job=\"hub\"}  0:1000\nsluicebox_build_info{job=\"hub\"}  0:1\n\
         process_open_fds{job=\"other\"}  0:950\nprocess_max_fds{job=\"other\"}  0:1000",
    ),
    (
        "SluiceboxTracesLost",
        "sluicebox_trace_spans_total{outcome=\"dropped\"}  -600:0 0:5",
        "sluicebox_trace_spans_total{outcome=\"exported\"}  -600:0 0:5\nsluicebox_trace_spans_total{outcome=\"dropped\"}  -600:5 0:5",
    ),
];

#[test]
fn each_alert_is_told_where_it_has_to_be_and_not_where_it_is_near_to_it() {
    let (queries, mut tried) = (alert_queries(), BTreeSet::new());
    for (alert, told, quiet) in PAGES {
        let (_, query) = queries.iter().find(|(name, _)| name == alert).unwrap_or_else(|| panic!("there is no alert {alert}"));
        let answer = |page: &str| Samples::read(page).answer(query).unwrap_or_else(|error| panic!("{alert}: {error}"));
        assert!(!answer(told).is_empty(), "{alert} is not told of\n{told}");
        assert_eq!(answer(quiet), Vec::new(), "{alert} is told of\n{quiet}");
        tried.insert(alert);
    }
    let untried: Vec<&String> = queries.iter().map(|(name, _)| name).filter(|name| !tried.contains(name.as_str())).collect();
    assert!(untried.is_empty(), "give {untried:?} their pages");
}
