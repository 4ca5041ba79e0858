//! Guests that misbehave: each ends with its documented error, and the events around it are delivered meanwhile.

use sluicebox_tests::{Host, Receiver, guests};

use crate::story::{OPEN_SOURCE, destination};

/// A rule for the type `bad` through `misbehave`, and one for `good` through a plugin of the same bytes that is told to behave.
async fn start(config: &str, limits: &str) -> (Host, Receiver) {
    let (host, receiver) = (Host::start().await, Receiver::start().await);
    let digest = host.upload(guests::component("misbehave")).await.expect("a component");
    let hub = format!(
        "{OPEN_SOURCE}[plugins.misbehave]\ndigest = \"{digest}\"\nconfig = {config}\nlimits = {limits}\n\
         [plugins.behave]\ndigest = \"{digest}\"\nconfig = {{ mode = \"upper\" }}\n\
         {}[rules.bad]\nmatch.type = [\"bad\"]\nplugins = [\"misbehave\"]\ndestinations = [\"out\"]\n\
         [rules.good]\nmatch.type = [\"good\"]\nplugins = [\"behave\"]\ndestinations = [\"out\"]\n",
        destination("out", &format!("{}/out", receiver.url()))
    );
    host.apply(&hub).await;
    (host, receiver)
}

/// One bad event between good ones: the good ones arrive, the bad one is a dead letter with this code.
async fn ends_as(config: &str, limits: &str, code: &str, words: &str) {
    let (host, receiver) = start(config, limits).await;
    let mut good = 0;
    let mut bad = Vec::new();
    for _ in 0..3 {
        bad.push(host.post("open", &[("x-type", "bad")], "{\"a\":1}").await);
        host.post("open", &[("x-type", "good")], "good").await;
        good += 1;
    }
    let received = receiver.wait_for("/out", good).await;
    assert!(received.iter().all(|message| message.body == "GOOD"), "the good ones went through their plugin");
    for id in bad {
        let run = host.run_in_state(&id, "bad", "dead").await;
        assert_eq!(run["failure"]["code"], code, "{}", run["failure"]);
        let message = run["failure"]["message"].as_str().expect("a text");
        assert!(message.contains(words), "{message:?} tells {words:?}");
        assert!(message.contains("misbehave"), "{message:?} names the plugin");
    }
    assert_eq!(receiver.received("/out").len(), good, "nothing of the bad ones went out");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_ends_at_the_fuel_limit() {
    ends_as("{ mode = \"spin\" }", "{ fuel = 10000000 }", "limit-fuel", "plugins.misbehave.limits.fuel").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endless_loop_with_much_fuel_ends_at_the_time_limit_and_is_retried_before() {
    let limits = "{ fuel = 1000000000, time_ms = 20 }";
    let (host, receiver) = start("{ mode = \"spin\" }", limits).await;
    let bad = host.post("open", &[("x-type", "bad")], "{}").await;
    host.post("open", &[("x-type", "good")], "{}").await;
    receiver.wait_for("/out", 1).await;
    let run = host.run_in_state(&bad, "bad", "dead").await;
    assert_eq!(run["failure"]["code"], "limit-time", "{}", run["failure"]);
    assert!(run["failure"]["message"].as_str().is_some_and(|text| text.contains("after 4 tries")), "{}", run["failure"]);
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn endless_allocation_ends_at_the_memory_limit() {
    ends_as("{ mode = \"eat\" }", "{ memory_bytes = 16777216 }", "limit-memory", "plugins.misbehave.limits.memory_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_with_its_words_and_tried_once_more() {
    ends_as("{ mode = \"panic\" }", "{}", "panic", "after 2 tries").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_too_large_ends_at_the_output_limit() {
    ends_as("{ mode = \"flood\", bytes = 20971520 }", "{}", "limit-output", "plugins.misbehave.limits.output_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_of_one_gibibyte_ends_at_the_memory_limit() {
    ends_as("{ mode = \"flood\", bytes = 1073741824 }", "{}", "limit-memory", "plugins.misbehave.limits.memory_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_messages_end_at_their_limit() {
    ends_as("{ mode = \"many\" }", "{ output_bytes = 16777216, memory_bytes = 268435456 }", "limit-messages", "messages_max")
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_thousand_messages_are_too_large_before_they_are_too_many() {
    ends_as("{ mode = \"many\", messages = 100000 }", "{}", "limit-output", "plugins.misbehave.limits.output_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_log_that_is_larger_than_an_answer_may_be_ends_at_the_output_limit() {
    ends_as("{ mode = \"long-line\", bytes = 10000000 }", "{}", "limit-output", "plugins.misbehave.limits.output_bytes").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_line_of_the_log_is_cut() {
    let (host, receiver) = start("{ mode = \"long-line\", bytes = 1000000 }", "{}").await;
    let id = host.post("open", &[("x-type", "bad")], "{}").await;
    receiver.wait_for("/out", 1).await;
    let run = host.run_in_state(&id, "bad", "planned").await;
    assert_eq!(run["stages"][0]["logs"][0].as_str().map(str::len), Some(1024), "{run}");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deep_recursion_ends_at_the_end_of_the_stack() {
    ends_as("{ mode = \"recurse\" }", "{}", "limit-stack", "tries").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_of_the_hosts_is_refused() {
    ends_as("{ mode = \"owned-header\" }", "{}", "header-not-allowed", "webhook-id").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_well_behaved_plugin_changes_the_body() {
    let (host, receiver) = start("{ mode = \"upper\" }", "{}").await;
    let id = host.post("open", &[("x-type", "bad")], "quiet").await;
    let received = receiver.wait_for("/out", 1).await;
    assert_eq!(received[0].body, "QUIET");
    let run = host.run_in_state(&id, "bad", "planned").await;
    assert_eq!(run["stages"][0]["result"], "emit");
    assert_eq!(run["stages"][0]["plugin"], "misbehave");
    host.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_interface_is_refused_at_upload_and_changes_nothing() {
    let host = Host::start().await;
    let refused = host.upload(guests::component("wrong-interface")).await.expect_err("refused");
    assert_eq!(refused.status, 422, "{}", refused.json);
    let detail = refused.json["detail"].as_str().expect("a text");
    assert!(detail.starts_with("error[P004]"), "{detail}");
    assert!(detail.contains("sluicebox:plugin/transform@0.1.0"), "{detail}");
    let refused = host.upload(b"no component".to_vec()).await.expect_err("refused");
    assert_eq!(refused.status, 422);
    let refused = host.upload(guests::module("redact")).await.expect_err("a core module is the client's to make a component of");
    assert!(refused.json["detail"].as_str().is_some_and(|text| text.contains("core module")), "{}", refused.json);
    host.stop().await;
}
