//! A header that a destination is sent with each message: as it stands, or with values from the message.

use http::HeaderValue;

use super::template::Template;
use crate::{event::Failure, journal::Delivery};

/// The longest value that is sent, once it is filled in.
const VALUE_BYTES_MAX: usize = 8192;

/// A header's value.
#[derive(Clone, Debug)]
pub(super) enum HeaderText {
    /// Marked sensitive.
    Fixed(HeaderValue),
    Filled(Template),
}

impl HeaderText {
    /// The value for this message.
    ///
    /// # Errors
    /// Where the message does not have what the header takes from it, or a value cannot stand in a header: then nothing is left out or
    /// encoded, since no receiver could tell.
    pub(super) fn value(&self, name: &str, delivery: &Delivery) -> Result<HeaderValue, Failure> {
        let template = match self {
            Self::Fixed(value) => return Ok(value.clone()),
            Self::Filled(template) => template,
        };
        let filled = template.fill(delivery, |filled, _, value| {
            filled.extend_from_slice(value);
            Ok(())
        })?;
        let refused = |why: &str| {
            Failure::new("template-header", format!("the header `{name}` cannot be filled in from this message: {why}"))
        };
        if filled.len() > VALUE_BYTES_MAX {
            return Err(refused(&format!("it would be longer than {VALUE_BYTES_MAX} bytes")));
        }
        let mut value = HeaderValue::from_bytes(&filled).map_err(|_| refused("a value has control characters"))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{deliver::fake, event::Header};

    #[test]
    fn a_value_that_is_no_header_is_refused() {
        let header = HeaderText::Filled(Template::parse("of {headers.x}").expect("a template"));
        let of = |value: &str| {
            let mut delivery = fake::delivery("crm", 1);
            delivery.message.headers = vec![Header { name: "x".into(), value: value.into() }];
            header.value("x-tenant", &delivery).map(|value| value.as_bytes().to_vec()).map_err(|failure| failure.code)
        };
        assert_eq!(of("J\u{fc}rgen"), Ok(b"of J\xfcrgen".to_vec()), "the bytes that came");
        assert_eq!(of("a\r\nx: y"), Err("template-header".into()));
        assert_eq!(of(&"x".repeat(VALUE_BYTES_MAX)), Err("template-header".into()));
    }
}
