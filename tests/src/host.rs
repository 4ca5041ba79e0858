//! A host in this process, on a port of its own and a folder of its own.

use std::{ops::Deref, path::PathBuf};

use sluicebox::config::Config;
use tempfile::TempDir;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

use crate::Api;

/// A running host. Its API is what it derefs to.
#[derive(Debug)]
pub struct Host {
    api: Api,
    data: PathBuf,
    stop: oneshot::Sender<()>,
    ended: JoinHandle<anyhow::Result<()>>,
    /// Removed with the host, unless the data is somebody else's.
    _folder: Option<TempDir>,
}

impl Host {
    /// A new host that may deliver to loopback.
    pub async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// A new host, its settings changed first.
    pub async fn start_with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = TempDir::new().expect("a folder");
        let mut host = Self::start_at(folder.path().join("data"), change).await;
        host._folder = Some(folder);
        host
    }

    /// A host on data that is kept.
    pub async fn start_at(data: PathBuf, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::at(&data);
        config.net.allow_networks = vec!["127.0.0.0/8".parse().expect("a network")];
        change(&mut config);
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(sluicebox::run(config, listener, async move { drop(stopped.await) }));
        let api = Api::when_ready(url, &data).await;
        Self { api, data, stop, ended, _folder: None }
    }

    /// Where its data is.
    #[must_use]
    pub fn data(&self) -> &PathBuf {
        &self.data
    }

    /// Stops it in order, and waits for its end.
    pub async fn stop(self) {
        drop(self.stop);
        self.ended.await.expect("no panic").expect("an end in order");
    }
}

impl Deref for Host {
    type Target = Api;

    fn deref(&self) -> &Api {
        &self.api
    }
}
