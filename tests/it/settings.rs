//! The settings of a host as an operator gives them: by a file, which is read again on SIGHUP, by the environment and by flags; and where it
//! listens by them.

use std::{
    fs,
    os::unix::net::UnixDatagram,
    path::Path,
    process::{Command, Output},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rustix::process::Signal;
use serde_json::{Value, json};
use sluicebox::{Listeners, config::Config};
use sluicebox_tests::{Api, HostProcess, PATIENCE, eventually, process};
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinSet};

use crate::story::OPEN_SOURCE;

fn config(folder: &Path, arguments: &[&str], environment: &[(&str, &str)]) -> Output {
    let mut command = Command::new(process::binary());
    command.arg("config").args(arguments).current_dir(folder).envs(environment.iter().copied());
    command.output().expect("an end")
}

fn told(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

#[test]
fn a_file_is_checked_and_what_is_in_force_is_shown_with_where_it_is_from() {
    let folder = TempDir::new().expect("a folder");
    let folder = folder.path();
    let default = config(folder, &["default"], &[]);
    fs::write(folder.join("default.toml"), &default.stdout).expect("a file");
    let checked = config(folder, &["check", "default.toml"], &[]);
    assert!(checked.status.success(), "{}", told(&checked));

    fs::write(folder.join("bad.toml"), "[ingest]\nconections_max = 1\nidle_timeout_ms = \"x\"\n").expect("a file");
    let checked = config(folder, &["check", "bad.toml"], &[]);
    assert_eq!(checked.status.code(), Some(1));
    let both = ["bad.toml:2:1: ingest.conections_max: unknown key, did you mean `connections_max`?", "bad.toml:3:19: "];
    assert!(both.iter().all(|error| told(&checked).contains(error)), "{}", told(&checked));
    let as_json = |file| {
        let checked = config(folder, &["check", file, "--json"], &[]);
        let told: Value = serde_json::from_slice(&checked.stdout).expect("JSON");
        (checked.status.code(), told)
    };
    assert_eq!(as_json("default.toml"), (Some(0), json!({ "file": "default.toml", "good": true, "problems": [] })));
    let (code, told_of_bad) = as_json("bad.toml");
    assert_eq!((code, &told_of_bad["good"], &told_of_bad["problems"][1]["line"]), (Some(1), &json!(false), &json!(3)));
    let unknown = json!({
        "line": 2, "column": 1, "path": "ingest.conections_max", "message": "unknown key", "nearest": "connections_max",
    });
    assert_eq!(told_of_bad["problems"][0], unknown);

    // This one is found, because it is where the command is run.
    fs::write(folder.join("sluicebox.toml"), "[ingest]\nconnections_max = 7\n[journal]\nretain = \"2d\"\n").expect("a file");
    let environment = [("SLUICEBOX_PROXY", "http://me:geheim@proxy:1"), ("SLUICEBOX_RETAIN", "3d")];
    let shown = told(&config(folder, &["show", "--drain-seconds", "5"], &environment));
    for line in [
        "connections_max = 7  # sluicebox.toml:2",
        "retain = \"3d\"  # SLUICEBOX_RETAIN",
        "drain_seconds = 5  # --drain-seconds",
        "hops_max = 8  # default",
        "proxy = \"(hidden)\"  # SLUICEBOX_PROXY",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "{line} is not in {shown}");
    }
    assert!(!shown.contains("geheim"));
    let json: serde_json::Value = serde_json::from_slice(&config(folder, &["show", "--json"], &[]).stdout).expect("JSON");
    assert_eq!(json["ingest.connections_max"], json!({ "value": 7, "from": "sluicebox.toml:2" }));
    let schema: serde_json::Value = serde_json::from_slice(&config(folder, &["schema"], &[]).stdout).expect("JSON");
    assert_eq!(schema["properties"]["ingest"]["properties"]["connections_max"]["default"], 10_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn operators_may_have_an_address_of_their_own() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    let listener = async || TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let (senders, operators) = (listener().await, listener().await);
    let url = |listener: &TcpListener| format!("http://{}", listener.local_addr().expect("an address"));
    let (public, admin) = (url(&senders), url(&operators));
    let (stop, stopped) = oneshot::channel::<()>();
    let listeners = Listeners { senders, operators: Some(operators) };
    let host = tokio::spawn(sluicebox::run(Config::at(&data), listeners, async move { drop(stopped.await) }));
    let admin = Api::when_ready(admin, &data).await;
    admin.apply(OPEN_SOURCE).await;

    let http = sluicebox::net::side_client().expect("a client");
    for (path, status) in
        [("/healthz", 200), ("/readyz", 404), ("/metrics", 404), ("/v1/events", 404), ("/openapi.json", 404), ("/confirm/x", 405)]
    {
        let answer = http.get(format!("{public}{path}")).bearer_auth(admin.key()).send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{path}, where senders come in");
    }
    for path in ["/in/open", "/w/default/in/open"] {
        let taken = http.post(format!("{public}{path}")).body("{}").send().await.expect("an answer");
        assert_eq!(taken.status(), 202, "{path}");
        let answer = admin.request(reqwest::Method::POST, path).body("{}").send().await.expect("an answer");
        assert_eq!(answer.status(), 404, "{path}, where operators come in");
    }
    for path in ["/healthz", "/readyz", "/metrics", "/v1/events"] {
        assert_eq!(admin.get(path).await.status, 200, "{path}, where operators come in");
    }
    drop(stop);
    host.await.expect("no panic").expect("an end in order");
}

/// What a reload that came to its end is known by.
async fn reloaded(host: &HostProcess, outcome: &str, times: u64) {
    let line = format!("sluicebox_config_reloads_total{{outcome=\"{outcome}\"}} {times}");
    eventually(&line, async || host.metrics().await.lines().any(|found| found == line).then_some(())).await;
}

async fn reload(host: &HostProcess, file: &Path, text: &str, outcome: &str, times: u64) {
    fs::write(file, text).expect("a file");
    host.signal(Signal::HUP);
    reloaded(host, outcome, times).await;
}

/// How a call that publishes two events is answered.
async fn two_events(host: &HostProcess) -> u16 {
    let event = json!({ "source": "open", "type": "a", "data": 1 });
    host.send("/v1/events", &json!({ "events": [event, event] })).await.status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_what_it_can_and_a_bad_file_is_kept_out() {
    let folder = TempDir::new().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("sluicebox.toml"));
    fs::write(&file, "log = \"error\"\n").expect("a file");
    let host = HostProcess::start_with(&data, &["--config", &file.display().to_string()]).await;
    host.apply(OPEN_SOURCE).await;
    assert!(two_events(&host).await < 300);
    assert!(!host.log().contains(" INFO "), "{}", host.log());

    let text = "log = \"info\"\n[ingest]\nevents_per_request_max = 1\nconnections_max = 9\n";
    reload(&host, &file, text, "applied", 1).await;
    assert_eq!(two_events(&host).await, 413);
    let log = host.log();
    assert!(log.contains("the settings were read again") && log.contains("log, ingest.events_per_request_max"), "{log}");
    assert!(log.contains("until the host is started again") && log.contains("ingest.connections_max"), "{log}");

    reload(&host, &file, "log = \"info\"\n[ingest]\nevents_per_requst_max = 5\n", "refused", 1).await;
    assert_eq!(host.metric("sluicebox_config_last_reload_successful").await, 0);
    assert_eq!(two_events(&host).await, 413, "what was in force is in force");
    let log = host.log();
    assert!(log.contains("sluicebox.toml:3:1") && log.contains("did you mean `events_per_request_max`?"), "{log}");

    reload(&host, &file, "", "applied", 2).await;
    assert_eq!(host.metric("sluicebox_config_last_reload_successful").await, 1);
    assert!(two_events(&host).await < 300, "what is not given is the default again");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_while_settings_are_reloaded() {
    let folder = TempDir::new().expect("a folder");
    let (data, file) = (folder.path().join("data"), folder.path().join("sluicebox.toml"));
    fs::write(&file, "").expect("a file");
    let host = HostProcess::start_with(&data, &["--config", &file.display().to_string()]).await;
    host.apply(OPEN_SOURCE).await;
    let (enough, taken) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let mut senders = JoinSet::new();
    for _ in 0..4 {
        let (api, enough, taken) = (Api::clone(&host), Arc::clone(&enough), Arc::clone(&taken));
        senders.spawn(async move {
            while !enough.load(Ordering::Relaxed) {
                api.post("open", &[], "{}").await;
                taken.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    for times in 1..=20 {
        let (before, wait) = (taken.load(Ordering::Relaxed), times * 100 + 5_000);
        reload(&host, &file, &format!("[ingest]\nidle_timeout_ms = {wait}\nbody_timeout_ms = {wait}\n"), "applied", times).await;
        eventually("a request during each", async || (taken.load(Ordering::Relaxed) > before).then_some(())).await;
    }
    enough.store(true, Ordering::Relaxed);
    while let Some(sender) = senders.join_next().await {
        sender.expect("every request was answered with 202");
    }
    let accepted = "sluicebox_ingest_requests_total{workspace=\"default\",source=\"open\",outcome=\"accepted\"}";
    let line = format!("{accepted} {}", taken.load(Ordering::Relaxed));
    let page = host.metrics().await;
    assert!(page.lines().any(|found| found == line), "{line} is not in {page}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_manager_is_told_how_far_it_is() {
    let folder = TempDir::new().expect("a folder");
    let (data, path) = (folder.path().join("data"), folder.path().join("notify"));
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(PATIENCE)).expect("a timeout");
    let next = || {
        let mut buffer = [0; 256];
        let bytes = socket.recv(&mut buffer).expect("a message in time");
        String::from_utf8_lossy(&buffer[..bytes]).into_owned()
    };
    let environment = [("NOTIFY_SOCKET", path.to_str().expect("UTF-8"))];
    let host = HostProcess::try_start(&data, &[], &environment).await.expect("a host");
    assert_eq!(next().trim(), "READY=1");
    host.signal(Signal::HUP);
    let reloading = next();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(next().trim(), "READY=1");
    host.stop().await;
    assert_eq!(next().trim(), "STOPPING=1");
}

/// What an idle host costs and how soon it is there, with bounds that a debug build on a busy machine keeps; `docs/operations.md`, "Sizing", has what
/// was measured. Time of processors and not of the clock, which says how busy the machine is.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_host_is_small_and_starts_soon() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    HostProcess::start(&data).await.stop().await;
    let host = HostProcess::start(&data).await;
    let (start_ms, own_bytes, resident_bytes) = (host.cpu_ms(), host.own_bytes(), host.resident_bytes());
    assert!(start_ms <= 200, "its start took {start_ms} ms of the processors");
    assert!(own_bytes <= 16 << 20, "{own_bytes} bytes of memory are its own");
    assert!(resident_bytes <= 56 << 20, "{resident_bytes} bytes of memory, with what is mapped of a debug build's 170 MB");
    host.stop().await;
}
