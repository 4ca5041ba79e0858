//! What can be done to a document: each takes apart no more than it must.

use super::path::{Child, Step, descend};
use super::{Node, Path, Place};
use crate::{Error, Result};
use std::borrow::Cow;

/// As deep as the SDK reads; what is nested deeper is rejected, for following `**` there would exhaust the stack.
const DEPTH_MAX: usize = 127;

impl<'j> Node<'j> {
    /// Copies of what a path leads to, in order.
    ///
    /// ```
    /// # use sluicebox_sdk::{json::Node, prelude::*};
    /// let mut order = Node::read(br#"{"items": [{"sku": "a"}, {"sku": "b"}]}"#)?;
    /// let skus: Vec<String> = order.find(&"items[*].sku".parse()?)?.iter().map(Node::to_text).collect();
    /// assert_eq!(skus, ["\"a\"", "\"b\""]);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Rejects with `invalid-json` what is nested more than 127 deep.
    pub fn find(&mut self, path: &Path) -> Result<Vec<Node<'j>>> {
        let mut found = Vec::new();
        self.retain(&[path.steps()], 0, &mut |node, ends| {
            if ends {
                found.push(node.clone());
            }
            true
        })?;
        Ok(found)
    }

    /// Removes what the paths lead to, and says how many values that were.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn remove(&mut self, paths: &[Path]) -> Result<usize> {
        let mut removed = 0;
        self.retain(&steps(paths), 0, &mut |_, ends| {
            removed += usize::from(ends);
            !ends
        })?;
        Ok(removed)
    }

    /// Removes what a place has and gives it; of members of the same name the first.
    ///
    /// ```
    /// # use sluicebox_sdk::{json::Node, prelude::*};
    /// let mut order = Node::read(br#"{"customer": {"email": "ada@example.com"}}"#)?;
    /// let email = order.take(&"customer.email".parse()?)?.expect("an email");
    /// order.put(&"email".parse()?, email)?;
    /// assert_eq!(order.to_text(), r#"{"customer":{},"email":"ada@example.com"}"#);
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn take(&mut self, place: &Place) -> Result<Option<Node<'j>>> {
        let mut taken = None;
        self.retain(&[place.path().steps()], 0, &mut |node, ends| {
            if ends && taken.is_none() {
                taken = Some(node.clone());
            }
            !ends
        })?;
        Ok(taken)
    }

    /// Visits the children on the paths, those within first; `keep` says of each whether it stays.
    fn retain(&mut self, paths: &[&[Step]], depth: usize, keep: &mut dyn FnMut(&Node<'j>, bool) -> bool) -> Result<()> {
        let mut visit = |node: &mut Node<'j>, child: Child<'_>| -> Result<bool> {
            let (ends, below) = descend(paths, child);
            if !ends && !below.is_empty() {
                node.retain(&below, deeper(depth)?, keep)?;
            }
            Ok(keep(node, ends))
        };
        self.open();
        match self {
            Node::Text(_) => {}
            Node::Object(members) => retain(members, |_, (name, value)| visit(value, Child::Member(name)))?,
            Node::Array(items) => retain(items, |index, item| visit(item, Child::Item(index)))?,
        }
        Ok(())
    }

    /// Removes all that no path leads to and that holds nothing of it, and counts what went.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn keep_only(&mut self, paths: &[Path], removed: &mut usize) -> Result<()> {
        self.keep_below(&steps(paths), 0, removed).map(drop)
    }

    fn keep_below(&mut self, paths: &[&[Step]], depth: usize, removed: &mut usize) -> Result<bool> {
        let mut stays = |node: &mut Node<'j>, child: Child<'_>| -> Result<bool> {
            let (ends, below) = descend(paths, child);
            let stays = ends || (!below.is_empty() && node.keep_below(&below, deeper(depth)?, removed)?);
            *removed += usize::from(!stays);
            Ok(stays)
        };
        self.open();
        match self {
            Node::Text(_) => Ok(false),
            Node::Object(members) => {
                retain(members, |_, (name, value)| stays(value, Child::Member(name)))?;
                Ok(!members.is_empty())
            }
            Node::Array(items) => {
                retain(items, |index, item| stays(item, Child::Item(index)))?;
                Ok(!items.is_empty())
            }
        }
    }

    /// Gives the members that a path leads to another name, in their place, and says how many. A member that had the name already
    /// gives way. Items of an array have no name and stay as they are.
    ///
    /// # Errors
    /// As [`find`](Self::find).
    pub fn rename(&mut self, path: &Path, to: &str) -> Result<usize> {
        self.rename_below(&[path.steps()], to, 0)
    }

    fn rename_below(&mut self, paths: &[&[Step]], to: &str, depth: usize) -> Result<usize> {
        let mut renamed = 0;
        self.open();
        match self {
            Node::Text(_) => {}
            Node::Array(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    let (_, below) = descend(paths, Child::Item(index));
                    if !below.is_empty() {
                        renamed += item.rename_below(&below, to, deeper(depth)?)?;
                    }
                }
            }
            Node::Object(members) => {
                let mut ending = Vec::with_capacity(members.len());
                for (name, value) in members.iter_mut() {
                    let (ends, below) = descend(paths, Child::Member(name));
                    if !below.is_empty() {
                        renamed += value.rename_below(&below, to, deeper(depth)?)?;
                    }
                    ending.push(ends && name.as_str() != to);
                }
                renamed += rename_members(members, &ending, to);
            }
        }
        Ok(renamed)
    }

    /// Puts a value at a place, and objects on the way to it where there is nothing or null.
    ///
    /// ```
    /// # use sluicebox_sdk::{json::Node, prelude::*};
    /// let mut order = Node::read(br#"{"total": "12"}"#)?;
    /// let error = order.put(&"total.cents".parse()?, Node::new(&json!(1200))).unwrap_err();
    /// assert_eq!(error.to_string(), "in-the-way: total.cents: a text cannot have a member \"cents\"");
    /// # Ok::<(), Error>(())
    /// ```
    ///
    /// # Errors
    /// Rejects with `in-the-way` where the way leads through another kind of value, or to an item that is not there.
    pub fn put(&mut self, place: &Place, value: Node<'j>) -> Result<()> {
        let path = place.path();
        let mut node = self;
        for step in path.steps() {
            node = match step {
                Step::Name(name) => node.member(name, path)?,
                Step::Index(index) => node.item(*index, path)?,
                // A place has neither.
                Step::Any | Step::Deep => return Ok(()),
            };
        }
        *node = value;
        Ok(())
    }

    fn member(&mut self, name: &str, path: &Path) -> Result<&mut Node<'j>> {
        self.open();
        if self.kind() == "null" {
            *self = Node::Object(Vec::new());
        }
        let kind = self.kind();
        let Node::Object(members) = self else {
            return Err(Error::reject("in-the-way", format_args!("{path}: {kind} cannot have a member {name:?}")));
        };
        let at = members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            members.push((name.to_owned(), Node::Text(Cow::Borrowed("null"))));
            members.len() - 1
        });
        Ok(&mut members[at].1)
    }

    fn item(&mut self, index: usize, path: &Path) -> Result<&mut Node<'j>> {
        self.open();
        let kind = self.kind();
        let missing = || Error::reject("in-the-way", format_args!("{path}: {kind} has no item {index}"));
        let Node::Array(items) = self else { return Err(missing()) };
        items.get_mut(index).ok_or_else(missing)
    }
}

fn steps(paths: &[Path]) -> Vec<&[Step]> {
    paths.iter().map(Path::steps).collect()
}

fn deeper(depth: usize) -> Result<usize> {
    if depth < DEPTH_MAX { Ok(depth + 1) } else { Err(Error::reject("invalid-json", "it is nested more than 127 deep")) }
}

/// As `Vec::retain_mut`, with the place before anything was removed, and an end at the first error.
fn retain<T>(list: &mut Vec<T>, mut stays: impl FnMut(usize, &mut T) -> Result<bool>) -> Result<()> {
    let (mut index, mut failed) = (0, None);
    list.retain_mut(|one| {
        let at = index;
        index += 1;
        failed.is_some() || stays(at, one).unwrap_or_else(|error| failed.replace(error).is_none())
    });
    failed.map_or(Ok(()), Err)
}

/// Renames the members marked, and removes those that had the name.
fn rename_members(members: &mut Vec<(String, Node<'_>)>, marked: &[bool], to: &str) -> usize {
    if !marked.contains(&true) {
        return 0;
    }
    let mut marks = marked.iter();
    members.retain_mut(|(name, _)| {
        let marked = marks.next().is_some_and(|mark| *mark);
        let stays = marked || name.as_str() != to;
        if marked {
            to.clone_into(name);
        }
        stays
    });
    marked.iter().filter(|mark| **mark).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(json: &str, edit: impl FnOnce(&mut Node<'_>), expected: &str) {
        let mut node = Node::read(json.as_bytes()).expect("JSON");
        edit(&mut node);
        assert_eq!(node.to_text(), expected);
    }

    fn path(text: &str) -> Path {
        Path::try_from(text.to_owned()).expect("a path")
    }

    fn place(text: &str) -> Place {
        Place::try_from(text.to_owned()).expect("a place")
    }

    #[test]
    fn values_are_removed_wherever_they_are() {
        let remove = |paths: &[&str], count: usize| {
            let paths: Vec<_> = paths.iter().map(|text| path(text)).collect();
            move |node: &mut Node<'_>| assert_eq!(node.remove(&paths).expect("JSON"), count)
        };
        check(r#"{"a":{"b":1,"c":2},"d":3}"#, remove(&["a.b", "d"], 2), r#"{"a":{"c":2}}"#);
        check(r#"{"i":[{"x":1},{"x":2,"y":3}]}"#, remove(&["i[*].x"], 2), r#"{"i":[{},{"y":3}]}"#);
        check(r#"[0,1,2,3]"#, remove(&["[1]", "[2]"], 2), "[0,3]");
        check(r#"{"x":1,"a":[{"x":{"x":1}}]}"#, remove(&["**.x"], 2), r#"{"a":[{}]}"#);
        check(r#"{"a":1,"a":2}"#, remove(&["a"], 2), "{}");
    }

    #[test]
    fn only_what_is_kept_and_what_holds_it_stays() {
        let keep = |paths: &[&str]| {
            let paths: Vec<_> = paths.iter().map(|text| path(text)).collect();
            move |node: &mut Node<'_>| node.keep_only(&paths, &mut 0).expect("JSON")
        };
        check(r#"{"a":{"b": 1.0 ,"c":2},"d":3,"e":[]}"#, keep(&["a.b", "e"]), r#"{"a":{"b":1.0},"e":[]}"#);
        check(r#"{"i":[{"x":1,"y":2},{"y":3}],"z":1}"#, keep(&["i[*].x", "z.deeper"]), r#"{"i":[{"x":1}]}"#);
        check(r#"{"a":[{"id":1}],"b":{"c":{}},"id":2}"#, keep(&["**.id"]), r#"{"a":[{"id":1}],"id":2}"#);
    }

    #[test]
    fn members_are_renamed_in_their_place() {
        let rename =
            |from: &str, to: &'static str| (path(from), move |node: &mut Node<'_>, path: &Path| node.rename(path, to).map(drop));
        for (json, (path, edit), expected) in [
            (r#"{"a":1,"b":2}"#, rename("a", "c"), r#"{"c":1,"b":2}"#),
            (r#"{"a":1,"b":2}"#, rename("a", "b"), r#"{"b":1}"#),
            (r#"{"i":[{"q":1},{"q":2}]}"#, rename("i[*].q", "n"), r#"{"i":[{"n":1},{"n":2}]}"#),
            (r#"{"i":[1]}"#, rename("i[0]", "n"), r#"{"i":[1]}"#),
        ] {
            check(json, |node| edit(node, &path).expect("JSON"), expected);
        }
    }

    #[test]
    fn values_are_put_where_nothing_or_null_is_on_the_way() {
        let put = |at: &str| {
            let at = place(at);
            move |node: &mut Node<'_>| node.put(&at, Node::new(&true.into())).expect("a place")
        };
        check("{}", put("a.b.c"), r#"{"a":{"b":{"c":true}}}"#);
        check(r#"{"a":null,"d":1}"#, put("a.b"), r#"{"a":{"b":true},"d":1}"#);
        check(r#"{"a":[1,2]}"#, put("a[1]"), r#"{"a":[1,true]}"#);
        let mut node = Node::read(br#"{"a":"text"}"#).expect("JSON");
        let error = node.put(&place("a.b"), Node::new(&true.into())).expect_err("in the way");
        assert_eq!(error, Error::reject("in-the-way", "a.b: a text cannot have a member \"b\""));
        assert_eq!(node.put(&place("a[0]"), Node::new(&true.into())).expect_err("in the way").code(), "in-the-way");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = "[".repeat(200) + &"]".repeat(200);
        let mut node = Node::read(deep.as_bytes()).expect("JSON");
        assert_eq!(node.remove(&[path("**.a")]).expect_err("too deep").code(), "invalid-json");
    }
}
