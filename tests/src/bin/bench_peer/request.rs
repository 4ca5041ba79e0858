//! What the load sends: made once, with places for the number and the type, so that the load costs little.

/// An order of about the size that is wanted.
#[derive(Clone)]
pub(crate) struct Request {
    bytes: Vec<u8>,
    /// Where the digits of the number are,
    number_at: usize,
    /// and those of the type.
    type_at: usize,
    types: u64,
}

/// Digits of a number, right-aligned: JSON lets spaces stand before it.
const NUMBER_DIGITS: usize = 10;
/// Digits of a type, with leading zeros cut by nobody: `t00042`.
const TYPE_DIGITS: usize = 6;
const LINE: &str = "{\"sku\":\"SKU-00001\",\"quantity\":3,\"price\":19.99,\"gift\":false,\"note\":null}";

impl Request {
    pub(crate) fn new(address: &str, path: &str, body_bytes: usize, types: u64) -> Self {
        let mut body = format!("{{\"count\":{:NUMBER_DIGITS$},\"lines\":[", 0);
        while body.len() + LINE.len() + ",]}".len() <= body_bytes {
            if !body.ends_with('[') {
                body.push(',');
            }
            body.push_str(LINE);
        }
        body.push_str("]}");
        let before_type = format!("POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\nx-type: t");
        let after_type = format!("\r\ncontent-length: {}\r\n\r\n", body.len());
        let head = format!("{before_type}{:0TYPE_DIGITS$}{after_type}", 0);
        let number_at = head.len() + "{\"count\":".len();
        Self { bytes: (head + &body).into_bytes(), number_at, type_at: before_type.len(), types: types.max(1) }
    }

    /// With this number, and the type whose turn it is.
    pub(crate) fn numbered(&mut self, number: u64) -> &[u8] {
        write(&mut self.bytes[self.number_at..self.number_at + NUMBER_DIGITS], number, b' ');
        if self.types > 1 {
            write(&mut self.bytes[self.type_at..self.type_at + TYPE_DIGITS], number % self.types, b'0');
        }
        &self.bytes
    }
}

fn write(place: &mut [u8], mut number: u64, filling: u8) {
    place.fill(filling);
    for digit in place.iter_mut().rev() {
        *digit = b'0' + u8::try_from(number % 10).unwrap_or_default();
        number /= 10;
        if number == 0 {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_its_number_and_its_type() {
        let mut request = Request::new("127.0.0.1:80", "/in/open", 300, 10);
        for (number, told, of_type) in
            [(7, ":         7,", "x-type: t000007\r\n"), (1_234, ":      1234,", "x-type: t000004\r\n")]
        {
            let text = String::from_utf8(request.numbered(number).to_vec()).expect("text");
            assert!(text.contains(of_type) && text.contains(told), "{text}");
            let (head, body) = text.split_once("\r\n\r\n").expect("a body");
            assert!(head.ends_with(&format!("content-length: {}", body.len())) && (200..=300).contains(&body.len()), "{text}");
            let order: serde_json::Value = serde_json::from_str(body).expect("JSON");
            assert_eq!(order["count"], number);
        }
    }
}
