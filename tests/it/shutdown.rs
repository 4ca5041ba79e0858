//! A host that is told to stop takes no more, ends what it has begun, and ends itself with 0; what does not end in time is repeated after
//! the next start, under the same id.

use std::{fs, path::Path, process::ExitStatus};

use rustix::process::Signal;
use sluicebox_tests::{Api, HostProcess, Receiver, eventually, guests, process::log_of};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc,
    task::JoinSet,
};

use crate::{
    compile::laborious,
    story::{OPEN_SOURCE, destination},
};

/// A destination that answers when it is told to.
struct Gate {
    url: String,
    requests: mpsc::UnboundedReceiver<Request>,
}

/// A request that waits for its answer.
struct Request {
    text: String,
    stream: TcpStream,
}

impl Gate {
    async fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (told, requests) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let told = told.clone();
                tokio::spawn(async move { told.send(Request::read(stream).await) });
            }
        });
        Self { url, requests }
    }

    async fn next(&mut self) -> Request {
        let next = tokio::time::timeout(sluicebox_tests::PATIENCE, self.requests.recv()).await;
        next.expect("a request in time").expect("it accepts")
    }
}

impl Request {
    /// Up to the end of `{"n":1}`, which is all that is ever posted here.
    async fn read(mut stream: TcpStream) -> Self {
        let mut text = String::new();
        while !text.ends_with('}') {
            text.push(char::from(stream.read_u8().await.expect("a whole request")));
        }
        Self { text, stream }
    }

    fn id(&self) -> &str {
        let line = self.text.lines().find_map(|line| line.strip_prefix("webhook-id: "));
        line.expect("every message has its id").trim()
    }

    async fn answer(mut self) {
        self.stream.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").await.expect("who asked is there");
    }
}

const BODY: &str = "{\"n\":1}";

/// A rule without plugins to this URL.
fn hub(url: &str) -> String {
    format!("{OPEN_SOURCE}{}[rules.all]\ndestinations = [\"out\"]\n", destination("out", url))
}

async fn start(data: &Path, arguments: &[&str]) -> HostProcess {
    HostProcess::start_with(data, arguments).await
}

/// Waits until the host does not listen any more.
async fn refuses(host: &Api) {
    let address = host.url().trim_start_matches("http://").to_owned();
    eventually("a host that refuses connections", async || TcpStream::connect(&address).await.is_err().then_some(())).await;
}

/// Posts until nobody answers any more; gives the bodies that were acknowledged.
async fn post_on(host: Api, sender: usize) -> Vec<String> {
    let mut acknowledged = Vec::new();
    for number in 0.. {
        let body = format!("{sender}/{number}");
        match host.try_post("open", &[], body.clone()).await {
            Ok(answer) if answer.status == 202 && answer.json["id"].is_string() => acknowledged.push(body),
            // An answer without its body broke off: it was not given.
            Ok(answer) => assert!([202, 503].contains(&answer.status), "{}: {}", answer.status, answer.json),
            Err(error) if error.is_connect() => break,
            Err(_) => {}
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_under_load_refuses_what_it_does_not_take_and_loses_nothing_that_it_took() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let mut host = start(&data, &[]).await;
    host.apply(&hub(&format!("{}/out", receiver.url()))).await;
    let mut posting = JoinSet::new();
    for sender in 0..4 {
        posting.spawn(post_on(Api::clone(&host), sender));
    }
    receiver.wait_for("/out", 20).await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());
    let acknowledged: Vec<String> = posting.join_all().await.concat();
    assert!(acknowledged.len() >= 20);

    let host = start(&data, &[]).await;
    eventually("every acknowledged event", async || {
        let arrived = receiver.received("/out");
        acknowledged.iter().all(|body| arrived.iter().any(|one| one.body == *body)).then_some(())
    })
    .await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_ends_in_time_is_settled_and_not_repeated() {
    let (folder, mut gate) = (TempDir::new().expect("a folder"), Gate::open().await);
    let data = folder.path().join("data");
    let mut host = start(&data, &["--drain-seconds", "60"]).await;
    host.apply(&hub(&gate.url)).await;
    host.post("open", &[], BODY).await;
    let request = gate.next().await;
    let id = request.id().to_owned();
    host.signal(Signal::TERM);
    refuses(&host).await;
    request.answer().await;
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());

    let host = start(&data, &[]).await;
    let delivery = host.delivery_in_state("all", "delivered").await;
    assert_eq!((&delivery["id"], &delivery["attempts"]), (&id.into(), &1.into()), "{delivery}");
    host.stop().await;
    assert!(gate.requests.try_recv().is_err(), "it was sent once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_that_hangs_is_called_off_and_repeated_with_its_id() {
    let (folder, mut gate) = (TempDir::new().expect("a folder"), Gate::open().await);
    let data = folder.path().join("data");
    let mut host = start(&data, &["--drain-seconds", "1"]).await;
    host.apply(&hub(&gate.url)).await;
    host.post("open", &[], BODY).await;
    let hanging = gate.next().await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());
    assert!(host.log().contains("stopping before all deliveries ended"), "{}", host.log());
    repeated(&data, &mut gate, &hanging).await;
}

/// After a restart the same message comes again, and is delivered.
async fn repeated(data: &Path, gate: &mut Gate, first: &Request) {
    let host = start(data, &[]).await;
    let second = gate.next().await;
    assert_eq!((second.id(), second.text.ends_with(BODY)), (first.id(), true));
    second.answer().await;
    host.delivery_in_state("all", "delivered").await;
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_ends_it_at_once() {
    for (signal, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let (folder, mut gate) = (TempDir::new().expect("a folder"), Gate::open().await);
        let data = folder.path().join("data");
        let mut host = start(&data, &["--drain-seconds", "3600"]).await;
        host.apply(&hub(&gate.url)).await;
        host.post("open", &[], BODY).await;
        let hanging = gate.next().await;
        host.signal(Signal::TERM);
        refuses(&host).await;
        host.signal(signal);
        assert_eq!(host.ended().await.code(), Some(code), "{}", host.log());
        repeated(&data, &mut gate, &hanging).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_does_not_come_back_holds_up_no_stop() {
    let (folder, receiver) = (TempDir::new().expect("a folder"), Receiver::start().await);
    let data = folder.path().join("data");
    let mut host = start(&data, &["--drain-seconds", "0"]).await;
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    let spin = format!(
        "[plugins.spin]\ndigest = \"{digest}\"\nconfig = {{ mode = \"spin\" }}\n\
         limits = {{ fuel_per_byte = 10000, time_ms = 5000 }}\n[rules.spin]\nmatch.type = [\"spin\"]\nplugins = [\"spin\"]\ndestinations = [\"out\"]\n"
    );
    let plain = "[rules.plain]\nmatch.type = [\"plain\"]\ndestinations = [\"out\"]\n";
    host.apply(&format!("{OPEN_SOURCE}{}{spin}{plain}", destination("out", &format!("{}/out", receiver.url())))).await;
    // Its bytes are fuel for longer than its time.
    let spinning = host.post("open", &[("x-type", "spin")], vec![b'x'; 1_000_000]).await;
    // A thread of the plugin machine has used processor time: the guest is running.
    let begun = worker_ticks(&host);
    eventually("a guest that runs", async || (worker_ticks(&host) > begun).then_some(())).await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());
    assert!(host.log().contains("stopping before all runs ended"), "{}", host.log());

    let host = start(&data, &["--drain-seconds", "0"]).await;
    assert_eq!(host.event(&spinning).await["runs"][0]["state"], "pending", "it begins again");
    host.post("open", &[("x-type", "plain")], BODY).await;
    receiver.wait_for("/out", 1).await;
    host.stop().await;
}

/// What the host's threads for plugins have used, in ticks of the system's clock (proc_pid_stat(5): the 14th field of a thread).
fn worker_ticks(host: &HostProcess) -> u64 {
    let of_thread = |stat: String| {
        let (name, rest) = stat.rsplit_once(") ")?;
        name.contains("(plugin").then(|| rest.split(' ').nth(11)?.parse::<u64>().ok())?
    };
    threads(host, "stat").filter_map(of_thread).sum()
}

/// A file of each of the host's threads.
fn threads(host: &HostProcess, file: &'static str) -> impl Iterator<Item = String> {
    let tasks = fs::read_dir(format!("/proc/{}/task", host.id())).expect("a process");
    // A thread may end meanwhile.
    tasks.filter_map(move |task| fs::read_to_string(task.ok()?.path().join(file)).ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_is_being_compiled_holds_up_no_stop() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    // Enough for many minutes of it.
    let limits = ["--compile-memory-bytes", "68719476736", "--compile-cpu-seconds", "3600", "--compile-wall-ms", "3600000"];
    let mut host = start(&data, &[&["--drain-seconds", "1"], &limits[..]].concat()).await;
    let api = Api::clone(&host);
    let uploading = tokio::spawn(async move { api.upload(laborious()).await });
    let compiler = eventually("a compiler at work", async || {
        let children: String = threads(&host, "children").collect();
        children.split_whitespace().next().map(str::to_owned)
    })
    .await;
    host.signal(Signal::TERM);
    assert_eq!(host.ended().await.code(), Some(0), "{}", host.log());
    assert!(uploading.await.is_err(), "nobody answered");
    let process = format!("/proc/{compiler}/stat");
    // Gone, or dead and not yet waited for by who inherited it.
    let is_over = || fs::read_to_string(&process).map_or(true, |stat| stat.contains(") Z "));
    eventually("the compiler's end", async || is_over().then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_before_it_has_started_is_in_order_too() {
    let folder = TempDir::new().expect("a folder");
    let data = folder.path().join("data");
    start(&data, &[]).await.stop().await;
    // Who starts waits for whoever has the database, for some seconds.
    let database = fs::File::open(data.join("hub/db")).expect("the database");
    database.lock().expect("nobody has it");
    let mut host = HostProcess::spawn(&data, &[], &[]);
    eventually("a host that starts", async || (log_of(&data).matches("listening").count() == 2).then_some(())).await;
    host.signal(Signal::TERM);
    let status: ExitStatus = host.ended().await;
    assert_eq!(status.code(), Some(0), "{}", host.log());
    assert!(host.log().contains("stopped before it had started"), "{}", host.log());
    drop(database);
    start(&data, &[]).await.stop().await;
}
