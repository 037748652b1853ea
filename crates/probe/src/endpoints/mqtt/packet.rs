//! Packets of MQTT 3.1.1 and 5.0: what we say, and what of a broker's answers we read. Pure functions over bytes.

/// MQTT 3.1.1 in a CONNECT.
pub(in crate::endpoints) const V3: u8 = 4;
/// MQTT 5.0 in a CONNECT.
pub(in crate::endpoints) const V5: u8 = 5;

/// The largest packet that we ask brokers of MQTT 5.0 to send.
const LARGEST: u32 = 64 << 10;
/// Seconds after which a broker may forget us, should we vanish.
const KEEP_ALIVE: u16 = 10;

/// Logs in for a session that leaves nothing behind.
pub(in crate::endpoints) fn connect(version: u8, client: &str, login: Option<(&str, &str)>) -> Vec<u8> {
    let mut body = Vec::with_capacity(64);
    text(&mut body, "MQTT");
    // A clean session; with a login, its name and password.
    body.extend([version, if login.is_some() { 0xc2 } else { 0x02 }]);
    body.extend(KEEP_ALIVE.to_be_bytes());
    if version == V5 {
        // Maximum packet size.
        body.extend([5, 0x27]);
        body.extend(LARGEST.to_be_bytes());
    }
    text(&mut body, client);
    if let Some((user, password)) = login {
        text(&mut body, user);
        text(&mut body, password);
    }
    packet(0x10, &body)
}

/// Asks for messages of topics, of MQTT 5.0 without those that were kept when not `kept`.
pub(super) fn subscribe(version: u8, id: u16, topics: &str, kept: bool) -> Vec<u8> {
    let mut body = id.to_be_bytes().to_vec();
    if version == V5 {
        body.push(0);
    }
    text(&mut body, topics);
    body.push(if version == V5 && !kept { 0x20 } else { 0 });
    packet(0x82, &body)
}

/// Says goodbye.
pub(super) fn disconnect() -> Vec<u8> {
    packet(0xe0, &[])
}

/// A text behind its length. Ours are far shorter than that can say; longer ones are cut.
fn text(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let bytes = bytes.get(..bytes.len().min(usize::from(u16::MAX))).unwrap_or_default();
    out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
    out.extend(bytes);
}

fn packet(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut packet = vec![kind];
    let mut left = body.len();
    loop {
        let digit = u8::try_from(left % 128).unwrap_or(0);
        left /= 128;
        packet.push(if left > 0 { digit | 0x80 } else { digit });
        if left == 0 {
            break;
        }
    }
    packet.extend(body);
    packet
}

/// What of a broker's packet matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It lets us in, or says why not.
    Connected {
        /// 0: we are in.
        code: u8,
    },
    /// It answers a subscription.
    Subscribed {
        /// Number of the subscription.
        id: u16,
        /// 0 to 2: agreed.
        code: u8,
    },
    /// It delivers a message, of which nothing else is looked at.
    Message {
        /// Whether the topic is one of the broker's own (`$SYS/...`).
        system: bool,
    },
    /// It closes, or says something else.
    Other {
        /// Kind of the packet.
        kind: u8,
    },
}

/// Reads the first packet: what it is and how many bytes it takes. None while bytes are missing; of a message only its
/// topic is waited for. The error: this is not MQTT.
pub fn said(bytes: &[u8]) -> Option<Result<(Said, usize), ()>> {
    let (&first, rest) = bytes.split_first()?;
    let mut length = 0_usize;
    let mut digits = 0;
    loop {
        let digit = *rest.get(digits)?;
        length |= usize::from(digit & 0x7f) << (7 * digits);
        digits += 1;
        if digit & 0x80 == 0 {
            break;
        }
        if digits == 4 {
            return Some(Err(()));
        }
    }
    let body = rest.get(digits..)?;
    let whole = 1 + digits + length;
    match first >> 4 {
        3 => {
            let (size, topic) = body.split_first_chunk::<2>()?;
            if usize::from(u16::from_be_bytes(*size)) + 2 > length {
                return Some(Err(()));
            }
            // One byte of the topic tells whose it is.
            let system = if *size == [0, 0] { false } else { *topic.first()? == b'$' };
            Some(Ok((Said::Message { system }, whole)))
        }
        kind @ (2 | 9) => {
            // Those answers are short; a longer one is another protocol.
            if length > 64 << 10 {
                return Some(Err(()));
            }
            let body = body.get(..length)?;
            let said = match (kind, body) {
                (2, [0 | 1, code, ..]) if first == 0x20 => Said::Connected { code: *code },
                (9, [high, low, .., code]) if first == 0x90 => {
                    Said::Subscribed { id: u16::from_be_bytes([*high, *low]), code: *code }
                }
                _ => return Some(Err(())),
            };
            Some(Ok((said, whole)))
        }
        // Their low bits are fixed (MQTT 5.0, 2.1.3).
        kind @ (4..=7 | 11 | 13..=15) if first & 0x0f == if kind == 6 { 2 } else { 0 } => {
            Some(Ok((Said::Other { kind }, whole)))
        }
        _ => Some(Err(())),
    }
}

/// Why a broker lets nobody in, in the words of its standard; and whether it is a matter of who asks.
pub(super) fn refusal(code: u8) -> (String, bool) {
    let (words, who) = match code {
        1 | 0x84 => ("unsupported protocol version", false),
        2 | 0x85 => ("client identifier not valid", false),
        3 | 0x88 => ("server unavailable", false),
        4 | 0x86 => ("bad user name or password", true),
        5 | 0x87 => ("not authorized", true),
        0x89 => ("server busy", false),
        0x8a => ("banned", false),
        0x8c => ("bad authentication method", true),
        0x97 => ("quota exceeded", false),
        0x9f => ("connection rate exceeded", false),
        other => return (format!("reason code {other:#04x}"), false),
    };
    (words.to_owned(), who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_are_written_as_the_standard_says() {
        let three = connect(V3, "palisade0", None);
        assert_eq!(three[..12], [0x10, 21, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 10]);
        assert_eq!(three.len(), 23);
        let five = connect(V5, "p", Some(("u", "secret")));
        assert_eq!(five[9], 0xc2);
        assert!(five.ends_with(b"\0\x01p\0\x01u\0\x06secret"));
        assert_eq!(subscribe(V5, 2, "#", false), [0x82, 7, 0, 2, 0, 0, 1, b'#', 0x20]);
        assert_eq!(subscribe(V3, 1, "#", false), [0x82, 6, 0, 1, 0, 1, b'#', 0]);
        assert_eq!(disconnect(), [0xe0, 0]);
        assert_eq!(packet(0x30, &[0; 200])[..3], [0x30, 0xc8, 1]);
    }

    #[test]
    fn answers_are_read_and_messages_only_as_far_as_their_topic() {
        assert_eq!(said(&[0x20, 2, 0, 5]), Some(Ok((Said::Connected { code: 5 }, 4))));
        assert_eq!(said(&[0x20, 3, 0, 0x87, 0]), Some(Ok((Said::Connected { code: 0x87 }, 5))));
        assert_eq!(said(&[0x90, 4, 0, 2, 0, 0x80]), Some(Ok((Said::Subscribed { id: 2, code: 0x80 }, 6))));
        let system = [0x31, 0xff, 0xff, 0x7f, 0, 10, b'$'];
        assert_eq!(said(&system), Some(Ok((Said::Message { system: true }, 4 + 0x1f_ffff))));
        assert_eq!(said(&[0x30, 3, 0, 1, b'a']), Some(Ok((Said::Message { system: false }, 5))));
        assert_eq!(said(&[0x20, 2, 0]), None);
        assert_eq!(said(&[]), None);
    }

    #[test]
    fn what_is_not_mqtt_is_told() {
        assert_eq!(said(b"HTTP/1.1 400 Bad Request\r\n"), Some(Err(())));
        assert_eq!(said(b"SSH-2.0-x\r\n"), Some(Err(())));
        assert_eq!(said(&[0x20, 0xff, 0xff, 0xff, 0xff, 1]), Some(Err(())));
        assert_eq!(said(&[0x20, 2, 9, 9]), Some(Err(())));
        assert_eq!(said(&[0x30, 1, 0, 9, 9]), Some(Err(())));
        assert_eq!(said(&[21, 3, 3, 0, 2]), Some(Err(())));
    }
}
