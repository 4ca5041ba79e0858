//! What a forger makes of a request that was seen on its way.

use serde_json::Value;

use super::package::Request;

/// A request that was good once.
pub(super) const OLD: &str = "an old request";

/// What a forger has: a good request, and what the same provider would have made of it otherwise.
pub(super) struct Seen {
    pub(super) good: Request,
    /// Signed by another key.
    pub(super) foreign: Request,
    /// Signed by the right key, for another body.
    pub(super) other: Request,
    /// Signed by the right key, an hour ago.
    pub(super) old: Request,
    /// The time of signing in seconds.
    pub(super) now_secs: u64,
}

impl Seen {
    /// Forgeries of all kinds that there can be of this request, by name.
    pub(super) fn forgeries(&self) -> Vec<(&'static str, Request)> {
        let signed = self.signature(&self.good);
        let mut forgeries = vec![("another key", self.foreign.clone())];
        for (what, signature) in [
            ("an empty signature", String::new()),
            ("a cut signature", signed[..signed.len() - 6].to_owned()),
            ("a signature with another digit", with_another_digit(&signed)),
            ("the signature of another body", self.signature(&self.other)),
            ("the signature of another key", self.signature(&self.foreign)),
        ] {
            forgeries.push((what, self.with_signature(&signature)));
        }
        if self.header().is_some() {
            forgeries.push(("another body", Request { body: self.other.body.clone(), ..self.good.clone() }));
            forgeries.push(("a signature that is missing", self.without_signature()));
        }
        let (time, later) = (self.now_secs.to_string(), (self.now_secs + 1).to_string());
        let mut moved = self.good.clone();
        moved.headers.values_mut().for_each(|value| *value = value.replace(&time, &later));
        moved.body = moved.body.replace(&time, &later);
        if moved != self.good {
            forgeries.push(("another time", moved));
        }
        // Where the time is not signed, an old request is a good one.
        if self.old != self.good {
            forgeries.push((OLD, self.old.clone()));
        }
        forgeries
    }

    /// The header that another key would have written otherwise; `None` where the signature is a part of the body.
    fn header(&self) -> Option<&str> {
        let differs = |(name, value): &(&String, &String)| self.foreign.headers.get(*name) != Some(*value);
        self.good.headers.iter().find(differs).map(|(name, _)| name.as_str())
    }

    fn signature(&self, request: &Request) -> String {
        match self.header() {
            Some(name) => request.headers[name].clone(),
            None => {
                let body: Value = serde_json::from_str(&request.body).expect("JSON");
                body["signature"]["signature"].as_str().expect("a signature").to_owned()
            }
        }
    }

    fn with_signature(&self, signature: &str) -> Request {
        let mut request = self.good.clone();
        match self.header() {
            Some(name) => drop(request.headers.insert(name.to_owned(), signature.to_owned())),
            None => request.body = request.body.replace(&self.signature(&self.good), signature),
        }
        request
    }

    fn without_signature(&self) -> Request {
        let mut request = self.good.clone();
        request.headers.retain(|name, _| Some(name.as_str()) != self.header());
        request
    }
}

/// The signature with one digit changed that counts in hexadecimal and in base64.
fn with_another_digit(signed: &str) -> String {
    let at = signed.len() - 10;
    let digit = if signed.as_bytes()[at] == b'0' { "1" } else { "0" };
    format!("{}{digit}{}", &signed[..at], &signed[at + 1..])
}
