//! What an authenticator answers: CBOR within JSON.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::NOW;
use crate::identity::gate::Attempt;
use crate::identity::passkeys::{Ceremony, Passkeys};

const USER: &str = "a8f9c1d2-3b4e-4f60-8a7b-9c0d1e2f3a4b";
const ORIGIN: &str = "https://localhost:8443";

/// A user of a site with one passkey, who makes another and shows the first.
#[derive(Debug)]
pub struct Site {
    passkeys: Passkeys,
    made: Ceremony,
    shown: Ceremony,
    stored: Vec<String>,
}

impl Site {
    /// Makes the passkey that is shown: of a key that everybody knows.
    pub fn new() -> Option<Self> {
        let passkeys = Passkeys::at(ORIGIN, "fuzz").ok()?;
        let first = passkeys.start_registration(USER, "eva", "Eva", &[], NOW).ok()?;
        let answer = created(&first, &attestation());
        let stored = vec![passkeys.finish_registration(USER, &first.state, &answer, NOW).ok()?.credential];
        let made = passkeys.start_registration(USER, "eva", "Eva", &[], NOW).ok()?;
        let shown = passkeys.start_login(USER, &stored, NOW).ok()?;
        Some(Self { passkeys, made, shown, stored })
    }
}

/// An answer as text; or bytes of the authenticator in an answer that is right but for them.
pub fn passkeys(site: &Site, bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    let (made, shown) = match kind % 3 {
        0 => {
            let text = String::from_utf8_lossy(rest).into_owned();
            (text.clone(), text)
        }
        1 => (created(&site.made, rest), got(&site.shown, rest, &[])),
        _ => {
            let (data, signature) = rest.split_at(rest.len().min(37));
            (created(&site.made, rest), got(&site.shown, data, signature))
        }
    };
    if let Ok(registered) = site.passkeys.finish_registration(USER, &site.made.state, &made, NOW) {
        assert!(!registered.id.is_empty() && registered.credential.len() <= 8 * 1024);
        let stored = [registered.credential];
        assert!(site.passkeys.start_login(USER, &stored, NOW).is_ok(), "a kept passkey cannot be read");
    }
    let attempt = Attempt::of_nobody();
    let opened = site.passkeys.finish_login(&attempt, USER, &site.shown.state, &site.stored, &shown, NOW);
    assert!(opened.is_err(), "opened without the key");
}

fn challenge(ceremony: &Ceremony) -> String {
    let value: Value = serde_json::from_str(&ceremony.challenge).unwrap_or_default();
    value.pointer("/publicKey/challenge").and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn client_data(kind: &str, ceremony: &Ceremony) -> String {
    let data = json!({"type": kind, "challenge": challenge(ceremony), "origin": ORIGIN, "crossOrigin": false});
    URL_SAFE_NO_PAD.encode(data.to_string())
}

fn created(ceremony: &Ceremony, attestation: &[u8]) -> String {
    let id = URL_SAFE_NO_PAD.encode(ID);
    let attestation = URL_SAFE_NO_PAD.encode(attestation);
    let response =
        json!({"attestationObject": attestation, "clientDataJSON": client_data("webauthn.create", ceremony)});
    json!({"id": id, "rawId": id, "type": "public-key", "response": response}).to_string()
}

fn got(ceremony: &Ceremony, data: &[u8], signature: &[u8]) -> String {
    let id = URL_SAFE_NO_PAD.encode(ID);
    let response = json!({
        "authenticatorData": URL_SAFE_NO_PAD.encode(data),
        "clientDataJSON": client_data("webauthn.get", ceremony),
        "signature": URL_SAFE_NO_PAD.encode(signature),
    });
    json!({"id": id, "rawId": id, "type": "public-key", "response": response}).to_string()
}

const ID: [u8; 16] = [9; 16];

/// "none" over a P-256 key: the generator of the curve.
fn attestation() -> Vec<u8> {
    const X: [u8; 32] = [
        0x6b, 0x17, 0xd1, 0xf2, 0xe1, 0x2c, 0x42, 0x47, 0xf8, 0xbc, 0xe6, 0xe5, 0x63, 0xa4, 0x40, 0xf2, 0x77,
        0x03, 0x7d, 0x81, 0x2d, 0xeb, 0x33, 0xa0, 0xf4, 0xa1, 0x39, 0x45, 0xd8, 0x98, 0xc2, 0x96,
    ];
    const Y: [u8; 32] = [
        0x4f, 0xe3, 0x42, 0xe2, 0xfe, 0x1a, 0x7f, 0x9b, 0x8e, 0xe7, 0xeb, 0x4a, 0x7c, 0x0f, 0x9e, 0x16, 0x2b,
        0xce, 0x33, 0x57, 0x6b, 0x31, 0x5e, 0xce, 0xcb, 0xb6, 0x40, 0x68, 0x37, 0xbf, 0x51, 0xf5,
    ];
    let mut data = Sha256::digest("localhost").to_vec();
    data.extend([0x45, 0, 0, 0, 1]);
    data.extend([0; 16]);
    data.extend([0, 16]);
    data.extend(ID);
    data.extend(b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20");
    data.extend(X);
    data.extend(b"\x22\x58\x20");
    data.extend(Y);
    let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".to_vec();
    object.push(u8::try_from(data.len()).unwrap_or(u8::MAX));
    object.extend(data);
    object
}
