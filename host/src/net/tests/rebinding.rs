//! Names whose addresses change from one answer to the next.

use std::net::IpAddr;

use super::{Draws, dial, dialer, name_server::NameServer, oracle};

const LOOKUPS: usize = 20_000;

const PUBLIC: [&str; 6] =
    ["1.1.1.1", "93.184.215.14", "2606:4700:4700::1111", "::ffff:9.9.9.9", "64:ff9b::909:909", "2002:909:909::1"];

fn public(draws: &mut Draws) -> IpAddr {
    draws.one_of(&PUBLIC).parse().expect("an address")
}

/// Of a forbidden network, and for IPv4 sometimes wrapped.
fn forbidden(draws: &mut Draws) -> IpAddr {
    let nets = if draws.below(2) == 0 { oracle::IPV4 } else { oracle::IPV6 };
    let net = *draws.one_of(nets);
    let address = oracle::within(net, draws);
    let IpAddr::V4(v4) = address else { return address };
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let segments = match draws.below(4) {
        0 => [0, 0, 0, 0, 0, 0xffff, high, low],
        1 => [0x64, 0xff9b, 0, 0, 0, 0, high, low],
        2 => [0x2002, high, low, 0, 0, 0, 0, 1],
        _ => return address,
    };
    IpAddr::from(segments)
}

#[tokio::test]
async fn a_name_is_vetted_by_the_very_answer_that_is_connected_to() {
    let mut draws = Draws(1);
    let server = NameServer::start(move |name| match (name.starts_with("good"), draws.below(3)) {
        (true, _) | (_, 0) => vec![public(&mut draws), public(&mut draws)],
        (_, 1) => vec![forbidden(&mut draws)],
        _ => vec![public(&mut draws), forbidden(&mut draws), public(&mut draws)],
    })
    .await;
    let (dialer, recorder) = dialer(vec![server.address]);
    let (mut connected, mut draws) = (0, Draws(2));
    for lookup in 0..LOOKUPS {
        let url = format!("http://{}{}.example/", draws.one_of(&["good", "rebind"]), lookup % 100);
        let (_, asked) = dial(&dialer, &recorder, &url).await.expect("a URI");
        connected += usize::from(!asked.is_empty());
    }
    assert!(server.asked() >= LOOKUPS, "{} questions: answers were kept, and nothing was rebound", server.asked());
    // All of the good half, and of the others those that were good by chance.
    assert!((LOOKUPS / 2..LOOKUPS * 4 / 5).contains(&connected), "{connected} of {LOOKUPS} were connected to");
}
