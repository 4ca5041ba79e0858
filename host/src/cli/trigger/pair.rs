//! `--make-key`: a pair of keys for a source whose provider signs with a private key. The public half goes into the hub file of a host that is
//! tried, the private one signs.

use anyhow::Context;
use clap::ValueEnum;
use serde_json::json;

use crate::verify;

/// What a pair is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Algorithm {
    /// Discord, and Standard Webhooks v1a.
    Ed25519,
    /// SendGrid.
    EcdsaP256,
}

/// Makes a pair and prints it.
pub(super) fn tell(algorithm: Algorithm, as_json: bool) -> anyhow::Result<()> {
    let made = verify::make_pair(match algorithm {
        Algorithm::Ed25519 => verify::Algorithm::Ed25519,
        Algorithm::EcdsaP256 => verify::Algorithm::EcdsaP256,
    });
    let verify::Pair { public, private } = made.context("no key could be made")?;
    if as_json {
        outln!("{}", serde_json::to_string_pretty(&json!({ "public_key": public, "private_key": private.expose() }))?);
    } else {
        outln!("public_key = \"{public}\"\n\n{}", private.expose());
    }
    Ok(())
}
