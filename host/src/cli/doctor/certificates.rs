//! The certificates that a host shows, and for how long they are good: as its metrics tell, or else as a handshake shows.

use http::Uri;

use crate::net;

const METRIC: &str = "sluicebox_ingest_tls_certificate_ends_timestamp_seconds{file=\"";

/// Of the page of metrics: each file, and its seconds from now on.
pub(super) fn of_metrics(page: &str, now_secs: i64) -> Vec<(String, i64)> {
    let told = page.lines().filter_map(|line| {
        let (file, ends) = line.strip_prefix(METRIC)?.rsplit_once("\"} ")?;
        Some((file.to_owned(), ends.parse::<i64>().ok()? - now_secs))
    });
    told.collect()
}

/// The one that is shown at the host's address, where that is `https`. Asked also where the host cannot be: that its certificate has ended may
/// be the reason. What cannot be looked at here is told as unreachable.
pub(super) async fn shown_at(url: &str, now_secs: i64) -> Vec<(String, i64)> {
    let Ok(uri) = url.parse::<Uri>() else { return Vec::new() };
    let shown = tokio::task::spawn_blocking(move || net::shown_certificate_ends(&uri)).await;
    let ends = shown.ok().and_then(Result::ok).flatten();
    ends.map(|ends| (url.to_owned(), ends - now_secs)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_has_its_time() {
        let page = "# TYPE sluicebox_ingest_tls_certificate_ends_timestamp_seconds gauge\n\
                    sluicebox_ingest_tls_certificate_ends_timestamp_seconds{file=\"/etc/a b.pem\"} 1790000000\n\
                    sluicebox_ingest_tls_certificate_ends_timestamp_seconds{file=\"b.pem\"} 5\nother{file=\"c\"} 7\n";
        assert_eq!(of_metrics(page, 10), [("/etc/a b.pem".to_owned(), 1_789_999_990), ("b.pem".to_owned(), -5)]);
    }

    #[tokio::test]
    async fn without_tls_there_is_none() {
        assert_eq!(shown_at("http://127.0.0.1:1", 0).await, []);
        assert_eq!(shown_at("https://127.0.0.1:1", 0).await, [], "nobody listens there");
    }
}
