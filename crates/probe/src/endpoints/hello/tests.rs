//! Made-up machines for TLS hellos and answers.

use super::super::answer::*;
use super::*;

fn record(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut record = vec![kind, 3, 3];
    block16(&mut record, |out| out.extend(content));
    record
}

fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let mut message = vec![kind, 0];
    block16(&mut message, |out| out.extend(content));
    message
}

/// A ServerHello with these extensions.
fn server_says(version: u16, suite: u16, extensions: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([9; 32]);
    body.push(0);
    body.extend(suite.to_be_bytes());
    body.push(0);
    block16(&mut body, |out| {
        for (kind, content) in extensions {
            extension(out, *kind, |out| out.extend(*content));
        }
    });
    message(2, &body)
}

fn heard(answer: Option<Answer>) -> ServerHello {
    match answer {
        Some(Answer::Hello(hello)) => *hello,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_version_of_tls_1_3_stands_in_an_extension() {
    let bytes = record(22, &server_says(TLS1_2, 0x1301, &[(43, &[3, 4]), (51, &[0, 29])]));
    let hello = heard(answer(&bytes, Until::Done));
    assert_eq!((hello.version, hello.suite, hello.group), (TLS1_3, 0x1301, Some(29)));
}

#[test]
fn a_key_exchange_tells_its_curve_or_the_size_of_its_prime() {
    let mut curved = server_says(TLS1_2, 0xc02f, &[(0xff01, &[0])]);
    curved.extend(message(11, &[0, 0, 5, 0, 0, 2, 0xde, 0xad]));
    curved.extend(message(12, &[3, 0, 23, 1, 4]));
    let hello = heard(answer(&record(22, &curved), Until::KeyExchange));
    assert_eq!((hello.group, hello.extensions.as_slice()), (Some(23), &[0xff01][..]));
    assert_eq!(hello.certificates, [vec![0xde, 0xad]]);

    let mut prime = vec![0, 129, 0, 0x80];
    prime.extend([1; 127]);
    let mut finite = server_says(TLS1_0, 0x0039, &[]);
    finite.extend(message(12, &prime));
    let hello = heard(answer(&record(22, &finite), Until::KeyExchange));
    assert_eq!((hello.version, hello.dh_bits), (TLS1_0, Some(1024)));
}

#[test]
fn an_answer_of_ssl_3_without_extensions_is_read() {
    let mut body = SSL3_0.to_be_bytes().to_vec();
    body.extend([9; 32]);
    body.extend([0, 0, 0x0a, 0]);
    let hello = heard(answer(&record(22, &message(2, &body)), Until::Hello));
    assert_eq!((hello.version, hello.suite), (SSL3_0, 0x000a));
}

#[test]
fn alerts_refuse_and_warnings_do_not() {
    assert_eq!(answer(&record(21, &[2, 40]), Until::Hello), Some(Answer::Refused(40)));
    let mut warned = record(21, &[1, 112]);
    assert_eq!(answer(&warned, Until::Hello), None);
    warned.extend(record(22, &server_says(TLS1_2, 0xc02f, &[])));
    assert_eq!(heard(answer(&warned, Until::Hello)).suite, 0xc02f);
}

#[test]
fn what_is_not_tls_is_told_apart_from_what_is_not_complete() {
    for other in
        [&b"HTTP/1.1 400 Bad Request\r\n"[..], b"SSH-2.0-x\r\n", &[0; 40], &[22, 9, 9], &[22, 3, 3, 0xff, 0xff]]
    {
        assert_eq!(answer(other, Until::Hello), Some(Answer::NotTls), "{other:?}");
    }
    let whole = record(22, &server_says(TLS1_2, 0xc02f, &[(23, &[])]));
    for end in 0..whole.len() {
        assert_eq!(answer(&whole[..end], Until::Hello), None, "{end}");
    }
}

#[test]
fn a_message_may_be_spread_over_records() {
    let whole = server_says(TLS1_1, 0x002f, &[(23, &[])]);
    let bytes: Vec<u8> = whole.chunks(7).flat_map(|piece| record(22, piece)).collect();
    assert_eq!(heard(answer(&bytes, Until::Hello)).version, TLS1_1);
}

#[test]
fn random_bytes_never_panic() {
    let mut state = 0x2545_f491_u32;
    let whole = record(22, &server_says(TLS1_2, 0xc02f, &[(43, &[3, 4]), (51, &[0, 29]), (0xff01, &[0])]));
    for _ in 0..20_000 {
        let mut bytes = whole.clone();
        for _ in 0..3 {
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            let at = state as usize % bytes.len();
            bytes[at] = state.to_be_bytes()[0];
        }
        answer(&bytes, Until::Done);
    }
}

#[test]
fn every_length_in_our_hello_is_right() {
    let hello = Hello {
        version: TLS1_3,
        any_version: true,
        suites: &[0x1301, 0xc02f],
        groups: &[29, 23],
        name: Some("localhost"),
        compress: true,
        fallback: true,
        sha1_only: false,
        share: true,
    };
    let bytes = hello.bytes();
    let (_, rest) = bytes.split_at(3);
    let (record, rest) = take_block16(rest).unwrap();
    assert!(rest.is_empty());
    let (message, rest) = take_block24(&record[1..]).unwrap();
    assert!(rest.is_empty());
    let (_session, rest) = take_block8(&message[34..]).unwrap();
    let (suites, rest) = take_block16(rest).unwrap();
    assert_eq!(suites, [0x13, 0x01, 0xc0, 0x2f, 0x56, 0x00]);
    let (compression, rest) = take_block8(rest).unwrap();
    assert_eq!(compression, [1, 0]);
    let (mut extensions, rest) = take_block16(rest).unwrap();
    assert!(rest.is_empty());
    while !extensions.is_empty() {
        let (_, rest) = take_u16(extensions).unwrap();
        extensions = take_block16(rest).unwrap().1;
    }
}

#[test]
fn a_server_with_a_key_on_a_brainpool_curve_finds_its_signature() {
    let signature = [0x08, 0x1a];
    let hello = Hello {
        version: TLS1_3,
        any_version: false,
        suites: &[0x1301],
        groups: &[31],
        name: None,
        compress: false,
        fallback: false,
        sha1_only: false,
        share: false,
    };
    assert!(hello.bytes().windows(2).any(|pair| pair == signature));
}

#[test]
fn a_ticket_in_clear_tells_how_long_it_may_be_used() {
    let mut bytes = record(22, &server_says(TLS1_2, 0xc02f, &[(35, &[])]));
    assert_eq!(ticket_lifetime(&bytes), None);
    let mut second = message(14, &[]);
    second.extend(message(4, &[0, 0, 0x1c, 0x20, 0, 2, 7, 7]));
    bytes.extend(record(22, &second));
    bytes.extend(record(20, &[1]));
    bytes.extend(record(22, &[9; 40]));
    assert_eq!(ticket_lifetime(&bytes), Some(7200));
    for length in 0..bytes.len() {
        let _ = ticket_lifetime(&bytes[..length]);
    }
}
