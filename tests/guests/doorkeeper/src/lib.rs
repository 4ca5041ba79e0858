//! Verifies requests by an HMAC with the granted secret `shop`, and does wrong where the header `x-do` tells it to. It is also a
//! transform, which sends on what its event holds, so that a test sees what became of a request.

use sluicebox_sdk::prelude::*;
use std::hint::black_box;

/// `x-do` is asked before any signature is: whoever sends may make a plugin fail.
#[verify]
pub fn doorkeeper(request: Request) -> Result<Decision> {
    if let Some(challenge) = request.query("challenge") {
        return answer(Response::text(challenge).with_header("x-told", request.method()).with_header("set-cookie", "a=b"));
    }
    if let Some(order) = request.header("x-do") {
        return do_wrong(order);
    }
    let Some(mac) = request.header("x-signature").and_then(bytes) else { return refuse("no signature, or no hexadecimal one") };
    if !crypto::verify_hmac(crypto::Algorithm::Sha256, "shop", request.body(), &mac)? {
        return refuse("the signature is another's");
    }
    accept_with([
        ("method", request.method().to_owned()),
        ("path", request.url().rsplit("/in/").next().unwrap_or_default().to_owned()),
        ("in-time", (clock::now_ms() == request.received_at_ms()).to_string()),
        ("password", request.header("authorization").is_some().to_string()),
    ])
}

fn do_wrong(order: &str) -> Result<Decision> {
    let (what, much) = order.split_once(' ').unwrap_or((order, ""));
    match what {
        "spin" => loop {
            black_box(());
        },
        "panic" => panic!("told to panic"),
        "flood" => {
            let bytes = much.parse().map_err(|error| Error::reject("no-number", error))?;
            answer(Response::text(String::from_utf8_lossy(&black_box(vec![b'x'; bytes]))))
        }
        "move" => answer(Response::text("elsewhere").with_status(302)),
        "forge" => accept_with([("subject", "forged")]),
        "retry" => retry_after(90.secs()),
        "reject" => reject("told-to-reject", "the sender said so"),
        other => reject("unknown-order", other),
    }
}

/// Sends on the attributes, and the names of the headers.
#[transform]
pub fn show(event: Event) -> Result<Outcome> {
    let attributes: std::collections::BTreeMap<_, _> = event.attributes().collect();
    let headers: Vec<_> = event.headers().map(|(name, _)| name).collect();
    emit(Message::json(&json!({ "attributes": attributes, "headers": headers }))?)
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> = hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok()).collect();
    digits.filter(|digits| digits.len() % 2 == 0).map(|digits| digits.chunks(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    #[test]
    fn only_what_is_signed_passes() {
        testing::grant_secret("shop", |_, data| data.to_vec());
        let request = || Request::post("http://localhost/in/shop", [0x0f, 0xa0]);
        assert!(matches!(doorkeeper(request().with_header("x-signature", "0fa0")), Ok(Decision::Accept(_))));
        assert_eq!(doorkeeper(request().with_header("x-signature", "0fa")), refuse("no signature, or no hexadecimal one"));
        assert_eq!(doorkeeper(request().with_header("x-signature", "0f")), refuse("the signature is another's"));
    }
}
