//! The methods by which a source takes events: `POST`, unless it names others.

use http::Method;

use crate::event::Invalid;

/// Where rules and plugins see the method of a request, as a header of its event, where the source names its methods. What a sender puts there is
/// removed.
pub(super) const METHOD_HEADER: http::HeaderName = http::HeaderName::from_static("sluicebox-method");

/// In the order in which they are listed. `HEAD` and `OPTIONS` are asked by those who want no event.
const KNOWN: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

/// The methods of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Methods {
    taken: Vec<Method>,
    /// Whether the source named them.
    named: bool,
}

impl Default for Methods {
    fn default() -> Self {
        Self { taken: vec![Method::POST], named: false }
    }
}

impl Methods {
    /// Those that the hub file names.
    pub(super) fn named(names: &[String]) -> Result<Self, Invalid> {
        let method = |(at, name): (usize, &String)| {
            KNOWN.iter().find(|method| method.as_str() == name).cloned().ok_or_else(|| unknown(&format!("/methods/{at}"), name))
        };
        let taken: Vec<Method> = names.iter().enumerate().map(method).collect::<Result<_, _>>()?;
        if taken.is_empty() {
            return Err(Invalid::at(
                "/methods",
                "no method: nothing could come in; name some, as in [\"POST\", \"PUT\"], or remove this",
            ));
        }
        Ok(Self { taken, named: true })
    }

    /// Whether an event may come by this one.
    pub(super) fn take(&self, method: &Method) -> bool {
        self.taken.contains(method)
    }

    /// Whether its events tell their method.
    pub(super) fn are_told(&self) -> bool {
        self.named
    }

    /// What an `Allow` header says (RFC 9110, section 10.2.1); `asks`: a `GET` is answered too, though nothing comes of it.
    pub(super) fn allow(&self, asks: bool) -> String {
        let allowed = KNOWN.iter().filter(|method| self.take(method) || (asks && **method == Method::GET));
        allowed.map(Method::as_str).collect::<Vec<_>>().join(",")
    }
}

fn unknown(at: &str, name: &str) -> Invalid {
    let known = KNOWN.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
    Invalid::at(at, format!("`{name}` is no method that events come by; those are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(names: &[&str]) -> Result<Methods, Invalid> {
        Methods::named(&names.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn a_source_takes_post_or_what_it_names() {
        let default = Methods::default();
        assert!(default.take(&Method::POST) && !default.take(&Method::GET) && !default.are_told());
        assert_eq!((default.allow(false), default.allow(true)), ("POST".into(), "GET,POST".into()));
        let named = named(&["DELETE", "PUT", "PUT"]).expect("they are known");
        assert!(named.take(&Method::PUT) && !named.take(&Method::POST) && named.are_told());
        assert_eq!(named.allow(false), "PUT,DELETE");
    }

    #[test]
    fn what_is_refused_is_pointed_at() {
        for (names, pointer) in [(&["POST", "OPTIONS"][..], "/methods/1"), (&["HEAD"], "/methods/0"), (&["post"], "/methods/0")] {
            let invalid = named(names).expect_err("it is refused");
            assert_eq!(invalid.pointer, pointer);
            assert!(invalid.message.contains("those are GET, POST, PUT, PATCH, DELETE"), "{invalid}");
        }
        assert_eq!(named(&[]).expect_err("none").pointer, "/methods");
    }
}
