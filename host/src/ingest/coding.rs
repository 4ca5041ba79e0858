//! Content codings of bodies: gzip, br and zstd, decoded within bounds. Pure.
//!
//! A few bytes can stand for gigabytes, so what comes out is bounded twice: by the source's largest body, and by a ratio to what came
//! in. Nothing is taken for whole that is cut off, or that has something behind its end.

use std::io::{self, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::read::MultiGzDecoder;
use http::{HeaderMap, StatusCode, header};
use schemars::JsonSchema;
use serde::Deserialize;
use zstd::stream::read::Decoder as ZstdDecoder;

use super::Problem;

/// A content coding (RFC 9110, section 8.4.1; RFC 7932; RFC 8878).
#[derive(Clone, Copy, Debug, Deserialize, JsonSchema, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
#[schemars(rename = "ContentCoding")]
pub enum Coding {
    /// Of any number of members.
    Gzip,
    /// Brotli.
    Br,
    /// Of any number of frames.
    Zstd,
}

/// How far zstd may look back: 8 MiB, which every decoder of the coding has to support (RFC 9659). Brotli's is at most 16 MiB.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Whatever the ratio: short bodies may come to this.
const FREE_BYTES: usize = 64 * 1024;
/// What comes out at a time.
const STEP_BYTES: usize = 32 * 1024;

/// Why a body was not decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undecoded {
    /// It is larger than may be.
    TooLarge,
    /// It is cut off, broken, not of this coding, or has something behind its end.
    Broken,
}

impl Coding {
    fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Br => "br",
            Self::Zstd => "zstd",
        }
    }

    fn named(name: &str) -> Option<Self> {
        // RFC 9110, section 8.4.1.3.
        let name = if name.eq_ignore_ascii_case("x-gzip") { "gzip" } else { name };
        [Self::Gzip, Self::Br, Self::Zstd].into_iter().find(|coding| coding.name().eq_ignore_ascii_case(name))
    }

    /// The bytes that `body` stands for, at most `max`.
    pub(super) fn decode(self, body: &[u8], max: usize) -> Result<Vec<u8>, Undecoded> {
        match self {
            Self::Gzip => read(MultiGzDecoder::new(body), max),
            Self::Br => brotli(body, max),
            Self::Zstd => {
                let mut decoder = ZstdDecoder::with_buffer(body).map_err(|_| Undecoded::Broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Undecoded::Broken)?;
                // No frame at all stands for nothing, which no encoder says like this.
                if body.is_empty() { Err(Undecoded::Broken) } else { read(decoder, max) }
            }
        }
    }
}

/// What a body of this size may come to, where its source takes bodies up to `max`.
pub(super) fn bytes_max(encoded: usize, max: usize, ratio_max: usize) -> usize {
    encoded.saturating_mul(ratio_max).max(FREE_BYTES).min(max)
}

/// The coding of a body, of those that its source takes; `None` where it is as it is.
pub(super) fn coding_of(headers: &HeaderMap, taken: &[Coding]) -> Result<Option<Coding>, Problem> {
    let lines: Vec<_> = headers.get_all(header::CONTENT_ENCODING).iter().collect();
    let name = match lines.as_slice() {
        [] => return Ok(None),
        [line] => line.to_str().unwrap_or_default().trim(),
        _ => return Err(unsupported("more than one content coding", taken)),
    };
    if name.eq_ignore_ascii_case("identity") {
        return Ok(None);
    }
    if name.contains(',') {
        return Err(unsupported("more than one content coding", taken));
    }
    let coding = Coding::named(name).filter(|coding| taken.contains(coding));
    coding.map(Some).ok_or_else(|| unsupported("a content coding that this source does not take", taken))
}

fn unsupported(what: &str, taken: &[Coding]) -> Problem {
    let names: Vec<_> = taken.iter().map(|coding| coding.name()).collect();
    let (mend, accepted) = match names.as_slice() {
        [] => ("send it without a Content-Encoding".to_owned(), "identity".to_owned()),
        names => (format!("send it with one of {}, or without", names.join(", ")), names.join(", ")),
    };
    let detail = format!("the body has {what}; {mend}");
    Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content-encoding", detail).accept_encoding(accepted)
}

fn read(decoder: impl Read, max: usize) -> Result<Vec<u8>, Undecoded> {
    let mut decoded = Vec::new();
    let one_more = u64::try_from(max).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(one_more).read_to_end(&mut decoded).map_err(|_: io::Error| Undecoded::Broken)?;
    if decoded.len() > max { Err(Undecoded::TooLarge) } else { Ok(decoded) }
}

fn brotli(body: &[u8], max: usize) -> Result<Vec<u8>, Undecoded> {
    let allocator = StandardAlloc::default;
    // Strict: without the large windows, of up to a gigabyte, that RFC 7932 does not have.
    let mut state = BrotliState::new_strict(allocator(), allocator(), allocator());
    let (mut left, mut read, mut total) = (body.len(), 0, 0);
    let (mut decoded, mut step) = (Vec::new(), vec![0; STEP_BYTES]);
    loop {
        let (mut space, mut written) = (step.len(), 0);
        let result =
            BrotliDecompressStream(&mut left, &mut read, body, &mut space, &mut written, &mut step, &mut total, &mut state);
        decoded.extend_from_slice(&step[..written]);
        if decoded.len() > max {
            return Err(Undecoded::TooLarge);
        }
        match result {
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultSuccess if left == 0 => return Ok(decoded),
            _ => return Err(Undecoded::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};
    use http::HeaderValue;

    use super::*;

    const MAX: usize = 1 << 20;
    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    fn zstd(bytes: &[u8]) -> Vec<u8> {
        zstd::encode_all(bytes, 3).expect("memory")
    }

    #[test]
    fn members_and_frames_are_decoded_one_after_the_other() {
        assert_eq!(Coding::Gzip.decode(&[gzip(b"one "), gzip(b"two")].concat(), MAX).as_deref(), Ok(b"one two".as_slice()));
        assert_eq!(Coding::Zstd.decode(&[zstd(b"one "), zstd(b"two")].concat(), MAX).as_deref(), Ok(b"one two".as_slice()));
    }

    #[test]
    fn what_is_cut_off_or_has_something_behind_it_is_broken() {
        for (coding, body) in [(Coding::Gzip, gzip(b"hello")), (Coding::Zstd, zstd(b"hello"))] {
            for end in 0..body.len() {
                assert_eq!(coding.decode(&body[..end], MAX), Err(Undecoded::Broken), "{coding:?} up to {end}");
            }
            assert_eq!(coding.decode(&[&body, b"more".as_slice()].concat(), MAX), Err(Undecoded::Broken), "{coding:?}");
            let mut flipped = body.clone();
            let middle = flipped.len() - 5;
            flipped[middle] ^= 0x55;
            assert_ne!(coding.decode(&flipped, MAX).as_deref(), Ok(b"hello".as_slice()), "{coding:?}");
        }
        // The third begins well and is cut off; the fourth has one of the large windows.
        for body in [b"".as_slice(), b"hello", &[0x1b, 0x17, 0x00, 0x00], &[0x91, 0x19, 0x00]] {
            assert_eq!(Coding::Br.decode(body, MAX), Err(Undecoded::Broken), "{body:x?}");
        }
        // An empty stream (RFC 7932, section 9.1), and one with something behind it.
        assert_eq!(Coding::Br.decode(&[0x06], MAX), Ok(Vec::new()));
        assert_eq!(Coding::Br.decode(&[0x06, 0x00], MAX), Err(Undecoded::Broken));
    }

    #[test]
    fn nothing_comes_out_beyond_the_bound() {
        let bomb = vec![0; 4 << 20];
        for (coding, body) in [(Coding::Gzip, gzip(&bomb)), (Coding::Zstd, zstd(&bomb))] {
            assert_eq!(coding.decode(&body, MAX), Err(Undecoded::TooLarge), "{coding:?}");
            assert_eq!(coding.decode(&body, bomb.len()).map(|decoded| decoded.len()), Ok(bomb.len()), "{coding:?}");
        }
    }

    #[test]
    fn a_zstd_window_beyond_the_bound_is_refused() {
        let encode = |window_log| {
            let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
            encoder.window_log(window_log).expect("a window");
            encoder.write_all(b"hello").expect("memory");
            encoder.finish().expect("memory")
        };
        assert!(Coding::Zstd.decode(&encode(ZSTD_WINDOW_LOG_MAX), MAX).is_ok());
        assert_eq!(Coding::Zstd.decode(&encode(ZSTD_WINDOW_LOG_MAX + 1), MAX), Err(Undecoded::Broken));
    }

    #[test]
    fn what_may_come_out_grows_with_what_came_in() {
        assert_eq!(bytes_max(10_000, MAX, 100), 1_000_000);
        assert_eq!(bytes_max(10, MAX, 100), FREE_BYTES, "short ones may compress well");
        assert_eq!(bytes_max(10, 1000, 100), 1000);
        assert_eq!(bytes_max(usize::MAX, MAX, 100), MAX);
    }

    #[test]
    fn one_coding_is_taken_of_those_that_may_be() {
        let ask = |lines: &[&'static str], taken: &[Coding]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(header::CONTENT_ENCODING, HeaderValue::from_static(line));
            }
            coding_of(&headers, taken).map_err(|problem| problem.accept_encoding.expect("what is taken").into_string())
        };
        let all = [Coding::Gzip, Coding::Br, Coding::Zstd];
        assert_eq!(ask(&[], &[]), Ok(None));
        assert_eq!(ask(&["identity"], &[]), Ok(None));
        assert_eq!(ask(&["GZIP"], &all), Ok(Some(Coding::Gzip)));
        assert_eq!(ask(&["x-gzip"], &all), Ok(Some(Coding::Gzip)));
        assert_eq!(ask(&["br"], &[Coding::Gzip]), Err("gzip".to_owned()));
        assert_eq!(ask(&["gzip"], &[]), Err("identity".to_owned()));
        for several in [["gzip, gzip"].as_slice(), &["gzip", "br"], &["gzip,"], &["deflate"], &[""]] {
            assert!(ask(several, &all).is_err(), "{several:?}");
        }
    }
}
