//! The least code that does a host's work on one machine: a hyper server, one preallocated log whose writes share a sync, an HMAC, and a hyper
//! client. No rules, no retries, no queries, and a log that is written from its begin again when it is full: the upper bound that a host is
//! held against.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
};

use anyhow::Context;
use base64::{Engine, prelude::BASE64_STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::Incoming,
    client::conn::http1::{SendRequest, handshake},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use sha2::Sha256;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, oneshot},
};

use super::log::Log;

/// As many as the host's destination has.
const IN_FLIGHT_MAX: usize = 64;
/// As many as the host commits at once.
const BATCH_MAX: usize = 1_024;
const KEY: &[u8] = b"of the benchmark, 32 bytes long.";

struct Append {
    body: Bytes,
    stored: oneshot::Sender<()>,
}

struct Work {
    log: mpsc::Sender<Append>,
    /// Connections that nobody uses.
    idle: Mutex<Vec<SendRequest<Full<Bytes>>>>,
    in_flight: Semaphore,
    address: String,
}

pub(crate) async fn run(arguments: &[String]) -> anyhow::Result<()> {
    let [folder, address] = arguments else { anyhow::bail!("which folder, and where to?") };
    let log = Log::create(format!("{folder}/log").as_ref()).context("no log")?;
    let (sender, appends) = mpsc::channel();
    thread::spawn(move || commit(log, &appends));
    let in_flight = Semaphore::new(IN_FLIGHT_MAX);
    let work = Arc::new(Work { log: sender, idle: Mutex::default(), in_flight, address: address.clone() });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let work = Arc::clone(&work);
        let serve = service_fn(move |request| Arc::clone(&work).take(request));
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), serve));
    }
}

/// All that waits is written together and synced once.
fn commit(mut log: Log, appends: &mpsc::Receiver<Append>) -> io::Result<()> {
    while let Ok(first) = appends.recv() {
        let batch: Vec<Append> = [first].into_iter().chain(appends.try_iter().take(BATCH_MAX - 1)).collect();
        log.append(&batch.iter().map(|append| &append.body[..]).collect::<Vec<_>>())?;
        for append in batch {
            let _ = append.stored.send(());
        }
    }
    Ok(())
}

impl Work {
    async fn take(self: Arc<Self>, request: Request<Incoming>) -> anyhow::Result<Response<Full<Bytes>>> {
        let body = request.into_body().collect().await?.to_bytes();
        let (stored, is_stored) = oneshot::channel();
        self.log.send(Append { body: body.clone(), stored }).ok().context("the log ended")?;
        is_stored.await?;
        tokio::spawn(async move {
            if let Err(error) = self.deliver(body).await {
                eprintln!("the ceiling cannot deliver: {error:#}");
            }
        });
        Ok(Response::builder().status(StatusCode::ACCEPTED).body(Full::default())?)
    }

    async fn deliver(&self, body: Bytes) -> anyhow::Result<()> {
        let _place = self.in_flight.acquire().await?;
        let request = self.request(body)?;
        let idle = self.idle().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        connection.ready().await?;
        connection.send_request(request).await?.into_body().collect().await?;
        self.idle().push(connection);
        Ok(())
    }

    /// Signed as Standard Webhooks has it.
    fn request(&self, body: Bytes) -> anyhow::Result<Request<Full<Bytes>>> {
        let (id, timestamp) = ("msg_0123456789abcdef", "1790000000");
        let mut mac = Hmac::<Sha256>::new_from_slice(KEY)?;
        for piece in [id.as_bytes(), b".", timestamp.as_bytes(), b".", &body] {
            mac.update(piece);
        }
        let signature = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
        let request = Request::post("/0")
            .header("host", &self.address)
            .header("content-type", "application/json")
            .header("webhook-id", id)
            .header("webhook-timestamp", timestamp)
            .header("webhook-signature", signature);
        Ok(request.body(Full::new(body))?)
    }

    async fn connect(&self) -> anyhow::Result<SendRequest<Full<Bytes>>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(sender)
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<SendRequest<Full<Bytes>>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
