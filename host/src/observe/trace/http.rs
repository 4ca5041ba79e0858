//! The way to the collector: the client of calls to addresses that the operator chose. A collector is mostly on the inside of the network,
//! where nothing is delivered to, so its address is not vetted as a destination's is; no one but the operator can name it.

use std::{pin::Pin, time::Duration};

use bytes::Bytes;
use http::{Request, Response};
use opentelemetry_http::{HttpClient, HttpError};

use crate::net::SideClient;

/// What a collector answers is a short protobuf message; more is not read.
const ANSWER_BYTES_MAX: usize = 64 * 1024;

/// A client for the exporter.
#[derive(Debug)]
pub(super) struct Collector {
    pub(super) client: SideClient,
    /// For one request and its answer.
    pub(super) timeout: Duration,
}

type Answering<'a> = Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'a>>;

impl HttpClient for Collector {
    fn send_bytes<'life0, 'async_trait>(&'life0 self, request: Request<Bytes>) -> Answering<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            let (head, body) = request.into_parts();
            let request = self.client.request(head.method, head.uri.to_string()).headers(head.headers).body(body);
            let mut answer = request.timeout(self.timeout).send().await?;
            let (status, headers) = (answer.status(), answer.headers().clone());
            let mut body = Vec::new();
            while let Some(piece) = answer.chunk().await? {
                if body.len() + piece.len() > ANSWER_BYTES_MAX {
                    return Err(format!("the collector answered with more than {ANSWER_BYTES_MAX} bytes").into());
                }
                body.extend_from_slice(&piece);
            }
            let mut response = Response::new(Bytes::from(body));
            (*response.status_mut(), *response.headers_mut()) = (status, headers);
            Ok(response)
        })
    }
}
