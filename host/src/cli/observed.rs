//! How `serve` writes its log, and what it takes from the variables that every program with OpenTelemetry knows.

use std::io::stderr;

use anyhow::anyhow;
use tracing::Subscriber;
use tracing_subscriber::{Layer, fmt, registry::LookupSpan};

use super::terminal::has_colours;
use crate::config::{Given, LogFormat, Settings, table};

/// OpenTelemetry's own variables, and the settings that they stand for where nothing else gives those.
const OPENTELEMETRY: [(&str, &str); 4] = [
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
    ("OTEL_TRACES_SAMPLER", "trace_sampler"),
    ("OTEL_TRACES_SAMPLER_ARG", "trace_sample_ratio"),
    ("OTEL_SERVICE_NAME", "trace_service_name"),
];

/// Takes what the environment says in OpenTelemetry's names, but where a setting was given, be it at its default.
///
/// # Errors
///
/// Where one of them is no good.
pub(super) fn from_opentelemetry(
    settings: &mut Settings,
    given: &Given,
    variable: impl Fn(&str) -> Option<String>,
) -> anyhow::Result<()> {
    for (name, setting) in OPENTELEMETRY {
        let setting = table::named(setting).expect("a test holds it");
        let is_given = given.origin(setting).is_some();
        if let Some(text) = variable(name).filter(|text| !text.is_empty() && !is_given) {
            setting.set(settings, &[text]).map_err(|error| anyhow!("{name}: {error}"))?;
        }
    }
    Ok(())
}

/// The lines of the log, on standard error. Where nobody reads that any more, the host runs on without: to say so there would end its thread.
pub(super) fn lines<S: Subscriber + for<'s> LookupSpan<'s>>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync> {
    match format {
        LogFormat::Text => fmt::layer().with_writer(stderr).with_ansi(has_colours(&stderr())).log_internal_errors(false).boxed(),
        // The fields of a line stand beside its message, where collectors look for them.
        LogFormat::Json => fmt::layer().with_writer(stderr).json().flatten_event(true).log_internal_errors(false).boxed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opentelemetrys_variables_stand_for_what_is_not_given() {
        let default = Settings::default().config.trace.service_name;
        let mut given = Given::default();
        given.flag(table::named("trace_service_name").expect("a setting"), vec![default.to_string()]).expect("good");
        let mut settings = given.settle().expect("good");
        let variables = |name: &str| match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://collector:4318".to_owned()),
            "OTEL_SERVICE_NAME" => Some("theirs".to_owned()),
            "OTEL_TRACES_SAMPLER" => Some(String::new()),
            _ => None,
        };
        from_opentelemetry(&mut settings, &given, variables).expect("good");
        let trace = settings.config.trace;
        assert_eq!(
            (trace.endpoint.as_deref(), &*trace.service_name),
            (Some("http://collector:4318"), &*default),
            "said, if as it is anyway"
        );
    }

    #[test]
    fn what_is_wrong_is_told_with_its_variable() {
        for (_, setting) in OPENTELEMETRY {
            assert!(table::named(setting).is_some(), "{setting}");
        }
        let wrong = |name: &str| (name == "OTEL_TRACES_SAMPLER").then(|| "always".to_owned());
        let told = from_opentelemetry(&mut Settings::default(), &Given::default(), wrong).expect_err("no sampler").to_string();
        assert!(told.contains("OTEL_TRACES_SAMPLER") && told.contains("always_on"), "{told}");
    }
}
