//! What one call of a plugin may use: the defaults, how far an operator may raise them, and what nobody may raise.
//!
//! A [`LimitsSpec`] is refined into [`Limits`] once, at `bind`; nothing behind that sees an absent or an excessive value.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::event::Invalid;

/// The largest component, in bytes, unless the server's options say otherwise.
pub(super) const COMPONENT_BYTES_MAX: usize = 32 * MIB;
/// What those options may raise it to.
pub(super) const COMPONENT_BYTES_CEILING: usize = 64 * MIB;
/// The most handles of resources that an instance may have at once; they take the host's memory, not the guest's.
pub(super) const HANDLES_MAX: usize = 256;
/// The stack of a call, in bytes.
pub(super) const WASM_STACK_BYTES: usize = 512 << 10;
/// The most series of all plugins together.
pub(super) const CUSTOM_SERIES_MAX: usize = 2_000;
/// The longest name of a metric, and key of its labels, in bytes.
pub(super) const METRIC_NAME_BYTES_MAX: usize = 63;
/// The most labels of a series.
pub(super) const METRIC_LABELS_MAX: usize = 4;
/// The longest value of one, in bytes.
pub(super) const METRIC_LABEL_VALUE_BYTES_MAX: usize = 64;
/// The most lines that one call may log; further ones are dropped.
pub(super) const LOG_LINES_MAX: usize = 100;
/// The most lines kept of all the calls of one chain together.
pub(super) const CHAIN_LOG_LINES_MAX: usize = 1_000;
/// The longest line of a log, message or reason, in bytes; the rest is cut off.
pub(super) const LINE_BYTES_MAX: usize = 1_024;
/// The most headers, and the most attributes, of one message.
pub(super) const FIELDS_MAX: usize = 100;
/// The longest type that a message may be given, in bytes.
pub(super) const EVENT_TYPE_BYTES_MAX: usize = 255;
/// The longest content type that a message may be given, in bytes.
pub(super) const CONTENT_TYPE_BYTES_MAX: usize = 1_024;
/// The headers that a message may be given, names and values together, in bytes.
pub(super) const HEADERS_BYTES_MAX: usize = 64 << 10;
/// The attributes that a message may be given, keys and values together, in bytes.
pub(super) const ATTRIBUTES_BYTES_MAX: usize = 64 << 10;
/// The longest key of a batch, in bytes.
pub(super) const KEY_BYTES_MAX: usize = 1_024;
/// The most messages that a chain may have at any time, whatever each of its plugins is allowed.
pub(super) const CHAIN_MESSAGES_MAX: usize = 1_000;
/// The most bytes that the messages of a chain may have together beside the event's body, what they inherit counted for each.
pub(super) const CHAIN_BYTES_MAX: usize = 64 * MIB;
/// How long a chain may go on starting calls: its pieces times its plugins are too many for the limit of each to be enough, and it has
/// its worker to itself all the while. Two calls that take all that the ceiling allows.
pub(super) const CHAIN_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);
/// The longest body of an answer to a handshake, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 16 << 10;
/// The most secrets that a plugin may be granted.
pub(super) const SECRETS_MAX: usize = 16;
/// The longest name of one, in bytes.
pub(super) const SECRET_NAME_BYTES_MAX: usize = 64;
/// The most problems of its settings that a plugin may tell of; further ones are dropped.
pub(super) const PROBLEMS_MAX: usize = 100;
/// The longest place of such a problem, in bytes; a longer one is that of all settings.
pub(super) const POINTER_BYTES_MAX: usize = 512;
/// The most random bytes that a guest may ask for at once: it takes a fraction of a millisecond, which no fuel pays for.
pub(super) const RANDOM_BYTES_MAX: u32 = 64 << 10;
/// The longest key under which a plugin stores state, in bytes.
pub(super) const STATE_KEY_BYTES_MAX: usize = 256;
/// The largest value of one.
pub(super) const STATE_VALUE_BYTES_MAX: usize = 64 << 10;
/// What a call may do with its plugin's state: get, put, delete and add together.
pub(super) const STATE_OPERATIONS_MAX: usize = 64;
/// Keys that all calls of a chain may touch together: each is compared when the chain's outcome is stored.
pub(super) const CHAIN_STATE_KEYS_MAX: usize = 1_000;
/// How long a chain may hold its worker by reading state; then the store is too slow, and the chain is run again.
pub(super) const STATE_WAIT_MAX: std::time::Duration = std::time::Duration::from_secs(5);
/// The most elements of all the tables of an instance together.
pub(super) const TABLE_ELEMENTS_MAX: usize = 100_000;

const MIB: usize = 1 << 20;

/// Limits as the hub file declares them; what is absent has its default.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Limits")]
pub struct LimitsSpec {
    /// All memories together. Default 64 MiB, at most 256 MiB.
    pub memory_bytes: Option<u64>,
    /// Fuel of a call, about one a WebAssembly instruction. Default 100 million, at most a billion.
    pub fuel: Option<u64>,
    /// Further fuel for each byte of input. Default 1,000, at most 10,000.
    pub fuel_per_byte: Option<u64>,
    /// Wall clock of a call. Default 250, at most 5,000.
    pub time_ms: Option<u64>,
    /// What a call may give back, and what it may hand to the host at once. Default 4 MiB, at most 16 MiB.
    pub output_bytes: Option<u64>,
    /// Messages that a call may leave. Default 100, at most 1,000.
    pub messages_max: Option<u64>,
    /// What the keys and values of its state may have together. Default 1 MiB, at most 16 MiB.
    pub state_bytes: Option<u64>,
    /// Series of its own metrics that the plugin may have. Default 20, at most 100.
    pub metric_series_max: Option<u64>,
}

/// The limits of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Limits {
    pub(super) memory_bytes: usize,
    pub(super) fuel: u64,
    pub(super) fuel_per_byte: u64,
    pub(super) time_ms: u64,
    pub(super) output_bytes: usize,
    pub(super) messages_max: usize,
    pub(super) state_bytes: u64,
    pub(super) metric_series_max: usize,
}

impl Limits {
    /// What a plugin has that asks for nothing else.
    pub(super) const DEFAULT: Self = Self {
        memory_bytes: 64 * MIB,
        fuel: 100_000_000,
        fuel_per_byte: 1_000,
        time_ms: 250,
        output_bytes: 4 * MIB,
        messages_max: 100,
        state_bytes: 1 << 20,
        metric_series_max: 20,
    };

    /// What no plugin may have more of.
    pub(super) const CEILING: Self = Self {
        memory_bytes: 256 * MIB,
        fuel: 1_000_000_000,
        fuel_per_byte: 10_000,
        time_ms: 5_000,
        output_bytes: 16 * MIB,
        messages_max: CHAIN_MESSAGES_MAX,
        state_bytes: 16 << 20,
        metric_series_max: 100,
    };

    /// Refines what the hub file declares.
    ///
    /// # Errors
    ///
    /// A value is over its ceiling, or is zero where nothing could run with that.
    pub(super) fn refine(spec: &LimitsSpec) -> Result<Self, Invalid> {
        let (default, ceiling) = (Self::DEFAULT, Self::CEILING);
        Ok(Self {
            memory_bytes: size("memory_bytes", spec.memory_bytes, default.memory_bytes, ceiling.memory_bytes)?,
            fuel: number("fuel", spec.fuel, 1, default.fuel, ceiling.fuel)?,
            fuel_per_byte: number("fuel_per_byte", spec.fuel_per_byte, 0, default.fuel_per_byte, ceiling.fuel_per_byte)?,
            time_ms: number("time_ms", spec.time_ms, 1, default.time_ms, ceiling.time_ms)?,
            output_bytes: size("output_bytes", spec.output_bytes, default.output_bytes, ceiling.output_bytes)?,
            messages_max: size("messages_max", spec.messages_max, default.messages_max, ceiling.messages_max)?,
            state_bytes: number("state_bytes", spec.state_bytes, 1, default.state_bytes, ceiling.state_bytes)?,
            metric_series_max: size(
                "metric_series_max",
                spec.metric_series_max,
                default.metric_series_max,
                ceiling.metric_series_max,
            )?,
        })
    }

    /// The fuel of a call with so many bytes of input.
    pub(super) fn fuel_for(&self, input_bytes: usize) -> u64 {
        self.fuel.saturating_add(self.fuel_per_byte.saturating_mul(input_bytes as u64))
    }
}

/// One declared value, or the default where there is none.
fn number(name: &str, declared: Option<u64>, least: u64, default: u64, ceiling: u64) -> Result<u64, Invalid> {
    match declared {
        None => Ok(default),
        Some(value) if (least..=ceiling).contains(&value) => Ok(value),
        Some(value) => Err(Invalid::at(
            format!("/limits/{name}"),
            format!("{value} is not within {least} and {ceiling} (default {default})"),
        )),
    }
}

/// The same for a value that counts what is in memory.
fn size(name: &str, declared: Option<u64>, default: usize, ceiling: usize) -> Result<usize, Invalid> {
    let value = number(name, declared, 1, default as u64, ceiling as u64)?;
    Ok(usize::try_from(value).unwrap_or(ceiling))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_limits_have_their_defaults() {
        assert_eq!(Limits::refine(&LimitsSpec::default()), Ok(Limits::DEFAULT));
        assert_eq!(Limits::DEFAULT.fuel_for(1_024), 101_024_000);
    }

    #[test]
    fn a_value_over_its_ceiling_is_refused_where_it_stands() {
        let over = LimitsSpec { fuel: Some(1_000_000_001), ..LimitsSpec::default() };
        let refused = Limits::refine(&over).expect_err("over the ceiling");
        assert_eq!(refused.pointer, "/limits/fuel");
        assert!(refused.message.contains("1000000000"), "{refused}");
        let none = LimitsSpec { memory_bytes: Some(0), ..LimitsSpec::default() };
        assert_eq!(Limits::refine(&none).expect_err("nothing runs in no memory").pointer, "/limits/memory_bytes");
    }
}
