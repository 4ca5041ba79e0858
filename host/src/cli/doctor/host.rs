//! Facts of a running host, by its API. What it does not answer is a fact as well.

use std::time::{SystemTime, UNIX_EPOCH};

use http::{StatusCode, header};
use serde_json::Value;

use super::{
    certificates,
    facts::{DriftFact, HostFacts, KeyFact},
};
use crate::{
    api::DriftTold,
    cli::{Hub, client::Client, place::Place},
    net,
};

/// Dead letters that are counted.
pub(super) const DEAD_LETTERS_MAX: u64 = 500;
/// Plugins that are asked for one by one.
const PLUGINS_MAX: usize = 200;

/// # Errors
/// Where this machine cannot ask at all.
pub(super) async fn gather(hub: &Hub) -> anyhow::Result<HostFacts> {
    let mut facts = asked(hub).await?;
    if facts.certificates.is_empty() {
        facts.certificates = certificates::shown_at(&facts.url, now_secs()).await;
    }
    Ok(facts)
}

async fn asked(hub: &Hub) -> anyhow::Result<HostFacts> {
    let mut facts = HostFacts { url: Place::of(hub)?.url, ..HostFacts::default() };
    let ready = net::side_client()?.get(format!("{}/readyz", facts.url)).send().await;
    let ready = match ready {
        Ok(ready) => ready,
        Err(error) => {
            facts.unreachable =
                Some(if error.is_timeout() { "it takes too long".to_owned() } else { "the connection failed".to_owned() });
            return Ok(facts);
        }
    };
    let told = ready.headers().get(header::DATE).and_then(|value| value.to_str().ok()).map(str::to_owned);
    facts.clock_ahead_secs = told.and_then(|date| seconds_of(&date)).map(|theirs| theirs - now_secs());
    if ready.status() != StatusCode::OK {
        facts.not_ready = Some(ready.text().await.unwrap_or_default().trim().to_owned());
    }
    let Ok(client) = Client::new(hub) else {
        facts.key = KeyFact::None;
        return Ok(facts);
    };
    facts.key = match client.status("/v1/sources").await? {
        StatusCode::UNAUTHORIZED => KeyFact::Refused,
        StatusCode::FORBIDDEN => KeyFact::Narrow,
        _ => KeyFact::Good,
    };
    if facts.key == KeyFact::Good {
        Asking { client, facts: &mut facts }.all().await;
    }
    Ok(facts)
}

struct Asking<'a> {
    client: Client,
    facts: &'a mut HostFacts,
}

impl Asking<'_> {
    async fn all(&mut self) {
        for source in self.items("sources").await {
            if source["document"]["verify"]["scheme"] == "none" {
                self.facts.unverified_sources.push(text(&source["name"]));
            }
        }
        for destination in self.items("destinations").await {
            let (name, runtime) = (text(&destination["name"]), &destination["runtime"]);
            match &runtime["disabled"]["code"] {
                Value::String(code) => self.facts.disabled.push((name, code.clone())),
                _ if matches!(runtime["breaker"]["state"].as_str(), Some("open" | "probing")) => {
                    self.facts.open_breakers.push(name)
                }
                _ => {}
            }
        }
        for plugin in self.items("plugins").await.into_iter().take(PLUGINS_MAX) {
            let name = text(&plugin["name"]);
            if let Some(told) = self.ask("plugins", &format!("/v1/plugins/{name}")).await
                && told["breaker"]["state"].as_str().is_some_and(|state| state != "closed")
            {
                self.facts.tripped_plugins.push(name);
            }
        }
        self.facts.drift = self.drift().await;
        if let Some(counted) = self.count_dead_letters().await {
            self.facts.dead_letters = counted;
        }
        let started =
            self.client.get::<Value>("/v1/audit", &query([("host", "true"), ("action", "host.start"), ("limit", "1")])).await;
        self.facts.version = started.ok().and_then(|page| page["items"][0]["name"].as_str().map(str::to_owned));
        if let Ok(page) = self.client.text("/metrics").await {
            let number = |name: &str| metric(&page, name);
            self.facts.commit_failures = number("sluicebox_journal_commit_failures_total").unwrap_or_default();
            self.facts.audit_failures = number("sluicebox_audit_failures_total").unwrap_or_default();
            self.facts.last_backup_secs = number("sluicebox_backup_last_made_timestamp_seconds");
            self.facts.certificates = certificates::of_metrics(&page, now_secs());
        }
    }

    async fn items(&mut self, kind: &'static str) -> Vec<Value> {
        let told = self.client.get_all(&format!("/v1/{kind}")).await;
        self.answered(kind, told).unwrap_or_default()
    }

    async fn ask(&mut self, what: &'static str, path: &str) -> Option<Value> {
        let told = self.client.get(path, &[]).await;
        self.answered(what, told)
    }

    fn answered<T>(&mut self, what: &'static str, told: anyhow::Result<T>) -> Option<T> {
        match told {
            Ok(told) => Some(told),
            Err(error) => {
                self.facts.unanswered.push((what, error.to_string()));
                None
            }
        }
    }

    async fn drift(&mut self) -> Option<DriftFact> {
        let told = self.ask("drift", "/v1/drift").await.and_then(|told| serde_json::from_value::<DriftTold>(told).ok())?;
        let entries = told.changes.iter().map(|change| format!("{} {}", change.kind.singular(), change.name)).collect();
        Some(DriftFact { since: told.since?, entries }).filter(|drift| !drift.entries.is_empty())
    }

    /// Up to a page of them: more are as bad.
    async fn count_dead_letters(&mut self) -> Option<u64> {
        let page = self.client.get::<Value>("/v1/dead-letters", &query([("limit", &DEAD_LETTERS_MAX.to_string())])).await;
        self.answered("dead letters", page)?["items"].as_array().map(|items| items.len() as u64)
    }
}

fn query<const N: usize>(pairs: [(&'static str, &str); N]) -> Vec<(&'static str, String)> {
    pairs.map(|(key, value)| (key, value.to_owned())).into()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The value of a metric without labels, in whole units.
fn metric(page: &str, name: &str) -> Option<u64> {
    let line = page.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count or a time, both whole and not negative")]
    line.trim().parse::<f64>().ok().map(|value| value as u64)
}

/// `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110, section 5.6.7), in seconds since 1970.
fn seconds_of(date: &str) -> Option<i64> {
    jiff::fmt::rfc2822::parse(date).ok().map(|at| at.timestamp().as_second())
}

fn now_secs() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_metrics_are_read() {
        assert_eq!(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds_of("yesterday"), None);
        let page = "# HELP a_total x\na_total 3\na_total_more 4\nb{c=\"d\"} 5\nat_seconds 1790000000.5\n";
        assert_eq!(
            (metric(page, "a_total"), metric(page, "at_seconds"), metric(page, "b")),
            (Some(3), Some(1_790_000_000), None)
        );
    }
}
