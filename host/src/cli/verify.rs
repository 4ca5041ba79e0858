//! `sluicebox verify`: whether a request at hand is its source's, and if not, which step failed. No host is asked.

use anyhow::bail;
use serde_json::{Value, json};

use super::{
    exit::Exit,
    payload::{By, Payload, moment, unusable},
    table::table,
};
use crate::{
    config::system_clock,
    event::{Duration, DurationError, Timestamp},
    verify::{self, Reason, Refusal, Verified},
};

const SKEW_MS_MAX: u64 = 24 * 3_600_000;
/// Less than what any scheme tolerates, so that no time between is left out.
const SKEW_STEP_MS: u64 = 30_000;

#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    payload: Payload,
    #[command(flatten)]
    by: By,
    /// When the request came: seconds since 1970, or as in 2026-01-31T12:00:00Z; now otherwise.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<Timestamp>,
    /// How far the sender's clock may be from ours beyond what the scheme allows, which mostly is 5m; up to 24h.
    #[arg(long, value_name = "TIME", value_parser = skew)]
    skew: Option<Duration>,
    /// List the schemes.
    #[arg(long)]
    list: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    if arguments.list {
        return list(arguments.json);
    }
    let spec = arguments.by.spec()?;
    let scheme = spec.refine().map_err(|invalid| unusable(&spec, &invalid))?;
    if let Some(plugin) = scheme.plugin() {
        bail!("only the plugin `{plugin}` can tell; try it by `sluicebox plugin run`");
    }
    if scheme.key_set_url().is_some() {
        bail!("no keys are fetched here: give the issuer's key by --public-key instead of `jwks_url`");
    }
    let sample = arguments.payload.read()?;
    let now = arguments.at.unwrap_or_else(|| system_clock()());
    let skew_ms = arguments.skew.map_or(0, |skew| skew.ms);
    let judged = within(now, skew_ms, |at| scheme.verify(sample.request(), at));
    tell(&spec.scheme, judged, arguments.json)
}

/// Judges as of `now` and, where only the time is wrong, as of times around it, the nearest first: around each the scheme's own tolerance
/// holds.
fn within(now: Timestamp, skew_ms: u64, judge: impl Fn(Timestamp) -> Result<Verified, Refusal>) -> Result<Verified, Refusal> {
    let judged = judge(now);
    if !judged.as_ref().is_err_and(|refusal| refusal.reason == Reason::Time) {
        return judged;
    }
    let steps = (1..=skew_ms / SKEW_STEP_MS).map(|step| step * SKEW_STEP_MS).chain([skew_ms]);
    let times = steps.flat_map(|apart| [now.0.saturating_sub(apart), now.0.saturating_add(apart)]);
    times.map(|at| judge(Timestamp(at))).find(Result::is_ok).unwrap_or(judged)
}

fn skew(text: &str) -> Result<Duration, String> {
    let skew: Duration = text.parse().map_err(|error: DurationError| error.to_string())?;
    if skew.ms <= SKEW_MS_MAX { Ok(skew) } else { Err("clocks may be 24h apart; --at judges as of any time".to_owned()) }
}

fn tell(scheme: &str, judged: Result<Verified, Refusal>, as_json: bool) -> anyhow::Result<Exit> {
    let exit = if judged.is_ok() { Exit::Done } else { Exit::NotValid };
    if as_json {
        let told = match &judged {
            Ok(verified) => json!({ "valid": true, "scheme": scheme, "handshake": matches!(verified, Verified::Handshake(_)) }),
            Err(refusal) => {
                json!({ "valid": false, "scheme": scheme, "reason": refusal.reason.label(), "message": refusal.told })
            }
        };
        outln!("{}", serde_json::to_string_pretty(&told)?);
        return Ok(exit);
    }
    match judged {
        Ok(Verified::Event(_)) => outln!("valid by `{scheme}`"),
        Ok(Verified::Handshake(answer)) => {
            outln!("valid by `{scheme}`: a handshake, to be answered {} {}", answer.status, answer.body);
        }
        Err(refusal) => outln!("not valid by `{scheme}` ({}): {}", refusal.reason.label(), refusal.told),
    }
    Ok(exit)
}

fn list(as_json: bool) -> anyhow::Result<Exit> {
    let items: Vec<Value> = verify::schemes().map(|name| json!({ "scheme": name })).collect();
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&items)?);
    } else {
        out!("{}", table(&["scheme"], &items));
    }
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Facts;

    #[test]
    fn clocks_may_be_apart_by_as_much_as_is_said() {
        // Signed at 1,000,000 ms, and good for a minute around that.
        let judge = |at: Timestamp| {
            if at.0.abs_diff(1_000_000) <= 60_000 {
                return Ok(Verified::Event(Facts::default()));
            }
            Err(Refusal { reason: Reason::Time, told: String::new() })
        };
        assert!(within(Timestamp(1_050_000), 0, judge).is_ok());
        assert!(within(Timestamp(1_100_000), 0, judge).is_err());
        for now in [1_100_000, 900_000] {
            assert!(within(Timestamp(now), 40_000, judge).is_ok());
            assert!(within(Timestamp(now), 39_999, judge).is_err());
        }
        let forged = |_| Err(Refusal { reason: Reason::Mismatch, told: String::new() });
        assert!(within(Timestamp(0), SKEW_MS_MAX, forged).is_err());
        assert!(skew("24h").is_ok() && skew("25h").is_err());
    }
}
