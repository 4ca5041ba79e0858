//! Posts events over keep-alive connections: as fast as they are answered, or at a rate that does not wait for answers.
//!
//! Prints one line of JSON: how many were accepted, when the first was sent, when the last was answered, how long answers took, and, at a rate,
//! when each was sent and how late against its time.

use std::{
    cell::{Cell, RefCell},
    rc::Rc,
    time::Duration,
};

use anyhow::Context;
use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::TcpStream,
    task::{JoinSet, LocalSet},
    time::Instant,
};

use super::{
    request::Request,
    wire::{Incoming, now_ns},
};

/// What is asked for: `ADDRESS PATH CONNECTIONS MS BODY_BYTES RATE TYPES`; rate 0: as fast as answers come.
struct Wanted {
    address: String,
    duration: Duration,
    rate: u64,
    request: Request,
}

#[derive(Default)]
struct Done {
    next: Cell<u64>,
    accepted: Cell<u64>,
    refused: Cell<u64>,
    ended_ns: Cell<u64>,
    /// Nanoseconds until the answer.
    answered: RefCell<Vec<u64>>,
    /// Number and time of each that was sent at a rate.
    times: RefCell<Vec<(u64, u64)>>,
    late_max_ns: Cell<u64>,
}

pub(crate) async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [address, path, connections, ms, body_bytes, rate, types] = arguments else { anyhow::bail!("which load?") };
    let wanted = Rc::new(Wanted {
        address: address.clone(),
        duration: Duration::from_millis(ms.parse()?),
        rate: rate.parse()?,
        request: Request::new(address, path, body_bytes.parse()?, types.parse()?),
    });
    let connections: usize = connections.parse()?;
    let done = Rc::new(Done::default());
    let (begun, begun_ns) = (Instant::now(), now_ns());
    let posting = async {
        let mut posting = JoinSet::new();
        for _ in 0..connections {
            posting.spawn_local(post(Rc::clone(&wanted), Rc::clone(&done), begun));
        }
        while let Some(ended) = posting.join_next().await {
            ended??;
        }
        anyhow::Ok(())
    };
    LocalSet::new().run_until(posting).await?;
    let mut answered = done.answered.borrow_mut();
    answered.sort_unstable();
    let of_hundred = |percent: usize| answered.get(answered.len() * percent / 100).or(answered.last()).copied().unwrap_or(0);
    let told = json!({
        "accepted": done.accepted.get(),
        "refused": done.refused.get(),
        "begun_ns": begun_ns,
        "ended_ns": done.ended_ns.get(),
        "answer_p50_ns": of_hundred(50),
        "answer_p99_ns": of_hundred(99),
        "cpu_ms": sluicebox_tests::process::cpu_ms(std::process::id()),
        "late_max_ns": done.late_max_ns.get(),
        "times": *done.times.borrow(),
    });
    println!("{told}");
    Ok(())
}

/// One connection.
async fn post(wanted: Rc<Wanted>, done: Rc<Done>, begun: Instant) -> anyhow::Result<()> {
    let mut stream = TcpStream::connect(&wanted.address).await.context("the host does not answer")?;
    stream.set_nodelay(true)?;
    let (mut incoming, mut request) = (Incoming::new(), wanted.request.clone());
    loop {
        let number = done.next.get();
        let due = (number * 1_000_000_000).checked_div(wanted.rate).map_or(Duration::ZERO, Duration::from_nanos);
        if due.max(begun.elapsed()) >= wanted.duration {
            return Ok(());
        }
        done.next.set(number + 1);
        if wanted.rate > 0 {
            tokio::time::sleep_until(begun + due).await;
        }
        let bytes = request.numbered(number);
        let sent_ns = now_ns();
        if wanted.rate > 0 {
            let late = u64::try_from(begun.elapsed().saturating_sub(due).as_nanos())?;
            done.late_max_ns.set(done.late_max_ns.get().max(late));
            done.times.borrow_mut().push((number, sent_ns));
        }
        stream.write_all(bytes).await?;
        let answer = incoming.next(&mut stream).await?.context("the host closed the connection")?;
        let accepted = answer.head.get(9..12) == Some(b"202");
        let count = if accepted { &done.accepted } else { &done.refused };
        count.set(count.get() + 1);
        let now = now_ns();
        done.ended_ns.set(now);
        done.answered.borrow_mut().push(now - sent_ns);
    }
}
