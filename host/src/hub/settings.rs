//! What a plugin holds of its settings, as it is told: a setting that it does not know comes with the nearest that it does, and is not missed as
//! well. All SDKs say both in the same words; what else a plugin says is told as it is.

use super::wording::{Misfit, nearest};
use crate::event::Invalid;

const UNKNOWN: &str = "unknown setting; there are ";
const MISSING: &str = "` is missing";

/// What to tell of what one plugin said.
pub(super) fn told(problems: Vec<Invalid>) -> Vec<Misfit> {
    let misfits: Vec<Misfit> = problems.into_iter().map(with_nearest).collect();
    let is_misspelt = |misfit: &Misfit| {
        let Some(missing) = misfit.message.strip_prefix('`').and_then(|rest| rest.strip_suffix(MISSING)) else { return false };
        let beside = |other: &Misfit| other.pointer.rsplit_once('/').is_some_and(|(around, _)| around == misfit.pointer);
        misfits.iter().any(|other| other.nearest.as_deref() == Some(missing) && beside(other))
    };
    misfits.iter().filter(|misfit| !is_misspelt(misfit)).cloned().collect()
}

fn with_nearest(problem: Invalid) -> Misfit {
    let names = problem.message.strip_prefix(UNKNOWN).unwrap_or_default();
    let key = problem.pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/").replace("~0", "~");
    let nearest = nearest(&key, names.split(", ").filter(|name| !name.is_empty()));
    Misfit { nearest, ..problem.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_setting_is_told_once_with_the_nearest() {
        let said = [
            ("/config", "`fields` is missing"),
            ("/config", "`mask` is missing"),
            ("/config/feilds", "unknown setting; there are fields, mask"),
            ("/config/deep/feilds", "unknown setting; there are a, b"),
            ("/config/deep", "must have at most 1"),
        ];
        let told = told(said.map(|(pointer, message)| Invalid::at(pointer, message)).into());
        let told: Vec<String> = told.into_iter().map(|misfit| Invalid::from(misfit).to_string()).collect();
        let expected = [
            "/config: `mask` is missing",
            "/config/feilds: unknown setting; there are fields, mask, did you mean `fields`?",
            "/config/deep/feilds: unknown setting; there are a, b",
            "/config/deep: must have at most 1",
        ];
        assert_eq!(told, expected);
    }
}
