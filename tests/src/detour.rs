//! An address that leads to another, which may change, and by which connections can be cut.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// A running detour. Dropping it closes the address.
#[derive(Debug)]
pub struct Detour {
    url: String,
    to: Arc<Mutex<SocketAddr>>,
    cuts: watch::Sender<()>,
    accepting: JoinHandle<()>,
}

impl Detour {
    /// Leads to the host at this URL.
    pub async fn to(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = format!("http://{}", listener.local_addr().expect("an address"));
        let (to, cuts) = (Arc::new(Mutex::new(address(url))), watch::Sender::new(()));
        let accepting = tokio::spawn(accept(listener, Arc::clone(&to), cuts.clone()));
        Self { url: own, to, cuts, accepting }
    }

    /// Its own URL.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// From now on it leads to this URL.
    pub fn lead_to(&self, url: &str) {
        *self.to.lock().unwrap_or_else(PoisonError::into_inner) = address(url);
    }

    /// Cuts all connections that there are.
    pub fn cut(&self) {
        self.cuts.send_replace(());
    }
}

impl Drop for Detour {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(listener: TcpListener, to: Arc<Mutex<SocketAddr>>, cuts: watch::Sender<()>) {
    while let Ok((mut near, _)) = listener.accept().await {
        let to = *to.lock().unwrap_or_else(PoisonError::into_inner);
        let mut cut = cuts.subscribe();
        tokio::spawn(async move {
            let Ok(mut far) = TcpStream::connect(to).await else { return };
            tokio::select! {
                _ = copy_bidirectional(&mut near, &mut far) => {}
                _ = cut.changed() => {}
            }
        });
    }
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().expect("a host's URL is an address and a port")
}
