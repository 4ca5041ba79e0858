//! What the running host knows of what a document declares: shown with the document, and passed over where it comes back with it.

use super::{
    Parts, destinations,
    wire::{BesideDestination, BesidePlugin, Destinations, Documented, Nothing, PluginBreakerTold, Plugins, Rules, Sources},
};
use crate::event::Name;

/// Documents of which the running host may know more than they declare.
pub(super) trait Running: Documented {
    /// The members by which it is shown.
    const BESIDE: &'static [&'static str];

    /// What is known of the document of this name.
    fn beside(parts: &Parts, workspace: &Name, name: &Name) -> Self::Beside;
}

impl Running for Sources {
    const BESIDE: &'static [&'static str] = &[];

    fn beside(_: &Parts, _: &Name, _: &Name) -> Nothing {
        Nothing {}
    }
}

impl Running for Destinations {
    const BESIDE: &'static [&'static str] = &["public_keys", "runtime"];

    fn beside(parts: &Parts, workspace: &Name, name: &Name) -> BesideDestination {
        BesideDestination {
            public_keys: parts.hub.public_keys(workspace, name),
            runtime: destinations::runtime(&parts.paces, workspace, name),
        }
    }
}

impl Running for Plugins {
    const BESIDE: &'static [&'static str] = &["breaker"];

    fn beside(parts: &Parts, workspace: &Name, name: &Name) -> BesidePlugin {
        BesidePlugin { breaker: parts.hub.breaker(workspace, name).as_ref().map(PluginBreakerTold::of) }
    }
}

impl Running for Rules {
    const BESIDE: &'static [&'static str] = &[];

    fn beside(_: &Parts, _: &Name, _: &Name) -> Nothing {
        Nothing {}
    }
}
