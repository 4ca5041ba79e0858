//! What a signature has to be so that nobody can forge beside it: what is named is signed, and what is signed reads one way.

use super::{
    super::{
        Spec,
        place::PlaceAt,
        table::{Layout, TimeAt},
        template::{Slot, Template},
    },
    layout::pointer,
};
use crate::event::Invalid;

/// The furthest that a time of signing may be from now. So a time that had a digit more or less would be refused, and it is certain where one
/// begins and ends, whatever stands beside it.
const TOLERANCE_MS_MAX: u64 = 30 * 24 * 60 * 60 * 1000;

/// Checks a layout with its template.
pub(super) fn check(spec: &Spec, layout: Layout<'_>, signed: &Template) -> Result<(), Invalid> {
    if layout.tolerance_ms > TOLERANCE_MS_MAX {
        return Err(Invalid::at("/tolerance", "a time of signing has to be within 30 days from now; write less"));
    }
    covers_the_body(layout, signed)?;
    signs_what_it_names(spec, layout, signed)?;
    is_a_list_where_it_has_entries(layout)?;
    does_not_sign_itself(spec, layout, signed)?;
    if spec.signed.is_some() { reads_one_way(spec, signed) } else { Ok(()) }
}

fn covers_the_body(layout: Layout<'_>, signed: &Template) -> Result<(), Invalid> {
    match (signed.covers_body(), layout.unsigned_body) {
        (true, false) => Ok(()),
        (true, true) => Err(Invalid::at("/unsigned_body", "`signed` has the body; remove this")),
        (false, false) => Err(Invalid::at("/signed", "`{body}` is missing: anybody could change what is not signed")),
        (false, true) if signed.has(Slot::Id) && signed.has(Slot::Timestamp) => Ok(()),
        (false, true) => {
            let told =
                "without the body, `{id}` and `{timestamp}` have to be signed: by them a message that comes again is known";
            Err(Invalid::at("/signed", told))
        }
    }
}

/// What is named must be signed, or a forger could choose it; what is signed must be named, or nobody could check it.
fn signs_what_it_names(spec: &Spec, layout: Layout<'_>, signed: &Template) -> Result<(), Invalid> {
    // What stands within what is signed is signed with it.
    let within = |at: Option<PlaceAt<'_>>| match at {
        Some(PlaceAt::Json(_)) => signed.has(Slot::Body),
        Some(PlaceAt::Query(_)) => signed.has(Slot::Url) && spec.url.is_none(),
        Some(PlaceAt::Header(_)) | None => false,
    };
    let (time, entry) = match layout.time {
        Some(TimeAt::At(at)) => (Some(at), None),
        Some(TimeAt::Entry(_)) => (None, Some("/timestamp_prefix".to_owned())),
        None => (None, None),
    };
    let time_field = entry.or_else(|| time.map(|at| pointer(at, "timestamp_")));
    let id_field = layout.id.map(|at| pointer(at, "id_"));
    for (slot, field, within, needed, text) in [
        (Slot::Timestamp, time_field, within(time), "timestamp_header", "{timestamp}"),
        (Slot::Id, id_field, within(layout.id), "id_header", "{id}"),
    ] {
        match (field, signed.has(slot)) {
            (Some(field), false) if !within => {
                return Err(Invalid::at(field, format!("`signed` has no `{text}`: add it, or remove this")));
            }
            (None, true) => return Err(Invalid::at("/signed", format!("`{text}` needs a `{needed}`; name the header"))),
            _ => {}
        }
    }
    if spec.url.is_some() && !signed.has(Slot::Url) {
        return Err(Invalid::at("/url", "`signed` has no `{url}`: add it, or remove this"));
    }
    if layout.body_hash.is_some() && !(signed.has(Slot::Url) && signed.has(Slot::Form)) {
        return Err(Invalid::at("/body_hash_query", "this belongs to `{url}{form}`: write that as `signed`, or remove this"));
    }
    Ok(())
}

fn is_a_list_where_it_has_entries(layout: Layout<'_>) -> Result<(), Invalid> {
    if matches!(layout.time, Some(TimeAt::Entry(_))) && layout.separator.is_none() {
        return Err(Invalid::at("/timestamp_prefix", "this is an entry of a list: name the `separator` of the entries"));
    }
    if layout.public_prefix.is_some() && (layout.separator.is_none() || layout.algorithm.is_public()) {
        return Err(Invalid::at("/public_prefix", "this is for a list of signatures by secret and by public key; remove it"));
    }
    Ok(())
}

/// No signature is a part of what it signs.
fn does_not_sign_itself(spec: &Spec, layout: Layout<'_>, signed: &Template) -> Result<(), Invalid> {
    match layout.place {
        PlaceAt::Json(_) if signed.covers_body() => {
            Err(Invalid::at("/json", "a body that holds its signature is not what was signed; see `unsigned_body`"))
        }
        PlaceAt::Query(_) if signed.has(Slot::Url) && spec.url.is_none() => {
            Err(Invalid::at("/query", "a URL that holds its signature is not what was signed; name the `url` that was"))
        }
        _ => Ok(()),
    }
}

/// Of two readings of the same signed bytes, a forger sends the other. So what the sender chooses has an end that can be told; the
/// schemes of providers are as they are, and the engine has checks of its own for them. A time always ends where it ends: see
/// [`TOLERANCE_MS_MAX`].
fn reads_one_way(spec: &Spec, signed: &Template) -> Result<(), Invalid> {
    let refuse = |message: &str| Err(Invalid::at("/signed", message));
    let seen_url = signed.text_after(Slot::Url).filter(|_| spec.url.is_none());
    let id_ends = signed.joins(Slot::Id, Slot::Timestamp) || signed.ends_with(Slot::Id);
    if signed.text_after(Slot::Id) == Some("") && !id_ends {
        return refuse("put text behind `{id}`, as in `{id}.{body}`: else bytes of what follows could pass for the id's");
    }
    if seen_url.is_some_and(|end| !end.contains(NOT_IN_A_URL)) {
        return refuse("name the `url` that the sender signs, or put text behind `{url}` that no URL holds, such as `|`");
    }
    if (signed.has(Slot::Id) || seen_url.is_some()) && !signed.ends_with_body() {
        return refuse("put `{body}` last: it may hold anything, so its bytes could pass for those of what follows");
    }
    Ok(())
}

/// What RFC 3986 keeps out of every part of a URL.
const NOT_IN_A_URL: [char; 11] = [' ', '\t', '\n', '"', '<', '>', '\\', '^', '`', '|', '\r'];
