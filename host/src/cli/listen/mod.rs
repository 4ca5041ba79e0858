//! `sluicebox listen`: relays a source's events, as they are stored, to a local server. A stream that is lost is taken up again where it
//! was lost, also over a restart of the host, so that each event is relayed, and none is relayed twice. A host that does not come back is
//! given up after a while.

mod forward;
mod sse;

use std::{
    io::{self, Write as _},
    time::{Duration, Instant},
};

use anyhow::Context;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};

use self::{
    forward::{Forwarded, Forwarder},
    sse::{Message, Parser},
};
use super::{
    Hub,
    client::{Client, Refused},
    out,
    stop::Stop,
    table::shown,
};
use crate::event;

#[derive(Debug, clap::Args)]
#[command(after_help = VERIFYING)]
pub(super) struct Arguments {
    /// The source.
    source: String,
    /// Post each event to this URL, one after the other; without it they are only told of.
    #[arg(long, value_name = "URL")]
    forward: Option<String>,
    /// Events of this type only.
    #[arg(long = "type")]
    event_type: Option<String>,
    /// Begin after this event instead of now.
    #[arg(long, value_name = "ID")]
    after: Option<String>,
    /// How long to try to reach a host that is gone, as in 90s or 1h.
    #[arg(long, value_name = "TIME", default_value = "15m")]
    give_up_after: event::Duration,
    /// Print the headers and the body of each event.
    #[arg(long)]
    print: bool,
    #[command(flatten)]
    hub: Hub,
}

const VERIFYING: &str = "\
What the local server can verify: it gets the exact bytes of the body and the headers that the host keeps. Signatures are \
kept, so what signs the body (GitHub, Stripe, Slack, Shopify, Standard Webhooks, ...) verifies with the source's secret; \
where a time is signed, only while it is within the tolerance. A signature over the URL (Twilio, Square) is over the URL \
that the sender called. Credentials (Authorization, X-Gitlab-Token, API keys) are removed before an event is stored, and \
cannot be checked again.

Ctrl-C ends it.";

/// The host sends a comment every 15 seconds; after so long without one the stream is lost.
const SILENCE: Duration = Duration::from_secs(45);

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

pub(super) async fn run(arguments: Arguments) -> anyhow::Result<()> {
    let stop = Stop::on_signals().context("cannot listen for signals")?;
    let listener = Listener::new(arguments)?;
    tokio::select! {
        ended = listener.listen() => ended,
        () = stop.told() => Ok(()),
    }
}

struct Listener {
    client: Client,
    query: Vec<(&'static str, String)>,
    forwarder: Option<Forwarder>,
    print: bool,
    as_json: bool,
    give_up_after: Duration,
    /// The last event that was relayed, or the place where the stream began.
    last: Option<String>,
}

impl Listener {
    fn new(arguments: Arguments) -> anyhow::Result<Self> {
        let Arguments { source, forward, event_type, after, give_up_after, print, hub } = arguments;
        let query = [("source", Some(source)), ("type", event_type)].into_iter().filter_map(|(key, value)| Some((key, value?)));
        Ok(Self {
            client: Client::new(&hub)?,
            query: query.collect(),
            forwarder: forward.as_deref().map(Forwarder::new).transpose()?,
            print,
            as_json: hub.json,
            give_up_after: Duration::from_millis(give_up_after.ms),
            last: after,
        })
    }

    /// Ends only where it makes no sense to go on: the host refuses, was never there, or does not come back, or nobody reads any more.
    async fn listen(mut self) -> anyhow::Result<()> {
        let mut response = self.connect().await?;
        errln!("listening; Ctrl-C ends it");
        let mut failures = 0;
        loop {
            let before = self.last.clone();
            let Some(lost) = self.relay(response).await? else { return Ok(()) };
            if self.last != before {
                failures = 0;
            }
            errln!("the stream was lost ({lost}); it is taken up again");
            let lost_at = Instant::now();
            response = loop {
                tokio::time::sleep(pause(failures)).await;
                failures += 1;
                match self.connect().await {
                    Ok(response) => break response,
                    Err(error) if is_final(&error) => return Err(error),
                    Err(error) if lost_at.elapsed() >= self.give_up_after => return Err(error.context(self.given_up())),
                    Err(error) => errln!("{error:#}; trying again"),
                }
            };
            errln!("listening again");
        }
    }

    fn given_up(&self) -> String {
        let on = self.last.as_ref().map_or(String::new(), |last| format!("; `--after {last}` goes on where it was lost"));
        format!("the host did not come back within {}s and is given up{on}", self.give_up_after.as_secs())
    }

    async fn connect(&self) -> anyhow::Result<crate::net::SideResponse> {
        let mut headers = HeaderMap::new();
        if let Some(last) = &self.last {
            headers.insert(LAST_EVENT_ID, HeaderValue::from_str(last).context("--after is no event's id")?);
        }
        self.client.open("/v1/events/stream", &self.query, headers).await
    }

    /// Relays what comes, until nothing does: then why; or until nobody reads it.
    async fn relay(&mut self, mut response: crate::net::SideResponse) -> anyhow::Result<Option<String>> {
        let mut parser = Parser::default();
        loop {
            let messages = match tokio::time::timeout(SILENCE, response.chunk()).await {
                Ok(Ok(Some(bytes))) => parser.take(&bytes)?,
                Ok(Ok(None)) => return Ok(Some("the host ended it".to_owned())),
                Ok(Err(error)) => return Ok(Some(error.to_string())),
                Err(_) => return Ok(Some(format!("nothing came for {}s", SILENCE.as_secs()))),
            };
            for Message { id, data } in messages {
                if let Some(data) = data {
                    self.handle(&serde_json::from_str(&data).context("the host's event is not understood")?).await?;
                }
                if !out::is_read() {
                    return Ok(None);
                }
                self.last = id.or(self.last.take());
            }
        }
    }

    async fn handle(&self, event: &Value) -> anyhow::Result<()> {
        let forwarded = match &self.forwarder {
            Some(forwarder) => Some(forwarder.forward(event).await?),
            None => None,
        };
        let mut told = Vec::new();
        if self.as_json {
            writeln!(told, "{}", line_of_json(event, forwarded.as_ref(), self.print))?;
        } else {
            writeln!(told, "{}", line(event, forwarded.as_ref()))?;
            if self.print {
                print(&mut told, event)?;
            }
        }
        out::now(&told);
        Ok(())
    }
}

/// Times, for people: when, which, what, and what the local server said.
fn line(event: &Value, forwarded: Option<&Forwarded>) -> String {
    let field = |name: &str| shown(event[name].as_str().filter(|text| !text.is_empty()).unwrap_or("-"));
    let told = format!("{}  {}  {}", field("received_at"), field("id"), field("type"));
    match forwarded {
        None => told,
        Some(Forwarded { answer: Ok(status), duration_ms }) => format!("{told}  {status}  {duration_ms}ms"),
        Some(Forwarded { answer: Err(why), duration_ms }) => format!("{told}  failed: {}  {duration_ms}ms", shown(why)),
    }
}

fn line_of_json(event: &Value, forwarded: Option<&Forwarded>, whole: bool) -> Value {
    let mut told = json!({});
    for name in ["id", "source", "type", "subject", "received_at", "external_id"] {
        told[name] = event[name].clone();
    }
    if whole {
        told["headers"] = event["headers"].clone();
        told["body"] = event["body"].clone();
    }
    if let Some(Forwarded { answer, duration_ms }) = forwarded {
        told["status"] = answer.as_ref().ok().copied().into();
        told["failure"] = answer.as_ref().err().map(String::as_str).into();
        told["duration_ms"] = (*duration_ms).into();
    }
    told
}

fn print(out: &mut impl io::Write, event: &Value) -> anyhow::Result<()> {
    for pair in event["headers"].as_array().into_iter().flatten() {
        let text = |at: usize| shown(pair[at].as_str().unwrap_or_default());
        writeln!(out, "{}: {}", text(0), text(1))?;
    }
    writeln!(out)?;
    out.write_all(&forward::body(event)?)?;
    Ok(writeln!(out, "\n")?)
}

/// Whether it would be refused again.
fn is_final(error: &anyhow::Error) -> bool {
    let status = error.downcast_ref::<Refused>().and_then(|refused| refused.problem["status"].as_u64());
    status.is_some_and(|status| (400..500).contains(&status))
}

/// Before the next try to reach the host: longer each time, up to 8 seconds.
fn pause(failures: u32) -> Duration {
    Duration::from_millis(250) * 2_u32.pow(failures.min(5))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_limit() {
        let pauses: Vec<u128> = [0, 1, 4, 5, 100].map(|failures| pause(failures).as_millis()).to_vec();
        assert_eq!(pauses, [250, 500, 4_000, 8_000, 8_000]);
    }

    #[test]
    fn a_line_tells_what_became_of_the_event_and_moves_no_cursor() {
        let event = json!({ "id": "evt_1", "received_at": "2026-01-31T12:00:00Z", "type": "a\u{1b}[2Jb" });
        assert_eq!(line(&event, None), "2026-01-31T12:00:00Z  evt_1  a[2Jb");
        let failed = Forwarded { answer: Err("no server answers".to_owned()), duration_ms: 3 };
        assert!(line(&event, Some(&failed)).ends_with("failed: no server answers  3ms"));
        let answered = Forwarded { answer: Ok(204), duration_ms: 3 };
        let told = line_of_json(&event, Some(&answered), false);
        assert_eq!((&told["status"], &told["failure"], &told["headers"]), (&json!(204), &Value::Null, &Value::Null));
    }
}
