//! What plugins do, as `plugin new` begins them: each kind has fixtures and words of its own, which all languages share.

/// What a plugin does with events.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub(super) enum Kind {
    /// Says whether an event goes on.
    Filter,
    /// Changes an event, drops it, or makes several of it.
    Transform,
    /// Folds many events into one message.
    Batch,
    /// Says whether a request is from its source.
    Verify,
}

/// What a plugin of a kind begins as, whatever it is written in.
pub(super) struct Template {
    /// Name and text.
    pub(super) fixtures: &'static [(&'static str, &'static str)],
    /// What it does, behind a colon.
    pub(super) what: &'static str,
    /// Its settings in a hub file.
    pub(super) config: &'static str,
    /// What they are.
    pub(super) settings: &'static str,
}

const FILTER: Template = Template {
    fixtures: &[
        ("passes", include_str!("template/fixtures/filter/passes.toml")),
        ("dropped", include_str!("template/fixtures/filter/dropped.toml")),
    ],
    what: "lets events of some types pass, and drops all others.",
    config: "{ types = [\"order.paid\"] }",
    settings: "`types` are the types that pass.",
};

const TRANSFORM: Template = Template {
    fixtures: &[
        ("big-order", include_str!("template/fixtures/transform/big-order.toml")),
        ("small-order", include_str!("template/fixtures/transform/small-order.toml")),
        ("no-order", include_str!("template/fixtures/transform/no-order.toml")),
    ],
    what: "tells of big orders, and drops small ones.",
    config: "{ min_cents = 10_000 }",
    settings: "`min_cents` is the least total of an order that is told of.",
};

const BATCH: Template = Template {
    fixtures: &[("two-orders", include_str!("template/fixtures/batch/two-orders.toml"))],
    what: "folds the orders of a customer into one message.",
    config: "{ currency = \"EUR\" }",
    settings: "`currency` is what the sum is told in.",
};

const VERIFY: Template = Template {
    fixtures: &[
        ("signed", include_str!("template/fixtures/verify/signed.toml")),
        ("forged", include_str!("template/fixtures/verify/forged.toml")),
        ("challenge", include_str!("template/fixtures/verify/challenge.toml")),
    ],
    what: "verifies the requests of a shop by their signature.",
    config: "{ header = \"x-shop-signature\" }\ngrants.secrets = { shop = \"${SHOP_SECRET}\" }\n\n[sources.shop]\n\
        verify = { scheme = \"plugin\", plugin = \"{{name}}\" }",
    settings: "`header` is where the signature is; `shop` is the secret that it is made with.",
};

impl Kind {
    pub(super) fn template(self) -> &'static Template {
        match self {
            Self::Filter => &FILTER,
            Self::Transform => &TRANSFORM,
            Self::Batch => &BATCH,
            Self::Verify => &VERIFY,
        }
    }
}
