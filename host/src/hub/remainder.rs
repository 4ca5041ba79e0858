//! All that is wrong with one document, at once. Specs tell the first thing that is wrong; so that is taken out of a copy of the document and what
//! remains is judged again, until nothing is wrong or nothing can be taken out. What is wrong only because something was taken out, or because a
//! key is misspelt, is not told.

use serde_json::Value;

use super::{
    entry::Kind,
    spec::stand_in,
    wording::{Misfit, token},
};

/// So much is told of one document; who wrote that many mistakes begins with these.
const MISFITS_MAX: usize = 50;

/// A document, without what was found to be wrong with it.
#[derive(Clone, Debug)]
pub(super) struct Remainder {
    kind: Kind,
    whole: Value,
    left: Value,
    gone: Vec<Gone>,
    /// What stands in for required values, by pointer.
    stand_ins: Vec<String>,
}

/// What was taken out.
#[derive(Clone, Debug)]
struct Gone {
    /// Within the whole document.
    pointer: String,
    /// It is a key that nobody knows, perhaps meant to be this one; `None`: what was wrong is its value.
    meant: Option<Option<String>>,
}

impl Remainder {
    pub(super) fn of(kind: Kind, document: &Value) -> Self {
        Self { kind, whole: document.clone(), left: document.clone(), gone: Vec::new(), stand_ins: Vec::new() }
    }

    /// Judges what is left, again and again. Gives what it came to in the end, if to anything, and all that is wrong.
    pub(super) fn judge<T>(&mut self, judge: impl Fn(&Value) -> Result<T, Misfit>) -> (Option<T>, Vec<Misfit>) {
        let mut misfits = Vec::new();
        while misfits.len() < MISFITS_MAX {
            let misfit = match judge(&self.left) {
                Ok(good) => return (Some(good), misfits),
                Err(misfit) => misfit,
            };
            let (told, goes_on) = self.without_misfit(&misfit);
            misfits.extend(told);
            if !goes_on {
                break;
            }
        }
        (None, misfits)
    }

    /// Takes out what is wrong. Gives it as it is to be told, unless it is not, and whether anything is left to judge.
    pub(super) fn without_misfit(&mut self, misfit: &Misfit) -> (Option<Misfit>, bool) {
        let told = Misfit { pointer: self.in_whole(&misfit.pointer), ..misfit.clone() };
        let is_told = !self.explains(&told);
        let goes_on = self.take_out(misfit, &told);
        (is_told.then_some(told), goes_on)
    }

    /// What is left.
    pub(super) fn left(&self) -> &Value {
        &self.left
    }

    /// Takes out what was found, and told, by others; pointers into what is left, in order.
    pub(super) fn without(mut self, pointers: &[String]) -> Self {
        // From the end, so that what is still to go from a list has its number.
        for pointer in pointers.iter().rev() {
            let whole = self.in_whole(pointer);
            self.remove(pointer, &whole, None);
        }
        self
    }

    /// Whether this is wrong only because something was taken out. Its pointer is into the whole document.
    pub(super) fn explains(&self, misfit: &Misfit) -> bool {
        let at = place(misfit);
        let around =
            |outer: &str, inner: &str| inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
        let is_of = |gone: &Gone| around(&at, &gone.pointer) || around(&gone.pointer, &at);
        self.gone.iter().any(is_of) || (self.whole.pointer(&at).is_none() && self.is_misspelt(&at))
    }

    /// Whether what is missing here stands beside it, under a key that nobody knows.
    fn is_misspelt(&self, at: &str) -> bool {
        let Some((around, key)) = at.rsplit_once('/') else { return false };
        self.gone.iter().any(|gone| match &gone.meant {
            Some(meant) if gone.pointer.rsplit_once('/').is_some_and(|(other, _)| other == around) => {
                meant.as_deref().is_none_or(|meant| meant == key)
            }
            _ => false,
        })
    }

    /// Takes out what is wrong, or what is around it where it is nothing that could be taken. False: the judge would tell the same again.
    fn take_out(&mut self, misfit: &Misfit, told: &Misfit) -> bool {
        // Without its kind a destination would be judged as one of another kind.
        if self.kind == Kind::Destination && told.pointer == "/kind" {
            return false;
        }
        if misfit.missing.is_some() && self.stand_in(&place(misfit)) {
            return true;
        }
        let (mut left, mut whole) = (misfit.pointer.as_str(), told.pointer.as_str());
        let meant = misfit.unknown_key.as_ref().map(|_| misfit.nearest.clone());
        loop {
            if left.is_empty() {
                return false;
            }
            if (meant.is_none() && self.stand_in(left)) || self.remove(left, whole, meant.clone()) {
                return true;
            }
            left = left.rsplit_once('/').map_or("", |(around, _)| around);
            whole = whole.rsplit_once('/').map_or("", |(around, _)| around);
        }
    }

    /// Puts a good value into the place of a required one, once.
    fn stand_in(&mut self, pointer: &str) -> bool {
        let Some(good) = stand_in(self.kind, pointer).filter(|_| !self.stand_ins.iter().any(|other| other == pointer)) else {
            return false;
        };
        let Some(fields) = self.left.as_object_mut() else { return false };
        fields.insert(pointer.trim_start_matches('/').to_owned(), good);
        self.stand_ins.push(pointer.to_owned());
        self.gone.push(Gone { pointer: pointer.to_owned(), meant: None });
        true
    }

    fn remove(&mut self, left: &str, whole: &str, meant: Option<Option<String>>) -> bool {
        let Some((around, last)) = left.rsplit_once('/') else { return false };
        let removed = match self.left.pointer_mut(around) {
            Some(Value::Object(members)) => members.remove(&last.replace("~1", "/").replace("~0", "~")).is_some(),
            Some(Value::Array(items)) => {
                let at = last.parse().ok().filter(|at| *at < items.len());
                at.map(|at: usize| items.remove(at)).is_some()
            }
            _ => false,
        };
        if removed {
            self.gone.push(Gone { pointer: whole.to_owned(), meant });
        }
        removed
    }

    /// A pointer into what is left, as one into the whole document: items of lists have moved up.
    pub(super) fn in_whole(&self, left: &str) -> String {
        let mut whole = String::new();
        for part in left.split('/').skip(1) {
            let index = part.parse::<usize>().ok().filter(|_| self.whole.pointer(&whole).is_some_and(Value::is_array));
            match index {
                Some(index) => whole = format!("{whole}/{}", self.index_in_whole(&whole, index)),
                None => whole = format!("{whole}/{part}"),
            }
        }
        whole
    }

    fn index_in_whole(&self, list: &str, index: usize) -> usize {
        let number = |gone: &Gone| gone.pointer.strip_prefix(list)?.strip_prefix('/')?.parse::<usize>().ok();
        let mut gone: Vec<usize> = self.gone.iter().filter_map(number).collect();
        gone.sort_unstable();
        gone.into_iter().fold(index, |index, gone| if gone <= index { index + 1 } else { index })
    }
}

/// Where the misfit is; of what is missing, where it should be.
fn place(misfit: &Misfit) -> String {
    misfit.missing.as_deref().map_or_else(|| misfit.pointer.clone(), |key| format!("{}{}", misfit.pointer, token(key)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::{deliver, hub::spec::typed};

    fn all(kind: Kind, document: &Value, judge: impl Fn(&Value) -> Result<(), Misfit>) -> Vec<String> {
        let (_, misfits) = Remainder::of(kind, document).judge(judge);
        misfits.into_iter().map(|misfit| crate::event::Invalid::from(misfit).to_string()).collect()
    }

    fn destination(document: &Value) -> Vec<String> {
        all(Kind::Destination, document, |document| {
            let spec: deliver::Spec = typed(document)?;
            spec.refine().map(drop).map_err(Misfit::from)
        })
    }

    #[test]
    fn what_is_read_and_what_is_refined_is_told_together() {
        let told = destination(&json!({
            "url": "ftp://x", "secret": "no secret", "timeout": "1ms", "retries": 3, "method": "FETCH", "concurrency": "many",
        }));
        let places: Vec<&str> = told.iter().filter_map(|told| told.split(':').next()).collect();
        assert_eq!(places.len(), 6, "{told:?}");
        for place in ["/url", "/secret", "/timeout", "/retries", "/method", "/concurrency"] {
            assert!(places.contains(&place), "{place} is not told: {told:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_not_missed_as_well() {
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        assert_eq!(
            destination(&json!({ "urll": "https://x", "secret": secret })),
            ["/urll: unknown key `urll`, did you mean `url`?"]
        );
        assert_eq!(destination(&json!({ "secret": secret })), [": `url` is missing"]);
        let told = destination(&json!({ "urll": "https://x", "secret": secret, "method": "FETCH" }));
        assert_eq!(told.len(), 2, "{told:?}");
    }

    #[test]
    fn items_of_lists_keep_their_numbers() {
        let judge = |document: &Value| {
            let items = document["list"].as_array().expect("a list");
            let odd = items.iter().position(|item| item.as_u64().is_some_and(|item| item % 2 == 1));
            odd.map_or(Ok(()), |at| Err(Misfit::at(format!("/list/{at}"), "odd")))
        };
        assert_eq!(
            all(Kind::Rule, &json!({ "list": [1, 2, 3, 3, 4, 5] }), judge),
            ["/list/0: odd", "/list/2: odd", "/list/3: odd", "/list/5: odd"]
        );
    }

    #[test]
    fn it_ends_where_nothing_can_be_taken_out() {
        let never = |_: &Value| Err(Misfit::at("/a/b", "no"));
        assert_eq!(all(Kind::Rule, &json!({ "a": { "c": 1 } }), never), ["/a/b: no"]);
        let always_another = |document: &Value| {
            Err(Misfit::at(format!("/{}", document.as_object().expect("fields").keys().next().expect("one")), "no"))
        };
        let many: serde_json::Map<String, Value> = (0..200).map(|key| (key.to_string(), json!(1))).collect();
        assert_eq!(all(Kind::Rule, &many.into(), always_another).len(), MISFITS_MAX);
    }
}
