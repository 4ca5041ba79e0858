//! The process that holds the slow and silent connections: descriptors are counted by process.

use std::{
    net::{Ipv4Addr, SocketAddr},
    time::{Duration, Instant},
};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::{interval, sleep_until, timeout},
};

/// The variable that says where the host is, and that this process is the one that holds.
pub(crate) const ADDRESS: &str = "SLUICEBOX_HOLD";

/// From each address, fewer than the host lets one address have.
const EACH_ADDRESS: usize = 250;
/// Nobody waits longer; one that is open then is told with this time, which is over every bound.
const LOST: Duration = Duration::from_secs(30);
/// From one connection to the next.
const EVERY: Duration = Duration::from_micros(400);

/// What they begin with, and what they dribble once a second.
const KINDS: [(&[u8], &[u8]); 4] = [
    (b"", b""),
    (b"POST /in/open HTTP/1.1\r\nhost: h\r\nx-slow: ", b"x"),
    (b"POST /in/open HTTP/1.1\r\nhost: h\r\ncontent-length: 5000\r\n\r\n", b"x"),
    (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b""),
];

/// Holds them until the host has closed all, and tells how long it took, as JSON.
pub(crate) async fn run(host: SocketAddr, count: usize) {
    raise_descriptors();
    let (mut held, mut due) = (JoinSet::new(), Instant::now());
    for number in 0..count {
        due += EVERY;
        sleep_until(due.into()).await;
        held.spawn(hold(host, number));
    }
    let lasted = held.join_all().await;
    let longest = lasted.iter().flatten().max().copied().unwrap_or_default();
    println!("{}", json!({ "held": lasted.iter().flatten().count(), "longest_secs": longest.as_secs_f64() }));
}

/// How long one was held; `None` where there was no connection.
async fn hold(host: SocketAddr, number: usize) -> Option<Duration> {
    let from = Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 1, 1).to_bits() + u32::try_from(number / EACH_ADDRESS).ok()?);
    let socket = TcpSocket::new_v4().ok()?;
    socket.bind(SocketAddr::new(from.into(), 0)).ok()?;
    let mut stream = socket.connect(host).await.ok()?;
    let begun = Instant::now();
    let (first, dribble) = KINDS[number % KINDS.len()];
    stream.write_all(first).await.ok()?;
    let closed = timeout(LOST, until_closed(&mut stream, dribble)).await;
    Some(if closed.is_ok() { begun.elapsed() } else { LOST })
}

async fn until_closed(stream: &mut TcpStream, dribble: &[u8]) {
    let mut seconds = interval(Duration::from_secs(1));
    let mut told = [0; 1024];
    loop {
        let over = tokio::select! {
            // A reset is an end too.
            read = stream.read(&mut told) => read.unwrap_or(0) == 0,
            _ = seconds.tick(), if !dribble.is_empty() => stream.write_all(dribble).await.is_err(),
        };
        if over {
            return;
        }
    }
}

fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }).expect("as many descriptors as are allowed");
}
