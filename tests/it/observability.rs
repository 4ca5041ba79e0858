//! What operators see: the metrics that the pages name, the alerts and the dashboard that go with them, readiness, and the log.

use std::{collections::BTreeSet, fs, path::Path};

use axum::response::IntoResponse;
use http::StatusCode;
use reqwest::Method;
use serde_json::{Value, json};
use sluicebox_tests::{Api, Host, HostProcess, Receiver, collector::Collector, eventually, guests, metrics::Catalogue};
use tempfile::TempDir;

use crate::story::{OPEN_SOURCE, SECRET, destination, guarded};

/// What the run below does not come to, since it takes certificates, a week or a bad connection to: these rows are held against the code alone.
const NOT_SEEN: [&str; 4] = [
    "sluicebox_ingest_tls_certificate_ends_timestamp_seconds",
    "sluicebox_ingest_tls_reloads_total",
    "sluicebox_journal_removed_rows_total",
    "sluicebox_ingest_connections_closed_total",
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the workspace")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn documented() -> Catalogue {
    Catalogue::of_page(&page("docs/metrics.md"))
}

/// A host that has had a bit of everything: a plugin that works and one that trips, destinations that take, refuse and are gone, traces.
async fn exercised() -> (Host, Receiver, Collector) {
    let collector = Collector::start().await;
    let receiver = Receiver::answering(|request| match request.path.as_str() {
        "/down" => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        "/gone" => StatusCode::GONE.into_response(),
        _ => StatusCode::NO_CONTENT.into_response(),
    })
    .await;
    let endpoint = collector.url().to_owned();
    let host = Host::start_with(|config| config.trace.endpoint = Some(endpoint)).await;
    let redact = host.upload(guests::component("redact")).await.expect("a component");
    let spin = host.upload(guests::component("misbehave")).await.expect("a component");
    let plugins = format!(
        "[plugins.redact]\ndigest = \"{redact}\"\nconfig = {{ fields = [\"card\"] }}\n\
         [plugins.spin]\ndigest = \"{spin}\"\nconfig = {{ mode = \"spin\" }}\nlimits = {{ fuel = 1000000 }}\n"
    );
    let out = destination("out", &format!("{}/out", receiver.url()));
    let down = guarded("down", &format!("{}/down", receiver.url()));
    let gone = guarded("gone", &format!("{}/gone", receiver.url()));
    let jobs = "[destinations.jobs]\nkind = \"pull\"\n";
    let rules = "[rules.good]\nplugins = [\"redact\"]\ndestinations = [\"out\", \"down\", \"gone\", \"jobs\"]\n\
                 [rules.bad]\nplugins = [\"spin\"]\ndestinations = [\"out\"]\n";
    let sealed = "[sources.sealed]\nverify = { scheme = \"api-key\", secret = \"nobody-knows\" }\n";
    host.apply(&format!("{OPEN_SOURCE}{sealed}{plugins}{out}{down}{gone}{jobs}{rules}")).await;
    for n in 0..20 {
        host.post("open", &[("content-type", "application/json")], format!("[{n}]")).await;
    }
    assert_eq!(host.try_post("sealed", &[], "x").await.expect("an answer").status, 401);
    host.send("/v1/events", &json!({ "source": "open", "data": 1 })).await;
    for name in [
        "sluicebox_plugin_tripped",
        "sluicebox_destination_disabled",
        "sluicebox_destination_breaker_open",
        "sluicebox_delivery_dead_letters_total",
        "sluicebox_trace_spans_total",
        "sluicebox_queue_depth",
    ] {
        eventually(name, async || (host.metric(name).await > 0).then_some(())).await;
    }
    (host, receiver, collector)
}

/// The names of all metrics that the code registers, without `_total` and the like.
fn registered() -> BTreeSet<String> {
    let (mut found, mut folders) = (BTreeSet::new(), vec![root().join("host/src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()) {
            if entry.is_dir() {
                folders.push(entry);
            } else if entry.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&entry).expect("a file");
                let names = text.split('"').filter(|text| text.starts_with("sluicebox_") || text.starts_with("process_"));
                let is_name = |text: &&str| text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
                found.extend(names.filter(is_name).map(|name| base(name).to_owned()));
            }
        }
    }
    // The crate that plugins are written with.
    found.remove("sluicebox_sdk");
    found
}

/// As the code registers it.
fn base(name: &str) -> &str {
    let name = ["_total", "_info"].into_iter().find_map(|suffix| name.strip_suffix(suffix)).unwrap_or(name);
    // A unit that the registry adds itself; times in histograms are named by hand.
    name
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_metrics_and_a_live_host_name_the_same() {
    let (host, _receiver, _collector) = exercised().await;
    let text = host.metrics().await;
    assert!(text.ends_with("# EOF\n"));
    let (live, documented) = (Catalogue::of_host(&text), documented());
    for (name, metric) in &live.0 {
        assert_eq!(documented.0.get(name), Some(metric), "docs/metrics.md does not say this of `{name}`");
    }
    let registered = registered();
    let without_unit =
        |name: &str| ["_seconds", "_bytes"].into_iter().find_map(|unit| name.strip_suffix(unit)).map(str::to_owned);
    let is_registered =
        |name: &str| registered.contains(name) || without_unit(name).is_some_and(|name| registered.contains(&name));
    for name in documented.0.keys() {
        assert!(live.0.contains_key(name) || is_registered(base(name)), "docs/metrics.md names `{name}`, which no host has");
    }
    let told: BTreeSet<String> =
        documented.0.keys().flat_map(|name| [Some(base(name).to_owned()), without_unit(base(name))]).flatten().collect();
    for name in &registered {
        assert!(told.contains(name), "docs/metrics.md does not name `{name}`");
    }
    queries_fit_the_host(&live);
    host.stop().await;
}

/// Every query of alerts and dashboard finds its series on the host, but for what it does not come to.
fn queries_fit_the_host(live: &Catalogue) {
    for (what, query) in alert_queries().into_iter().chain(dashboard_queries()) {
        if !NOT_SEEN.iter().any(|name| query.contains(name)) {
            assert_eq!(live.problems(&query), Vec::<String>::new(), "{what}: {query}");
        }
    }
}

fn alerts() -> Value {
    serde_saphyr::from_str(&page("docs/observability/alerts.yml")).expect("YAML")
}

fn rules(alerts: &Value) -> Vec<Value> {
    let groups = alerts["groups"].as_array().expect("groups");
    groups.iter().flat_map(|group| group["rules"].as_array().expect("rules").clone()).collect()
}

pub(crate) fn alert_queries() -> Vec<(String, String)> {
    let text = |rule: &Value, key: &str| rule[key].as_str().expect("a text").to_owned();
    rules(&alerts()).iter().map(|rule| (text(rule, "alert"), text(rule, "expr"))).collect()
}

/// With what Grafana puts in for its variables.
fn dashboard_queries() -> Vec<(String, String)> {
    let filled = |query: &str| query.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$destination", ".*");
    let mut found = Vec::new();
    for panel in dashboard()["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let title = panel["title"].as_str().expect("a title").to_owned();
            found.push((title, filled(target["expr"].as_str().expect("a query"))));
        }
    }
    for note in dashboard()["annotations"]["list"].as_array().expect("annotations") {
        found.push((note["name"].to_string(), filled(note["expr"].as_str().expect("a query"))));
    }
    found
}

fn dashboard() -> Value {
    serde_json::from_str(&page("docs/observability/dashboard.json")).expect("JSON")
}

/// Of what alerts and dashboard ask for, what is not right.
fn problems(queries: Vec<(String, String)>) -> Vec<String> {
    let documented = documented();
    let all = queries
        .into_iter()
        .flat_map(|(what, query)| documented.problems(&query).into_iter().map(move |problem| format!("{what}: {problem}")));
    all.collect()
}

#[test]
fn alerts_ask_for_what_there_is_and_say_what_to_do() {
    let (rules, page) = (rules(&alerts()), page("docs/observability.md"));
    assert!(rules.len() > 15);
    assert_eq!(problems(alert_queries()), Vec::<String>::new());
    let headings: BTreeSet<String> = page
        .lines()
        .filter_map(|line| line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#')))
        .map(|heading| heading.to_lowercase().replace(' ', "-").replace(|c: char| !c.is_alphanumeric() && c != '-', ""))
        .collect();
    let mut names = BTreeSet::new();
    for rule in &rules {
        let name = rule["alert"].as_str().expect("a name");
        assert!(names.insert(name), "{name} stands twice");
        assert!(rule["for"].as_str().is_some_and(|time| time.ends_with(['m', 'h'])), "{name} has no `for`");
        assert!(
            ["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap_or_default()),
            "{name} has no severity"
        );
        for told in ["summary", "description"] {
            assert!(rule["annotations"][told].as_str().is_some_and(|text| text.len() > 10), "{name} has no {told}");
        }
        let runbook = rule["annotations"]["runbook_url"].as_str().expect("a runbook");
        let (file, heading) = runbook.split_once('#').expect("a heading");
        assert_eq!(file, "docs/observability.md", "{name}");
        assert!(headings.contains(heading), "{name}: there is no heading `{heading}`: {headings:?}");
        let allowed: BTreeSet<&str> = ["alert", "expr", "for", "labels", "annotations"].into();
        assert!(rule.as_object().expect("a rule").keys().all(|key| allowed.contains(key.as_str())), "{name}");
    }
}

#[test]
fn the_dashboard_asks_for_what_there_is_wherever_its_data_is() {
    let dashboard = dashboard();
    assert_eq!(problems(dashboard_queries()), Vec::<String>::new());
    assert!(dashboard["schemaVersion"].as_u64().is_some_and(|version| version >= 41));
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    assert_eq!((&variables[0]["name"], &variables[0]["type"]), (&json!("datasource"), &json!("datasource")));
    let documented = documented();
    for variable in &variables[1..] {
        let asked = variable["query"]["query"].as_str().and_then(|asked| asked.strip_prefix("label_values(")?.strip_suffix(')'));
        let (metric, label) = asked.and_then(|asked| asked.split_once(", ")).expect("label_values(metric, label)");
        assert_eq!(
            documented
                .problems(&format!("count by ({label}) (rate({metric}[5m]))"))
                .iter()
                .filter(|told| !told.contains("over the"))
                .count(),
            0
        );
    }
    let mut ids = BTreeSet::new();
    for panel in dashboard["panels"].as_array().expect("panels") {
        assert!(ids.insert(panel["id"].as_u64().expect("an id")));
        assert!(panel["type"] == "row" || panel["datasource"]["uid"] == "${datasource}", "{panel}");
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}");
        }
    }
}

/// The control: the same check finds each of these where somebody writes it.
#[test]
fn a_wrong_name_label_or_function_is_found() {
    let (name, query) = alert_queries().into_iter().find(|(_, query)| query.contains("outcome=\"dead\"")).expect("an alert");
    assert_eq!(problems(vec![(name.clone(), query.clone())]), Vec::<String>::new());
    for (right, wrong, problem) in [
        ("sluicebox_dispatch_runs_total", "sluicebox_dispatch_run_total", "there is no metric"),
        ("outcome=", "result=", "has no label"),
        ("increase(", "deriv(", "over the counter"),
        ("by (instance)", "by (instance, rule)", "grouped by"),
        ("[1h]", "", "it does not parse"),
    ] {
        let changed = query.replace(right, wrong);
        assert_ne!(changed, query, "{right}");
        let found = problems(vec![(name.clone(), changed)]);
        assert!(found.iter().any(|told| told.contains(problem)), "{wrong}: {found:?}");
    }
}

async fn readiness(host: &Api) -> Option<(u16, Value)> {
    let answer = host.request(Method::GET, "/readyz").send().await.ok()?;
    assert_eq!(answer.headers()["content-type"], "application/json");
    Some((answer.status().as_u16(), answer.json().await.ok()?))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_is_told_to_stop_says_so_before_it_takes_no_more() {
    let host = Host::start_with(|config| config.shutdown_delay_ms = 3_000).await;
    host.apply(OPEN_SOURCE).await;
    let (status, told) = readiness(&host).await.expect("an answer");
    assert_eq!((status, &told["ready"]), (200, &json!(true)));
    let names: Vec<&str> = told["checks"].as_array().expect("checks").iter().filter_map(|check| check["name"].as_str()).collect();
    assert_eq!(names, ["journal-space", "journal-commits", "hub", "not-stopping"]);
    assert_eq!(told["checks"][2]["detail"], "revision 1 is in force");
    let api: Api = (*host).clone();
    let stopping = tokio::spawn(host.stop());
    let told =
        eventually("a host that is not ready", async || readiness(&api).await.filter(|(status, _)| *status == 503)).await.1;
    assert_eq!((&told["ready"], &told["checks"][3]["ok"]), (&json!(false), &json!(false)));
    api.post("open", &[], "still taken").await;
    stopping.await.expect("it ends in order");
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_of_the_log_about_an_event_have_its_ids_and_no_secret() {
    let (folder, receiver) =
        (TempDir::new().expect("a folder"), Receiver::answering(|_| StatusCode::BAD_GATEWAY.into_response()).await);
    let collector = Collector::start().await;
    let arguments = ["--log-format", "json", "--log", "sluicebox=debug", "--otlp-endpoint", collector.url()];
    let host = HostProcess::start_with(&folder.path().join("data"), &arguments).await;
    let spin = host.upload(guests::component("misbehave")).await.expect("a component");
    let plugin = format!("[plugins.spin]\ndigest = \"{spin}\"\nconfig = {{ mode = \"spin\" }}\nlimits = {{ fuel = 1000000 }}\n");
    let out = destination("out", &format!("{}/out", receiver.url()));
    let rules = "[rules.all]\ndestinations = [\"out\"]\n[rules.bad]\nplugins = [\"spin\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{plugin}{out}{rules}")).await;
    let event = host.post("open", &[], "x").await;
    receiver.wait_for("/out", 1).await;
    let line = async |message: &str| {
        eventually(message, async || {
            let lines =
                host.log().lines().map(|line| serde_json::from_str(line).expect("an object a line")).collect::<Vec<Value>>();
            lines.into_iter().find(|line| line["message"] == message)
        })
        .await
    };
    let attempt = line("an attempt failed").await;
    let expected = json!({ "event": event, "workspace": "default", "destination": "out", "rule": "all", "code": "status-502", "attempt": 1 });
    for (name, value) in expected.as_object().expect("fields") {
        assert_eq!(&attempt[name], value, "{name} of {attempt}");
    }
    assert!(attempt["delivery"].as_str().is_some_and(|id| id.starts_with("msg_")), "{attempt}");
    assert_eq!(format!("evt_{}", attempt["trace"].as_str().expect("a trace")), event);
    let failed = line("a plugin failed").await;
    assert_eq!((&failed["event"], &failed["plugin"], &failed["source"]), (&json!(event), &json!("spin"), &json!("open")));
    assert!(failed["run"].as_str().is_some_and(|id| id.starts_with("run_")), "{failed}");
    assert_eq!(line("accepted").await["event"], event);
    let (log, key) = (host.log(), host.key().to_owned());
    assert!(!log.contains(SECRET) && !log.contains(&key));
    host.stop().await;
}
