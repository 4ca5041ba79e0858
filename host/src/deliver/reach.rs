//! What destinations cannot reach as the network is set up, told before anything is sent.

use super::spec::url;
use crate::net;

/// The settings of the network, as far as a URL alone tells what they close.
#[derive(Clone)]
pub struct Reach(net::Client);

impl Reach {
    pub(super) fn new(client: net::Client) -> Self {
        Self(client)
    }

    /// Why nothing will be sent to a destination's URL; `None` where that hangs on what its name resolves to then, or where it is no good URL.
    #[must_use]
    pub fn closed(&self, url: &str) -> Option<String> {
        let target = url::refine(url).ok()?;
        self.0.closed(target.origin())
    }
}
