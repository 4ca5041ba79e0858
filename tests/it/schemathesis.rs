//! The API called as its OpenAPI document says, and in ways that it does not say, by schemathesis: no answer is one that the document does not
//! describe, nothing that it forbids is taken, and nothing fails. `cargo xtask test` installs it; `tests/official/schemathesis` says what is
//! left out, and why.

use std::{env, path::PathBuf, process::Command};

use serde_json::json;
use sluicebox_tests::Host;
use tempfile::TempDir;

#[tokio::test(flavor = "multi_thread")]
async fn api_by_schemathesis_answers_as_it_is_described() {
    let host = Host::start_with(|config| {
        // It calls as often as it can, and also with wrong keys.
        (config.api.calls_per_second_max, config.api.calls_burst_max) = (1_000_000, 1_000_000);
        (config.api.wrong_keys_per_second_max, config.api.wrong_keys_burst_max) = (1_000_000, 1_000_000);
    })
    .await;
    let hub = "[sources.shop]\nverify = { scheme = \"none\" }\n\
               [destinations.queue]\nkind = \"pull\"\n\
               [rules.all]\ndestinations = [\"queue\"]\n";
    host.apply(hub).await;
    let event = host.send("/v1/events", &json!({ "source": "shop", "type": "order.paid", "data": { "n": 1 } })).await;
    assert_eq!(event.status, 202, "{}", event.json);

    let packages = env::var("SLUICEBOX_SCHEMATHESIS").expect("SLUICEBOX_SCHEMATHESIS is not set; run this by `cargo xtask test`");
    let settings = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("official/schemathesis");
    let folder = TempDir::new().expect("a folder");
    let mut run = Command::new("python3");
    run.args(["-m", "schemathesis.cli", "--config-file"]).arg(settings.join("schemathesis.toml"));
    run.args(["run", &format!("{}/openapi.json", host.url()), "--no-color"]);
    run.env("SLUICEBOX_KEY", host.key());
    // The hooks are found as a module.
    run.env("PYTHONPATH", env::join_paths([PathBuf::from(packages), settings]).expect("a list of folders"));
    run.env("SCHEMATHESIS_HOOKS", "hooks").current_dir(folder.path());
    let output = tokio::task::spawn_blocking(move || run.output()).await.expect("no panic").expect("python3");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
    assert!(told.contains("No issues found"), "{told}");
    host.stop().await;
}
