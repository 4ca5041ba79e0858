//! A million spellings of forbidden addresses.

use std::net::{IpAddr, Ipv4Addr};

use super::{DialError, Draws, dial, dialer, name_server::NameServer, oracle};

const SPELLINGS: usize = 1_000_000;

#[tokio::test]
async fn no_spelling_of_a_forbidden_address_is_connected_to() {
    // What passes for a name is one that leads outside, so that a spelling that was misread would be seen by its result.
    let server = NameServer::start(|_| vec![IpAddr::from([9, 9, 9, 9])]).await;
    let (dialer, recorder) = dialer(vec![server.address]);
    let (mut draws, mut vetted, mut unread) = (Draws(3), 0, 0);
    for number in 0..SPELLINGS {
        let nets = if number % 4 == 0 { oracle::IPV6 } else { oracle::IPV4 };
        let net = *draws.one_of(nets);
        let host = spelled(oracle::within(net, &mut draws), &mut draws);
        let url = url_of(&host, &mut draws);
        match dial(&dialer, &recorder, &url).await {
            Some((DialError::Forbidden { .. }, _)) => vetted += 1,
            Some((DialError::Url(_), _)) => {}
            Some((failed, asked)) => panic!("{url} was read as something else: {failed:?}, {asked:?}"),
            None => unread += 1,
        }
    }
    // Neither are all of them nonsense, nor do all reach the table.
    assert!(vetted > SPELLINGS / 10 && unread < SPELLINGS / 2, "{vetted} were vetted, {unread} were no URIs");
}

#[tokio::test]
async fn what_is_meant_is_connected_to() {
    let (dialer, recorder) = dialer(Vec::new());
    let mut draws = Draws(4);
    for _ in 0..10_000 {
        let address = IpAddr::from(Ipv4Addr::from_bits(draws.next() as u32));
        let expected = if oracle::forbidden(address).is_some() { vec![] } else { vec![address] };
        let (_, asked) = dial(&dialer, &recorder, &format!("https://{address}:8443/x?y")).await.expect("a URI");
        assert_eq!(asked, expected);
    }
}

/// A host in one of many spellings; not all are known to everybody, but somebody takes each for this address.
fn spelled(address: IpAddr, draws: &mut Draws) -> String {
    match address {
        IpAddr::V4(v4) if draws.below(3) == 0 => ipv6_text(wrapped(v4, draws), draws),
        IpAddr::V4(v4) => ipv4_text(v4, draws),
        IpAddr::V6(v6) => ipv6_text(v6.segments(), draws),
    }
}

/// As `inet_aton` reads it: one to four parts, each decimal, octal or hexadecimal, the last of all the bits that are left.
fn ipv4_text(v4: Ipv4Addr, draws: &mut Draws) -> String {
    let octets = v4.octets();
    let parts = 1 + draws.below(4);
    let last = octets[parts - 1..].iter().fold(0_u32, |value, octet| value << 8 | u32::from(*octet));
    let mut texts: Vec<String> = octets[..parts - 1].iter().map(|octet| number(u32::from(*octet), draws)).collect();
    texts.push(number(last, draws));
    let dot = match draws.below(4) {
        0 => *draws.one_of(&["\u{3002}", "%2e", "%2E", "\u{ff0e}", ".."]),
        _ => ".",
    };
    let text = texts.join(dot);
    match draws.below(20) {
        0 => format!("{text}."),
        1 => percent_encoded(&text, draws),
        2 => full_width(&text),
        3 => format!("[{text}]"),
        4 => format!("[::{text}]"),
        _ => text,
    }
}

fn number(value: u32, draws: &mut Draws) -> String {
    match draws.below(8) {
        0 => format!("0x{value:x}"),
        1 => format!("0X{value:X}"),
        2 => format!("0{value:o}"),
        3 => format!("0{value}"),
        4 => format!("0x{value:08x}"),
        _ => value.to_string(),
    }
}

fn percent_encoded(text: &str, draws: &mut Draws) -> String {
    let encoded = |byte: u8| if draws.below(2) == 0 { format!("%{byte:02x}") } else { char::from(byte).to_string() };
    text.bytes().map(encoded).collect()
}

fn full_width(text: &str) -> String {
    let wide = |letter: char| match letter {
        '!'..='~' => char::from_u32(u32::from(letter) + 0xfee0).unwrap_or(letter),
        other => other,
    };
    text.chars().map(wide).collect()
}

/// Mapped, compatible, translated, NAT64 or 6to4.
fn wrapped(v4: Ipv4Addr, draws: &mut Draws) -> [u16; 8] {
    let [a, b, c, d] = v4.octets();
    let (high, low) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match draws.below(5) {
        0 => [0, 0, 0, 0, 0, 0, high, low],
        1 => [0, 0, 0, 0, 0xffff, 0, high, low],
        2 => [0x64, 0xff9b, 0, 0, 0, 0, high, low],
        3 => [0x2002, high, low, draws.next() as u16, 0, 0, 0, draws.next() as u16],
        _ => [0, 0, 0, 0, 0, 0xffff, high, low],
    }
}

fn ipv6_text(segments: [u16; 8], draws: &mut Draws) -> String {
    let address = std::net::Ipv6Addr::from(segments);
    let text = match draws.below(5) {
        0 => segments.map(|segment| format!("{segment:04x}")).join(":"),
        1 => segments.map(|segment| format!("{segment:X}")).join(":"),
        2 => {
            let [.., high, low] = segments;
            let [a, b] = high.to_be_bytes();
            let [c, d] = low.to_be_bytes();
            let first = segments[..6].iter().map(|segment| format!("{segment:x}")).collect::<Vec<_>>().join(":");
            format!("{first}:{a}.{b}.{c}.{d}")
        }
        _ => address.to_string(),
    };
    let zone = match draws.below(8) {
        0 => "%25eth0",
        1 => "%1",
        2 => "%251",
        _ => "",
    };
    if draws.below(30) == 0 { format!("{text}{zone}") } else { format!("[{text}{zone}]") }
}

/// The host in a URL, with what attackers put around it.
fn url_of(host: &str, draws: &mut Draws) -> String {
    let scheme = draws.one_of(&["http", "https", "HTTP", "hTTps"]);
    let before = draws.one_of(&["", "", "", "", "", "public.example@", "user:word@", "public.example%2f@", "@"]);
    let port = draws.one_of(&["", "", "", ":80", ":443", ":8080", ":65535", ":0", ":", ":+80"]);
    let after = draws.one_of(&["", "/", "/hooks", "/?q=1", "?public.example", "/@public.example", "\\@public.example", "\t/"]);
    format!("{scheme}://{before}{host}{port}{after}")
}
