//! Verifies the shop's requests: an HMAC-SHA256 of the body, in hexadecimal, in a header.

use sluicebox_sdk::prelude::*;

/// The plugin's `config` in the hub file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// The header with the signature.
    pub header: String,
}

/// Says whether the request is the shop's. The secret is granted to the plugin, which never sees it.
#[verify]
pub fn from_shop(request: Request, settings: Settings) -> Result<Decision> {
    // A provider that tries the address first, with what it wants to hear again.
    if let Some(challenge) = request.query("challenge") {
        return answer(Response::text(challenge));
    }
    let Some(signature) = request.header(&settings.header) else {
        return refuse(format!("no single {}", settings.header));
    };
    let mac = bytes(signature).unwrap_or_default();
    if !crypto::verify_hmac(crypto::Algorithm::Sha256, "shop", request.body(), &mac)? {
        return refuse("the signature is another's");
    }
    accept()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let digits = hex.chars().map(|digit| u8::try_from(digit.to_digit(16)?).ok());
    let digits = digits.collect::<Option<Vec<u8>>>()?;
    let (pairs, rest) = digits.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluicebox_sdk::testing;

    fn run(request: Request) -> Result<Decision> {
        // There is no secret in a test: this says what the host would compute.
        testing::grant_secret("shop", |_, data| data.to_vec());
        from_shop(request, Settings { header: "x-shop-signature".to_owned() })
    }

    #[test]
    fn only_what_is_signed_is_accepted() {
        let request = || Request::post("http://localhost/in/shop", "{}");
        assert_eq!(run(request().with_header("x-shop-signature", "7b7d")), accept());
        assert_eq!(run(request().with_header("x-shop-signature", "7b7")), refuse("the signature is another's"));
        assert_eq!(run(request()), refuse("no single x-shop-signature"));
    }

    #[test]
    fn a_challenge_is_answered() {
        let request = Request::get("http://localhost/in/shop?challenge=a");
        assert_eq!(run(request), answer(Response::text("a")));
    }
}
