//! What stands before every call and remembers something of those before it, in memory.

use prometheus_client::registry::Registry;

use super::{
    Options,
    allowance::Allowance,
    idempotency::{Bound, Bounds, Idempotency},
};

/// What is remembered of who called.
pub struct Guards {
    pub(super) allowance: Allowance,
    pub(super) idempotency: Idempotency,
}

impl Guards {
    /// Nobody has called yet.
    #[must_use]
    pub fn new(options: &Options, registry: &mut Registry) -> Self {
        let bounds = Bounds {
            of_workspace: Bound {
                answers_max: options.workspace_answers_kept_max,
                bytes_max: options.workspace_answers_kept_bytes_max,
            },
            of_host: Bound { answers_max: options.answers_kept_max, bytes_max: options.answers_kept_bytes_max },
        };
        Self { allowance: Allowance::new(options, registry), idempotency: Idempotency::new(bounds, registry) }
    }
}
