//! A plugin that takes all the time it is given, on every event, slows nobody's events but its own.

use sluicebox_tests::{Host, Receiver, guests};

use crate::story::{OPEN_SOURCE, destination};

/// Fewer than trip a breaker.
const SPINNING: usize = 16;
const HEALTHY: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_spins_on_every_event_leaves_a_worker_to_the_others() {
    let (host, receiver) = (Host::start_with(|config| config.plugin.workers = 2).await, Receiver::start().await);
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    let out = destination("out", &format!("{}/out", receiver.url()));
    host.apply(&format!(
        "{OPEN_SOURCE}[plugins.spins]\ndigest = \"{digest}\"\nconfig = {{ mode = \"spin\" }}\n\
         limits = {{ fuel = 1000000000, time_ms = 5000 }}\n\
         [plugins.works]\ndigest = \"{digest}\"\nconfig = {{ mode = \"upper\" }}\n{out}\
         [rules.slow]\nmatch.type = [\"slow\"]\nplugins = [\"spins\"]\ndestinations = [\"out\"]\n\
         [rules.healthy]\nmatch.type = [\"healthy\"]\nplugins = [\"works\"]\ndestinations = [\"out\"]\n"
    ))
    .await;
    for _ in 0..SPINNING {
        host.post("open", &[("x-type", "slow")], "slow").await;
    }
    for _ in 0..HEALTHY {
        host.post("open", &[("x-type", "healthy")], "healthy").await;
    }
    receiver.wait_for("/out", HEALTHY).await;
    let waiting = host.get("/v1/runs?rule=slow&state=pending&limit=100").await.json["items"].as_array().map_or(0, Vec::len);
    assert!(waiting > 0, "all healthy ones arrived while spinning ones still waited for their worker");
    host.stop().await;
}
