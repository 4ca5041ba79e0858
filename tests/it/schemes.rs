//! Every scheme accepts what its provider signs and nothing that was forged or changed.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use sluicebox::verify::{Preset, presets};
use sluicebox_tests::{
    signed::{Fixture, NOW, fixtures, forgeries, scheme, verdict},
    soak::verify,
};

/// The fewest kinds of forgery that a scheme has to refuse.
const FORGERIES_MIN: usize = 10;

/// Changes at random for each fixture.
const MUTATIONS: u64 = 20_000;

fn scheme_of(fixture: &Fixture) -> &str {
    fixture.label.split(' ').next().expect("a name")
}

#[test]
fn every_scheme_accepts_what_is_signed_for_it() {
    let fixtures = fixtures();
    // Tokens are made by an issuer, and have tests of their own.
    let tried: BTreeSet<_> = fixtures.iter().map(scheme_of).collect();
    let all: BTreeSet<_> =
        presets().iter().map(|preset: &Preset| preset.name).filter(|name| !["none", "plugin", "jwt"].contains(name)).collect();
    assert_eq!(tried, all, "a fixture for each scheme");
    for fixture in &fixtures {
        verdict(&fixture.scheme(), &fixture.signed(), NOW).unwrap_or_else(|refusal| panic!("{}: {refusal}", fixture.label));
    }
}

#[test]
fn every_scheme_refuses_ten_kinds_of_forgery_and_more() {
    for fixture in fixtures() {
        let (scheme, forgeries) = (fixture.scheme(), forgeries(&fixture));
        let kinds: BTreeSet<_> = forgeries.iter().map(|forgery| forgery.kind).collect();
        assert!(kinds.len() >= FORGERIES_MIN, "{}: only {kinds:?}", fixture.label);
        for forgery in &forgeries {
            let refused = verdict(&scheme, &forgery.sample, forgery.now);
            assert!(refused.is_err(), "{} accepts {}: {:?}", fixture.label, forgery.kind, forgery.sample);
        }
    }
}

/// A provider is ten lines in the hub file: whatever a preset says, a source can say too, and it decides alike.
#[test]
fn every_preset_that_signs_can_be_declared_by_hand() {
    let mut declared = BTreeSet::new();
    for fixture in fixtures() {
        let Some(own) = &fixture.own else { continue };
        declared.insert(scheme_of(&fixture).to_owned());
        let (preset, own) = (fixture.scheme(), scheme(own));
        assert_eq!(verdict(&own, &fixture.signed(), NOW), Ok(()), "{}", fixture.label);
        for forgery in forgeries(&fixture) {
            let (expected, told) = (verdict(&preset, &forgery.sample, forgery.now), verdict(&own, &forgery.sample, forgery.now));
            assert_eq!(told, expected, "{}: {}", fixture.label, forgery.kind);
        }
    }
    let signing: BTreeSet<_> =
        presets().into_iter().filter(|preset| preset.proof.contains(" of `")).map(|preset| preset.name.to_owned()).collect();
    assert!(signing.is_subset(&declared), "not declared: {:?}", signing.difference(&declared));
}

#[test]
fn no_scheme_accepts_what_was_changed_at_random() {
    let tally = verify::run(verify::Plan { count: MUTATIONS, seed: sluicebox_tests::soak::SEED }).expect("no finding");
    assert_eq!((tally.fixtures, tally.refused), (fixtures().len(), MUTATIONS * fixtures().len() as u64));
}

/// During rotation each key is good, wherever it stands in the list, and one that was taken off is not.
#[test]
fn every_scheme_takes_several_keys() {
    let keys = |spec: &Value| ["secret", "public_key"].into_iter().find_map(|field| Some((field, spec.get(field)?.clone())));
    for fixture in fixtures() {
        let ((field, own), (_, other)) = (keys(&fixture.spec).expect("a key"), keys(&fixture.other.0).expect("a key"));
        let with = |keys: &[&Value]| {
            let mut spec = fixture.spec.as_object().expect("an object").clone();
            spec.remove(field);
            spec.insert(format!("{field}s"), json!(keys));
            verdict(&scheme(&spec.into()), &fixture.signed(), NOW)
        };
        assert_eq!(with(&[&other, &own]), Ok(()), "{}", fixture.label);
        assert_eq!(with(&[&own, &other]), Ok(()), "{}", fixture.label);
        assert!(with(&[&other]).is_err(), "{}", fixture.label);
    }
}

/// A line of the page's table for each scheme; what it says is what the engine does.
#[test]
fn the_page_on_sources_lists_every_scheme() {
    let page = include_str!("../../docs/sources.md");
    let none = |text: &str| if text.is_empty() { "-".to_owned() } else { text.to_owned() };
    let listed = |names: &[&str]| none(&names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
    let mut missing = Vec::new();
    for preset in presets() {
        // What `signature` takes has a table of its own.
        let settings = if preset.settings.len() > 5 { "below".to_owned() } else { listed(preset.settings) };
        let handshake = preset.handshake.map_or("-".to_owned(), |name| format!("`{name}`"));
        let line = format!(
            "| `{}` | {} | {} | {} | {handshake} | {} |",
            preset.name,
            preset.proof,
            settings,
            preset.replay,
            preset.evidence.label()
        );
        if !page.contains(&line) {
            missing.push(line);
        }
    }
    assert!(missing.is_empty(), "not in docs/sources.md:\n{}", missing.join("\n"));
    for name in presets().iter().flat_map(|preset| preset.settings) {
        assert!(page.contains(&format!("`{name}`")), "the page does not tell of `{name}`");
    }
}
