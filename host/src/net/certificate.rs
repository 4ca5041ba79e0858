//! When a certificate ends. Pure: the one field of X.509 (RFC 5280, section 4.1) that operators have to look after, found in its DER.
//!
//! Nothing is verified here; whoever trusts a certificate has rustls verify it.

/// A SEQUENCE (X.690).
const SEQUENCE: u8 = 0x30;
/// The version, which certificates of version 1 leave out.
const VERSION: u8 = 0xa0;
/// A time with two digits for the year.
const UTC_TIME: u8 = 0x17;
/// A time with four.
const GENERALIZED_TIME: u8 = 0x18;

/// The end of a certificate's validity, in seconds since 1970. `None`: it is no certificate.
#[must_use]
pub fn not_after(der: &[u8]) -> Option<i64> {
    let mut fields = sequence(sequence(der)?)?;
    if fields.first() == Some(&VERSION) {
        fields = element(fields)?.rest;
    }
    // Serial number, signature algorithm and issuer stand before it.
    for _ in 0..3 {
        fields = element(fields)?.rest;
    }
    let not_before = element(sequence(fields)?)?;
    seconds(element(not_before.rest)?)
}

/// One value, and what follows it.
struct Element<'d> {
    tag: u8,
    content: &'d [u8],
    rest: &'d [u8],
}

fn sequence(der: &[u8]) -> Option<&[u8]> {
    element(der).filter(|element| element.tag == SEQUENCE).map(|element| element.content)
}

fn element(der: &[u8]) -> Option<Element<'_>> {
    let (&[tag, first], rest) = der.split_first_chunk()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        // So many bytes have the length; more than four have no certificate's.
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |length, digit| (length << 8) | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(Element { tag, content, rest })
}

/// `YYMMDDHHMMSSZ` of the years 1950 to 2049, or `YYYYMMDDHHMMSSZ`: certificates have no other forms.
fn seconds(Element { tag, content, .. }: Element<'_>) -> Option<i64> {
    let digits = content.strip_suffix(b"Z").filter(|digits| digits.iter().all(u8::is_ascii_digit))?;
    let pairs: Vec<i8> =
        digits.chunks_exact(2).map(|pair| (pair[0] - b'0').cast_signed() * 10 + (pair[1] - b'0').cast_signed()).collect();
    let (year, rest) = match (tag, digits.len(), &*pairs) {
        (UTC_TIME, 12, [year, rest @ ..]) => (i16::from(*year) + if *year < 50 { 2000 } else { 1900 }, rest),
        (GENERALIZED_TIME, 14, [century, year, rest @ ..]) => (i16::from(*century) * 100 + i16::from(*year), rest),
        _ => return None,
    };
    let [month, day, hour, minute, second] = rest else { return None };
    let time = jiff::civil::DateTime::new(year, *month, *day, *hour, *minute, *second, 0).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("short").to_be_bytes();
        let head = if content.len() < 0x80 { vec![tag, length[1]] } else { vec![tag, 0x82, length[0], length[1]] };
        [head, content.to_vec()].concat()
    }

    /// What precedes the name of a subject, with an issuer of so many bytes.
    fn certificate(version: bool, issuer: usize, (tag, end): (u8, &str)) -> Vec<u8> {
        let version = if version { der(VERSION, &der(2, &[2])) } else { Vec::new() };
        let validity = [der(UTC_TIME, b"200101000000Z"), der(tag, end.as_bytes())].concat();
        let fields =
            [version, der(2, &[7; 20]), der(SEQUENCE, &[6, 1, 1]), der(SEQUENCE, &vec![0; issuer]), der(SEQUENCE, &validity)];
        der(SEQUENCE, &[der(SEQUENCE, &fields.concat()), der(SEQUENCE, &[]), der(3, &[0; 64])].concat())
    }

    #[test]
    fn the_end_is_found_in_both_of_its_forms() {
        for (form, end) in [
            ((UTC_TIME, "260921141320Z"), 1_790_000_000),
            ((UTC_TIME, "700101000000Z"), 0),
            ((GENERALIZED_TIME, "20500101000000Z"), 2_524_608_000),
            ((GENERALIZED_TIME, "40960101000000Z"), 67_090_118_400),
        ] {
            for (version, issuer) in [(true, 30), (false, 30), (true, 300)] {
                assert_eq!(not_after(&certificate(version, issuer, form)), Some(end), "{form:?}");
            }
        }
    }

    #[test]
    fn what_is_no_certificate_has_no_end() {
        for form in [(UTC_TIME, "260921141320"), (UTC_TIME, "26092114132xZ"), (UTC_TIME, "261321141320Z"), (2, "260921141320Z")] {
            assert_eq!(not_after(&certificate(true, 9, form)), None, "{form:?}");
        }
        let whole = certificate(true, 300, (UTC_TIME, "260921141320Z"));
        for end in 0..whole.len() {
            assert_eq!(not_after(&whole[..end]), None, "cut off at {end}");
        }
        assert_eq!(not_after(&[SEQUENCE, 0x89, 1, 1]), None);
    }
}
