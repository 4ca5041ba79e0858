//! What a call is called in the audit log. Pure: it is read from the method and the route alone, so that a route that is added is on record
//! under a name of its own without a word here.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::hub::named_key;

/// Routes that take another method than GET and change nothing that an operator answers for: what they do is work on events, or a question
/// that is too long for a URL.
pub(super) const NOT_CHANGES: [(Method, &str); 7] = [
    (Method::POST, "/v1/events"),
    (Method::POST, "/v1/explain"),
    (Method::POST, "/v1/plugins/{name}/diff"),
    (Method::POST, "/v1/events/{id}/runs/{rule}/repeat"),
    (Method::POST, "/v1/destinations/{name}/messages/ack"),
    (Method::POST, "/v1/destinations/{name}/messages/nack"),
    (Method::POST, "/v1/destinations/{name}/messages/extend"),
];

/// What only reads, and is on record all the same: it takes everything there is out of the host.
const READS_ON_RECORD: [&str; 1] = ["/v1/backup"];

/// What follows `/v1/` in what is the host's and no workspace's.
const OF_THE_HOST: [&str; 5] = ["backup", "workspaces", "main-key", "secrets", "metrics"];

/// The longest name of a thing that is kept, in characters.
const NAME_CHARS_MAX: usize = 200;

/// A call, as the audit log names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Action {
    /// `sources.put`.
    pub(super) action: String,
    /// `sources`.
    pub(super) kind: String,
    /// What stands in the path where the route has a name.
    pub(super) name: Option<String>,
    /// It is the host's, and no workspace's.
    pub(super) of_host: bool,
}

/// Whether a call by this route is on record.
pub(in crate::api) fn is_on_record(method: &Method, route: &str) -> bool {
    if method.is_safe() {
        return READS_ON_RECORD.contains(&route);
    }
    !NOT_CHANGES.iter().any(|(known, path)| known == method && *path == route)
}

impl Action {
    /// Of a call to this path, which has found this route.
    pub(super) fn of(method: &Method, route: &str, path: &str) -> Self {
        let (mut words, mut names) = (Vec::new(), Vec::new());
        for (piece, told) in route.split('/').zip(path.split('/')).skip_while(|(piece, _)| matches!(*piece, "" | "v1")) {
            match piece.strip_prefix('{') {
                // The first says which kind of thing, also where the route leaves it open.
                Some(_) if words.is_empty() => words.push(told),
                // As the handler sees it, so that one thing has one name.
                Some(_) => names.push(named_key(&percent_decode_str(told).decode_utf8_lossy()).to_owned()),
                None => words.push(piece),
            }
        }
        let kind = words.first().copied().unwrap_or("unknown").to_owned();
        let verb = match *method {
            Method::PUT => "put",
            Method::DELETE => "delete",
            Method::PATCH => "change",
            Method::POST if words.len() < 2 && route != "/v1/apply" => "create",
            _ => "",
        };
        let mut action = words.join(".");
        if !verb.is_empty() {
            action = format!("{action}.{verb}");
        }
        let name = (!names.is_empty()).then(|| cut(&names.join("/"), NAME_CHARS_MAX));
        Self {
            action: cut(&action, NAME_CHARS_MAX),
            of_host: OF_THE_HOST.contains(&&*kind),
            kind: cut(&kind, NAME_CHARS_MAX),
            name,
        }
    }
}

/// The first so many characters, without what moves a terminal's cursor.
pub(super) fn cut(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(method: &Method, route: &str, path: &str) -> (String, String, Option<String>) {
        let action = Action::of(method, route, path);
        (action.action, action.kind, action.name)
    }

    #[test]
    fn a_call_is_called_by_its_route() {
        let one = |action: &str, kind: &str, name: Option<&str>| (action.to_owned(), kind.to_owned(), name.map(str::to_owned));
        let generic = "/v1/{kind}/{name}";
        assert_eq!(called(&Method::PUT, generic, "/v1/sources/shop"), one("sources.put", "sources", Some("shop")));
        assert_eq!(called(&Method::DELETE, generic, "/v1/rules/a"), one("rules.delete", "rules", Some("a")));
        assert_eq!(called(&Method::POST, "/v1/apply", "/v1/apply"), one("apply", "apply", None));
        assert_eq!(called(&Method::POST, "/v1/components", "/v1/components"), one("components.create", "components", None));
        let rotate = "/v1/destinations/{name}/rotate-secret";
        let told = called(&Method::POST, rotate, "/v1/destinations/crm/rotate-secret");
        assert_eq!(told, one("destinations.rotate-secret", "destinations", Some("crm")));
        let canary = called(&Method::DELETE, "/v1/plugins/{name}/canary", "/v1/plugins/p/canary");
        assert_eq!(canary, one("plugins.canary.delete", "plugins", Some("p")));
        let two = called(&Method::POST, "/v1/a/{x}/b/{y}/do", "/v1/a/1/b/2/do");
        assert_eq!(two, one("a.b.do", "a", Some("1/2")));
        let key = format!("/v1/keys/slk_0123456789ab_{}", "c".repeat(72));
        assert_eq!(called(&Method::DELETE, "/v1/keys/{id}", &key), one("keys.delete", "keys", Some("0123456789ab")));
        let encoded = key.replace("slk", "%73lk");
        assert_eq!(called(&Method::DELETE, "/v1/keys/{id}", &encoded), one("keys.delete", "keys", Some("0123456789ab")));
        assert_eq!(called(&Method::GET, "/v1/backup", "/v1/backup"), one("backup", "backup", None));
    }

    #[test]
    fn all_that_is_not_a_read_is_on_record_but_what_is_named() {
        assert!(is_on_record(&Method::POST, "/v1/apply") && is_on_record(&Method::DELETE, "/v1/{kind}/{name}"));
        assert!(is_on_record(&Method::POST, "/v1/what/comes/later"));
        assert!(!is_on_record(&Method::POST, "/v1/events") && is_on_record(&Method::POST, "/v1/events/replay"));
        assert!(!is_on_record(&Method::GET, "/v1/events") && is_on_record(&Method::GET, "/v1/backup"));
    }

    #[test]
    fn what_is_named_is_there() {
        let document = crate::api::openapi();
        for (method, path) in NOT_CHANGES {
            let operation = &document["paths"][path][method.as_str().to_lowercase()];
            assert!(operation.is_object(), "there is no {method} {path}");
        }
    }

    #[test]
    fn what_is_the_hosts_is_told_and_long_names_are_cut() {
        assert!(Action::of(&Method::POST, "/v1/workspaces", "/v1/workspaces").of_host);
        let long = format!("/v1/sources/{}", "x".repeat(1_000));
        let action = Action::of(&Method::PUT, "/v1/{kind}/{name}", &long);
        assert_eq!((action.of_host, action.name.map(|name| name.len())), (false, Some(NAME_CHARS_MAX)));
        assert_eq!(cut("a\u{1b}[31mb", 9), "a[31mb");
    }
}
