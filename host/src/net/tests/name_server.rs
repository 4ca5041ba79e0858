//! A name server on loopback, by UDP, that says whatever a test wants it to, without a time to live.

use std::{
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::net::UdpSocket;

const A: u16 = 1;
const AAAA: u16 = 28;
const HEADER_BYTES: usize = 12;

/// Started, and answers until the test's runtime ends.
pub(in crate::net) struct NameServer {
    pub(in crate::net) address: SocketAddr,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    /// `answer` gives all addresses of a name; who asks for IPv4 gets those of IPv4 only, and so on.
    pub(in crate::net) async fn start(mut answer: impl FnMut(&str) -> Vec<IpAddr> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = socket.local_addr().expect("it is bound");
        let asked = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&asked);
        tokio::spawn(async move {
            let mut query = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut query).await {
                count.fetch_add(1, Ordering::Relaxed);
                let message = reply(&query[..length], &mut answer);
                socket.send_to(&message, from).await.expect("loopback takes it");
            }
        });
        Self { address, asked }
    }

    /// Questions so far.
    pub(in crate::net) fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The message of RFC 1035, section 4, that answers `query`.
fn reply(query: &[u8], answer: &mut impl FnMut(&str) -> Vec<IpAddr>) -> Vec<u8> {
    let (name, name_end) = name_at(query, HEADER_BYTES);
    let kind = u16::from_be_bytes([query[name_end], query[name_end + 1]]);
    let records: Vec<Vec<u8>> = answer(&name).iter().filter_map(|address| record(kind, *address)).collect();
    let mut message = query[..2].to_vec();
    // A response, recursion available, no error; one question; no authorities, nothing additional.
    message.extend([0x81, 0x80, 0, 1]);
    message.extend(u16::try_from(records.len()).expect("few").to_be_bytes());
    message.extend([0; 4]);
    message.extend(&query[HEADER_BYTES..name_end + 4]);
    records.iter().for_each(|record| message.extend(record));
    message
}

fn record(kind: u16, address: IpAddr) -> Option<Vec<u8>> {
    let data = match (kind, address) {
        (A, IpAddr::V4(v4)) => v4.octets().to_vec(),
        (AAAA, IpAddr::V6(v6)) => v6.octets().to_vec(),
        _ => return None,
    };
    // The name of the question, its kind, class IN, no time to live.
    let mut record = vec![0xc0, 12];
    record.extend(kind.to_be_bytes());
    record.extend([0, 1, 0, 0, 0, 0]);
    record.extend(u16::try_from(data.len()).expect("few").to_be_bytes());
    record.extend(data);
    Some(record)
}

/// The name that begins at `at`, and where it ends.
fn name_at(message: &[u8], mut at: usize) -> (String, usize) {
    let mut labels = Vec::new();
    while message[at] != 0 {
        let end = at + 1 + usize::from(message[at]);
        labels.push(String::from_utf8_lossy(&message[at + 1..end]).into_owned());
        at = end;
    }
    (labels.join("."), at + 1)
}
