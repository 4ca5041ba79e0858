//! Takes whatever is sent, counts it, and remembers when each numbered body came first.
//!
//! Commands: `wait COUNT MS` until so many have come, or that time is over; answered with how many came, when the last one did, and on
//! how many new connections.
//! `times` with each number and the time it came; `reset` begins anew.

use std::{cell::RefCell, io::stdin, rc::Rc, thread, time::Duration};

use serde_json::json;
use tokio::{
    io::AsyncWriteExt,
    net::{TcpListener, TcpStream},
    sync::{Notify, mpsc},
    task::LocalSet,
};

use super::wire::{Incoming, find, now_ns};

/// Of each body: the number stands before that, also where a plugin has sorted its fields.
const LOOKED_AT_BYTES: usize = 64;
const ANSWER: &[u8] = b"HTTP/1.1 204 No Content\r\n\r\n";

#[derive(Default)]
struct Seen {
    count: u64,
    /// That were opened.
    connections: u64,
    last_ns: u64,
    /// By number; 0: has not come.
    first_ns: Vec<u64>,
    /// So many are waited for.
    wanted: u64,
}

#[derive(Clone, Default)]
struct Sink {
    seen: Rc<RefCell<Seen>>,
    came: Rc<Notify>,
}

pub(crate) async fn run() -> anyhow::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    let sink = Sink::default();
    let accepting = sink.clone();
    let both = async {
        tokio::task::spawn_local(async move {
            loop {
                match listener.accept().await {
                    Ok((stream, _)) => drop(tokio::task::spawn_local(accepting.clone().take(stream))),
                    Err(error) => eprintln!("the sink cannot accept: {error}"),
                }
            }
        });
        sink.obey().await
    };
    LocalSet::new().run_until(both).await
}

impl Sink {
    async fn take(self, mut stream: TcpStream) {
        self.seen.borrow_mut().connections += 1;
        drop(stream.set_nodelay(true));
        let mut incoming = Incoming::new();
        while let Ok(Some(message)) = incoming.next(&mut stream).await {
            let number = number_in(message.body);
            let is_awaited = self.seen.borrow_mut().add(number, message.begun_ns);
            if is_awaited {
                self.came.notify_one();
            }
            if stream.write_all(ANSWER).await.is_err() {
                return;
            }
        }
    }

    async fn obey(&self) -> anyhow::Result<()> {
        let (told, mut lines) = mpsc::unbounded_channel();
        // Its end is that of the benchmark, which kills the sink.
        thread::spawn(move || stdin().lines().map_while(Result::ok).try_for_each(|line| told.send(line)));
        while let Some(line) = lines.recv().await {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words[..] {
                ["wait", count, ms] => {
                    drop(tokio::time::timeout(Duration::from_millis(ms.parse()?), self.until(count.parse()?)).await);
                    let seen = self.seen.borrow();
                    println!("{}", json!({ "count": seen.count, "last_ns": seen.last_ns, "connections": seen.connections }));
                }
                ["times"] => println!("{}", json!(self.seen.borrow().times())),
                ["reset"] => {
                    *self.seen.borrow_mut() = Seen::default();
                    println!("{{}}");
                }
                _ => anyhow::bail!("`{line}` is no command"),
            }
        }
        Ok(())
    }

    async fn until(&self, count: u64) {
        self.seen.borrow_mut().wanted = count;
        while self.seen.borrow().count < count {
            self.came.notified().await;
        }
    }
}

impl Seen {
    /// Whether that is what somebody waits for.
    fn add(&mut self, number: Option<usize>, begun_ns: u64) -> bool {
        self.count += 1;
        self.last_ns = now_ns();
        if let Some(number) = number {
            if number >= self.first_ns.len() {
                self.first_ns.resize((number + 1).next_power_of_two(), 0);
            }
            if self.first_ns[number] == 0 {
                self.first_ns[number] = begun_ns;
            }
        }
        self.count == self.wanted
    }

    fn times(&self) -> Vec<(usize, u64)> {
        self.first_ns.iter().copied().enumerate().filter(|(_, at)| *at > 0).collect()
    }
}

/// The number that the load put into the body.
fn number_in(body: &[u8]) -> Option<usize> {
    const NAME: &[u8] = b"\"count\":";
    let looked_at = &body[..body.len().min(LOOKED_AT_BYTES)];
    let rest = looked_at[find(looked_at, NAME)? + NAME.len()..].trim_ascii_start();
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).take(9);
    Some(digits.fold(0, |number, digit| number * 10 + usize::from(digit - b'0')))
}
