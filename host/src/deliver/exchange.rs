//! One request and what came back: by the destination's own client where it has one, with a token where it asks for one.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode, header::AUTHORIZATION};
use tokio::time::Instant;

use super::{
    Destination,
    settle::{Answer, RESPONSE_BYTES_MAX},
};
use crate::net::{Bounds, Client, Token};

/// With less time left a refused request is not sent again; the next attempt asks for another token.
const AGAIN_MS_MIN: u64 = 1_000;

/// Sends the request. Where the destination refuses a token (401), another is asked for and the request sent once more, within the same
/// attempt and its time: a token may be revoked before its end.
pub(super) async fn exchange(shared: &Client, destination: &Destination, request: Request<Bytes>) -> Answer {
    let client = destination.client(shared);
    let within = |timeout_ms| Bounds { timeout_ms, response_bytes_max: RESPONSE_BYTES_MAX };
    let Some(tokens) = &destination.tokens else { return client.send(request, within(destination.timeout_ms)).await };
    let token = tokens.token(client, Instant::now(), None).await?;
    let begun = Instant::now();
    let answer = client.send(authorized(&request, &token), within(destination.timeout_ms)).await;
    if !matches!(&answer, Ok(response) if response.status == StatusCode::UNAUTHORIZED) {
        return answer;
    }
    let left = Duration::from_millis(destination.timeout_ms).saturating_sub(begun.elapsed());
    let other = tokens.token(client, Instant::now(), Some(&token)).await?;
    let left_ms = u64::try_from(left.as_millis()).unwrap_or(destination.timeout_ms);
    if left_ms < AGAIN_MS_MIN {
        return answer;
    }
    client.send(authorized(&request, &other), within(left_ms)).await
}

fn authorized(request: &Request<Bytes>, token: &Token) -> Request<Bytes> {
    let mut authorized = request.clone();
    authorized.headers_mut().insert(AUTHORIZATION, token.authorization());
    authorized
}
