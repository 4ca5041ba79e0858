//! Bodies compressed for destinations that ask for it.

use std::io::Write as _;

use bytes::Bytes;
use flate2::{GzBuilder, write::GzEncoder};

use crate::deliver::Compression;

/// Fixed, as all of the stream's head is: a retry sends the same bytes.
const LEVEL: u32 = 6;

/// The compressed bytes, and what `content-encoding` calls them.
pub(super) fn compressed(body: &[u8], compression: Compression) -> (Bytes, &'static str) {
    match compression {
        Compression::Gzip => (gzip(body), "gzip"),
    }
}

fn gzip(body: &[u8]) -> Bytes {
    let mut stream: GzEncoder<Vec<u8>> = GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::new(LEVEL));
    let written = stream.write_all(body).and_then(|()| stream.finish());
    Bytes::from(written.expect("memory takes all"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn what_is_compressed_comes_back_and_is_the_same_each_time() {
        let body = "order ".repeat(1000);
        let (first, name) = compressed(body.as_bytes(), Compression::Gzip);
        assert_eq!((&first, name), (&compressed(body.as_bytes(), Compression::Gzip).0, "gzip"));
        assert!(first.len() < body.len() / 10);
        let mut back = String::new();
        flate2::read::GzDecoder::new(&first[..]).read_to_string(&mut back).expect("gzip");
        assert_eq!(back, body);
    }
}
