//! Signing secrets of destinations: what receivers may be told of them, and how a new one takes an old one's place.

use serde_json::{Value, json};

use super::{
    Hub, HubError, StoreError,
    draft::{Applied, Draft, Generated, Note},
    entry::{Entry, Key, Kind, Problem},
    keys::random,
    seal::SealError,
    snapshot::Part,
};
use crate::{
    event::{Invalid, Name, Timestamp},
    sign,
};

pub use sign::Version as KeyVersion;

/// How a new secret takes the old one's place.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How long the old secret signs beside the new one.
    pub overlap_ms: u64,
    /// What the new one is for; `None`: the same as the old one.
    pub version: Option<KeyVersion>,
}

impl Hub {
    /// What receivers of a destination verify with, of the keys for which that is no secret: `whpk_...`.
    #[must_use]
    pub fn public_keys(&self, workspace: &Name, destination: &Name) -> Vec<String> {
        let state = self.inner.state.load();
        match state.item(workspace, &(Kind::Destination, destination.clone())).map(|item| &item.part) {
            Some(Part::Destination(destination)) => destination.public_keys((self.inner.clock)()),
            _ => Vec::new(),
        }
    }

    /// Makes a new signing secret for a destination, told this once. The old one becomes a further secret with an end; further secrets
    /// whose end is past go.
    ///
    /// # Errors
    /// [`HubError::NotFound`]; [`HubError::Invalid`] where the secret comes from the hub file by a reference, which the next apply would
    /// bring back, or there are too many further ones; else as of [`apply`](Self::apply).
    pub async fn rotate_secret(
        &self,
        workspace: &Name,
        destination: &Name,
        rotation: Rotation,
        note: Note,
    ) -> Result<Applied, HubError> {
        let turn = self.inner.turn.clone().lock_owned().await;
        let key = (Kind::Destination, destination.clone());
        let state = self.inner.state.load_full();
        let item = state.item(workspace, &key).ok_or(HubError::NotFound { kind: key.0, name: key.1.clone() })?;
        let clear = self.inner.seal.unseal(&Entry::new(workspace, &key), item.document.clone()).map_err(StoreError::Seal)?;
        let random = random().map_err(SealError::CannotSeal).map_err(StoreError::Seal)?;
        let (document, secret) = rotated(&key, clear, rotation, (self.inner.clock)(), &random)?;
        let draft = Draft { entries: [(key, Some(document))].into(), note, ..Draft::default() };
        let mut applied = self.apply_in_turn(turn, workspace, draft).await?;
        applied.generated.push(Generated { destination: destination.clone(), secret });
        Ok(applied)
    }
}

/// The document, its secrets in clear, with a new secret; and that secret.
fn rotated(
    key: &Key,
    mut document: Value,
    rotation: Rotation,
    now: Timestamp,
    random: &[u8; 32],
) -> Result<(Value, String), HubError> {
    let old = document["secret"].take();
    if let Some(reference) = old["ref"].as_str() {
        let message = format!("the secret is `{reference}` of the hub file: change it there, and put the old one into `secrets`");
        return Err(HubError::Invalid(vec![Problem::new(key, Invalid::at("/secret", message))]));
    }
    let is_private = old["value"].as_str().is_some_and(|text| text.starts_with("whsk_"));
    let version = rotation.version.unwrap_or(if is_private { KeyVersion::V1a } else { KeyVersion::V1 });
    let secret = sign::Key::text_of(version, random);
    document["secret"] = json!({ "value": secret, "own": true });
    // Nobody declares it there.
    let old = json!({ "value": old["value"], "own": true });
    let mut further = vec![json!({ "secret": old, "until": rfc3339(now.plus_ms(rotation.overlap_ms)) })];
    let standing = document["secrets"].take();
    further.extend(standing.as_array().into_iter().flatten().filter(|other| !is_past(other, now)).cloned());
    document["secrets"] = further.into();
    Ok((document, secret))
}

fn is_past(further: &Value, now: Timestamp) -> bool {
    let until = further["until"].as_str().and_then(|until| until.parse::<jiff::Timestamp>().ok());
    until.is_some_and(|until| until <= time(now))
}

fn rfc3339(at: Timestamp) -> String {
    time(at).to_string()
}

fn time(at: Timestamp) -> jiff::Timestamp {
    jiff::Timestamp::from_millisecond(i64::try_from(at.0).unwrap_or(i64::MAX)).unwrap_or(jiff::Timestamp::MAX)
}

/// The further secrets of a destination that a rotation left there: those with an end that nobody declares.
pub(super) fn left_by_rotation(before: &Value) -> Option<Value> {
    let is_left = |further: &&Value| further["secret"]["own"] == true && !further["until"].is_null();
    let left: Vec<Value> = before.get("secrets")?.as_array()?.iter().filter(is_left).cloned().collect();
    (!left.is_empty()).then(|| left.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);

    fn key() -> Key {
        (Kind::Destination, "crm".parse().expect("a name"))
    }

    #[test]
    fn the_old_secret_ends_and_what_has_ended_goes() {
        let document = json!({
            "url": "https://example.com/",
            "secret": { "value": "whsk_old" },
            "secrets": [
                { "secret": { "value": "a" }, "until": "2026-09-21T14:13:20Z" },
                { "secret": { "value": "b" }, "until": "2026-09-21T14:13:20.001Z" },
                { "value": "c" },
            ],
        });
        let rotation = Rotation { overlap_ms: 1_000, version: None };
        let (rotated, secret) = rotated(&key(), document, rotation, NOW, &[7; 32]).expect("rotated");
        assert!(secret.starts_with("whsk_"), "of the same version");
        assert_eq!(rotated["secret"], json!({ "value": secret, "own": true }));
        assert_eq!(
            rotated["secrets"],
            json!([
                { "secret": { "value": "whsk_old", "own": true }, "until": "2026-09-21T14:13:21Z" },
                { "secret": { "value": "b" }, "until": "2026-09-21T14:13:20.001Z" },
                { "value": "c" },
            ])
        );
    }

    #[test]
    fn a_secret_of_the_hub_file_is_rotated_there() {
        let document = json!({ "secret": { "value": "whsec_old", "ref": "${CRM}" } });
        let refused = rotated(&key(), document, Rotation { overlap_ms: 0, version: None }, NOW, &[7; 32]);
        assert!(matches!(refused, Err(HubError::Invalid(problems)) if problems[0].message.contains("${CRM}")));
    }
}
