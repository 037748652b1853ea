//! A browser and an authenticator made of software go through registration and login, and through what attackers would try.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::{SignedDuration, Timestamp};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use rstest::rstest;
use serde_json::{Value, json};

use super::*;

const ORIGIN: &str = "https://palisade.example.org:8443";
const RP_ID: &str = "palisade.example.org";
const EVE: &str = "4f1c2f3e-5d6c-4b7a-8899-aabbccddeeff";
const BOB: &str = "00000000-1111-4222-8333-444444444444";

const PRESENT: u8 = 1;
const VERIFIED: u8 = 1 << 2;
const MAY_SYNC: u8 = 1 << 3;
const SYNCED: u8 = 1 << 4;
const NEW_KEY: u8 = 1 << 6;

fn passkeys() -> Passkeys {
    Passkeys::new(RP_ID, ORIGIN, "Palisade").unwrap()
}

fn now() -> Timestamp {
    "2026-01-01T12:00:00Z".parse().unwrap()
}

/// One key on one authenticator, with the browser before it.
pub(crate) struct Authenticator {
    key: EcdsaKeyPair,
    id: Vec<u8>,
    aaguid: Uuid,
    flags: u8,
    pub(crate) counter: u32,
    origin: String,
    rp_id: String,
    owner: Option<Vec<u8>>,
}

impl Authenticator {
    fn new() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &random).unwrap();
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &random).unwrap();
        let id = crate::random::bytes::<32>().unwrap().to_vec();
        Self {
            key,
            id,
            aaguid: Uuid::nil(),
            flags: PRESENT | VERIFIED,
            counter: 1,
            origin: ORIGIN.to_owned(),
            rp_id: RP_ID.to_owned(),
            owner: None,
        }
    }

    /// One before a browser at this address.
    pub(crate) fn at(rp_id: &str, origin: &str) -> Self {
        Self { rp_id: rp_id.to_owned(), origin: origin.to_owned(), ..Self::new() }
    }

    fn client_data(&self, kind: &str, challenge: &Value) -> String {
        let challenge = &challenge["publicKey"]["challenge"];
        json!({"type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false}).to_string()
    }

    fn data(&self, flags: u8) -> Vec<u8> {
        let hash: [u8; 32] = Sha256::digest(&self.rp_id).into();
        [&hash[..], &[flags], &self.counter.to_be_bytes()].concat()
    }

    /// `navigator.credentials.create()`.
    pub(crate) fn create(&self, challenge: &str) -> Value {
        let challenge: Value = serde_json::from_str(challenge).unwrap();
        let (x, y) = self.key.public_key().as_ref()[1..].split_at(32);
        // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
        let cose = [&[0xa5, 1, 2, 3, 0x26, 0x20, 1, 0x21, 0x58, 32], x, &[0x22, 0x58, 32], y].concat();
        let data = [
            &self.data(self.flags | NEW_KEY),
            self.aaguid.as_bytes().as_slice(),
            &[0, u8::try_from(self.id.len()).unwrap()],
            &self.id,
            &cose,
        ]
        .concat();
        // {"fmt": "none", "attStmt": {}, "authData": data}
        let head = [
            b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData\x58".as_slice(),
            &[u8::try_from(data.len()).unwrap()],
        ];
        let object = [&head.concat(), &data[..]].concat();
        json!({
            "id": base64(&self.id), "rawId": base64(&self.id), "type": "public-key",
            "response": {
                "attestationObject": base64(&object),
                "clientDataJSON": base64(self.client_data("webauthn.create", &challenge).as_bytes()),
                "transports": ["internal"],
            },
            "clientExtensionResults": {"credProps": {"rk": true}},
        })
    }

    /// `navigator.credentials.get()`.
    pub(crate) fn get(&mut self, challenge: &str) -> Value {
        let challenge: Value = serde_json::from_str(challenge).unwrap();
        if self.counter > 0 {
            self.counter += 1;
        }
        let client = self.client_data("webauthn.get", &challenge);
        let data = self.data(self.flags);
        let signed = [&data[..], Sha256::digest(&client).as_ref()].concat();
        let signature = self.key.sign(&SystemRandom::new(), &signed).unwrap();
        json!({
            "id": base64(&self.id), "rawId": base64(&self.id), "type": "public-key",
            "response": {
                "authenticatorData": base64(&data),
                "clientDataJSON": base64(client.as_bytes()),
                "signature": base64(signature.as_ref()),
                "userHandle": self.owner.as_ref().map(base64),
            },
            "clientExtensionResults": {},
        })
    }
}

fn base64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

fn register(user: &str, authenticator: &Authenticator) -> Result<Registered, PasskeyError> {
    let started = passkeys().start_registration(user, "eve", "Eve Adams", &[], now()).unwrap();
    let answer = authenticator.create(&started.challenge).to_string();
    passkeys().finish_registration(user, &started.state, &answer, now())
}

/// A registered authenticator and what is kept of it.
fn registered() -> (Authenticator, Vec<String>) {
    let authenticator = Authenticator::new();
    let registered = register(EVE, &authenticator).unwrap();
    (authenticator, vec![registered.credential])
}

fn finish(user: &str, state: &str, stored: &[String], answer: &Value) -> Result<Passed, PasskeyError> {
    passkeys().finish_login(&Attempt::of_nobody(), user, state, stored, &answer.to_string(), now())
}

fn log_in(authenticator: &mut Authenticator, stored: &[String]) -> Result<Passed, PasskeyError> {
    let started = passkeys().start_login(EVE, stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge);
    finish(EVE, &started.state, stored, &answer)
}

#[test]
fn a_passkey_is_made_and_opens_again_and_again() {
    let (mut authenticator, mut stored) = registered();
    for _ in 0..3 {
        let passed = log_in(&mut authenticator, &stored).unwrap();
        assert_eq!(passed.id, base64(&authenticator.id));
        stored = vec![passed.changed.unwrap()];
    }
}

#[test]
fn the_browser_is_asked_to_verify_the_user_and_to_vouch_for_nothing() {
    let (authenticator, stored) = registered();
    let started = passkeys().start_registration(EVE, "eve", "Eve Adams", &stored, now()).unwrap();
    let mut challenge: Value = serde_json::from_str(&started.challenge).unwrap();
    challenge["publicKey"]["challenge"] = "...".into();
    let options = &challenge["publicKey"];
    let selection =
        json!({"requireResidentKey": false, "residentKey": "preferred", "userVerification": "required"});
    assert_eq!(options["authenticatorSelection"], selection);
    assert_eq!(options["attestation"], "none");
    assert_eq!(options["timeout"], 300_000);
    assert_eq!(options["rp"], json!({"id": RP_ID, "name": "Palisade"}));
    assert_eq!(options["user"]["id"], base64(Uuid::parse_str(EVE).unwrap()));
    assert_eq!(options["excludeCredentials"][0]["id"], base64(&authenticator.id));

    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let challenge: Value = serde_json::from_str(&started.challenge).unwrap();
    assert_eq!(challenge["publicKey"]["userVerification"], "required");
    assert_eq!(challenge["publicKey"]["allowCredentials"][0]["id"], base64(&authenticator.id));
}

#[test]
fn what_a_passkey_says_of_itself_is_told() {
    let mut authenticator = Authenticator::new();
    let plain = register(EVE, &authenticator).unwrap();
    assert_eq!(plain.facts, PasskeyFacts { aaguid: None, maker: None, can_sync: false, is_synced: false });
    assert_eq!(label("  ", &plain.facts), "Passkey");

    authenticator.aaguid = Uuid::parse_str("d548826e-79b4-db40-a3d8-11116f7e8349").unwrap();
    authenticator.flags |= MAY_SYNC | SYNCED;
    authenticator.counter = 0;
    let registered = register(EVE, &authenticator).unwrap();
    assert_eq!(registered.facts.aaguid.as_deref(), Some("d548826e-79b4-db40-a3d8-11116f7e8349"));
    assert_eq!(
        (registered.facts.maker, registered.facts.can_sync, registered.facts.is_synced),
        (Some("Bitwarden"), true, true)
    );
    assert_eq!(facts(&registered.credential).unwrap(), registered.facts);
    assert_eq!(label("", &registered.facts), "Bitwarden");
    assert_eq!(label(" Work\u{7} phone ", &registered.facts), "Work phone");
    assert_eq!(label(&"x".repeat(100), &registered.facts).len(), 64);
}

#[test]
fn a_synchronised_passkey_does_not_count_and_opens_all_the_same() {
    let mut authenticator = Authenticator::new();
    authenticator.flags |= MAY_SYNC;
    authenticator.counter = 0;
    let mut stored = vec![register(EVE, &authenticator).unwrap().credential];
    assert!(log_in(&mut authenticator, &stored).unwrap().changed.is_none());
    authenticator.flags |= SYNCED;
    let passed = log_in(&mut authenticator, &stored).unwrap();
    assert!(passed.facts.is_synced);
    stored = vec![passed.changed.unwrap()];
    assert!(facts(&stored[0]).unwrap().is_synced);
}

#[test]
fn a_page_of_another_address_gets_nowhere() {
    let mut authenticator = Authenticator::new();
    for origin in [
        "https://palisade.example.org.evil.test:8443",
        "https://palisade.example.org",
        "http://palisade.example.org:8443",
    ] {
        authenticator.origin = origin.to_owned();
        assert!(matches!(register(EVE, &authenticator), Err(PasskeyError::Origin)), "{origin}");
    }
    let (mut authenticator, stored) = registered();
    authenticator.origin = "https://evil.example.org:8443".to_owned();
    assert!(matches!(log_in(&mut authenticator, &stored), Err(PasskeyError::Origin)));
    authenticator.origin = ORIGIN.to_owned();
    authenticator.rp_id = "evil.example.org".to_owned();
    assert!(matches!(log_in(&mut authenticator, &stored), Err(PasskeyError::Origin)));
}

#[test]
fn an_authenticator_that_verified_nobody_is_refused() {
    let mut authenticator = Authenticator::new();
    authenticator.flags = PRESENT;
    assert!(matches!(register(EVE, &authenticator), Err(PasskeyError::NotVerified)));
    let (mut authenticator, stored) = registered();
    for flags in [PRESENT, VERIFIED] {
        authenticator.flags = flags;
        assert!(matches!(log_in(&mut authenticator, &stored), Err(PasskeyError::NotVerified)));
    }
}

#[test]
fn an_answer_to_another_challenge_is_refused() {
    let (mut authenticator, stored) = registered();
    let first = passkeys().start_login(EVE, &stored, now()).unwrap();
    let second = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&first.challenge);
    assert!(matches!(finish(EVE, &second.state, &stored, &answer), Err(PasskeyError::Challenge)));

    let first = passkeys().start_registration(EVE, "eve", "Eve", &[], now()).unwrap();
    let second = passkeys().start_registration(EVE, "eve", "Eve", &[], now()).unwrap();
    let answer = Authenticator::new().create(&first.challenge).to_string();
    let refused = passkeys().finish_registration(EVE, &second.state, &answer, now());
    assert!(matches!(refused, Err(PasskeyError::Challenge)));
}

#[test]
fn an_answer_sent_again_is_refused() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge);
    let changed = finish(EVE, &started.state, &stored, &answer).unwrap().changed.unwrap();
    // The state is gone by then; if it were not, the counter would tell.
    let again = finish(EVE, &started.state, std::slice::from_ref(&changed), &answer);
    assert!(matches!(again, Err(PasskeyError::Copied { id }) if id == base64(&authenticator.id)));
    // With a state of its own, the challenge does.
    let anew = passkeys().start_login(EVE, std::slice::from_ref(&changed), now()).unwrap();
    assert!(matches!(finish(EVE, &anew.state, &[changed], &answer), Err(PasskeyError::Challenge)));
}

#[test]
fn a_counter_that_goes_back_is_told_as_a_copy() {
    let (mut authenticator, stored) = registered();
    authenticator.counter = 10;
    let stored = vec![log_in(&mut authenticator, &stored).unwrap().changed.unwrap()];
    for back in [10, 5, 1] {
        authenticator.counter = back;
        assert!(matches!(log_in(&mut authenticator, &stored), Err(PasskeyError::Copied { .. })), "{back}");
    }
    authenticator.counter = 11;
    assert!(log_in(&mut authenticator, &stored).is_ok());
}

#[test]
fn a_copy_used_between_start_and_end_is_noticed() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge);
    let later = vec![log_in(&mut authenticator, &stored).unwrap().changed.unwrap()];
    assert!(matches!(finish(EVE, &started.state, &later, &answer), Err(PasskeyError::Copied { .. })));
}

#[test]
fn a_state_opens_for_five_minutes_and_no_longer() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge).to_string();
    let at = |seconds| {
        let later = now() + SignedDuration::from_secs(seconds);
        passkeys().finish_login(&Attempt::of_nobody(), EVE, &started.state, &stored, &answer, later)
    };
    assert!(matches!(at(300), Err(PasskeyError::Expired)));
    assert!(at(299).is_ok());
    let started = passkeys().start_registration(EVE, "eve", "Eve", &[], now()).unwrap();
    let answer = Authenticator::new().create(&started.challenge).to_string();
    let late =
        passkeys().finish_registration(EVE, &started.state, &answer, now() + SignedDuration::from_mins(5));
    assert!(matches!(late, Err(PasskeyError::Expired)));
}

#[test]
fn another_users_passkey_and_another_users_state_do_not_open() {
    let (mut eves, stored) = registered();
    let mut bobs = Authenticator::new();
    let bob = vec![register(BOB, &bobs).unwrap().credential];

    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    assert!(matches!(
        finish(EVE, &started.state, &stored, &bobs.get(&started.challenge)),
        Err(PasskeyError::NotTheirs)
    ));
    assert!(matches!(
        finish(BOB, &started.state, &bob, &bobs.get(&started.challenge)),
        Err(PasskeyError::State)
    ));

    // Bob's authenticator claims to be Eve's: the identifier fits, the key does not.
    bobs.id.clone_from(&eves.id);
    let claimed = finish(EVE, &started.state, &stored, &bobs.get(&started.challenge));
    assert!(matches!(claimed, Err(PasskeyError::Refused(_))), "{claimed:?}");

    eves.owner = Some(Uuid::parse_str(BOB).unwrap().as_bytes().to_vec());
    assert!(matches!(log_in(&mut eves, &stored), Err(PasskeyError::NotTheirs)));
    eves.owner = Some(Uuid::parse_str(EVE).unwrap().as_bytes().to_vec());
    assert!(log_in(&mut eves, &stored).is_ok());
}

#[test]
fn a_passkey_that_was_removed_since_the_start_does_not_open() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge);
    assert!(matches!(finish(EVE, &started.state, &[], &answer), Err(PasskeyError::NotTheirs)));
}

#[test]
fn a_state_of_one_purpose_does_not_open_the_other() {
    let (mut authenticator, stored) = registered();
    let login = passkeys().start_login(EVE, &stored, now()).unwrap();
    let registration = passkeys().start_registration(EVE, "eve", "Eve", &[], now()).unwrap();
    let answer = authenticator.get(&registration.challenge);
    assert!(matches!(finish(EVE, &registration.state, &stored, &answer), Err(PasskeyError::State)));
    let answer = authenticator.create(&login.challenge).to_string();
    let refused = passkeys().finish_registration(EVE, &login.state, &answer, now());
    assert!(matches!(refused, Err(PasskeyError::State)));
}

#[test]
fn an_authenticator_registers_once() {
    let (authenticator, stored) = registered();
    let started = passkeys().start_registration(EVE, "eve", "Eve", &stored, now()).unwrap();
    let answer = authenticator.create(&started.challenge).to_string();
    let again = passkeys().finish_registration(EVE, &started.state, &answer, now());
    assert!(again.is_err(), "{again:?}");
}

#[test]
fn any_altered_byte_of_a_signed_answer_is_refused() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let answer = authenticator.get(&started.challenge);
    for part in ["authenticatorData", "clientDataJSON", "signature"] {
        let bytes = URL_SAFE_NO_PAD.decode(answer["response"][part].as_str().unwrap()).unwrap();
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1;
            let mut answer = answer.clone();
            answer["response"][part] = base64(altered).into();
            assert!(finish(EVE, &started.state, &stored, &answer).is_err(), "{part} at {at}");
        }
    }
    assert!(finish(EVE, &started.state, &stored, &answer).is_ok());
}

#[rstest]
#[case::nothing("")]
#[case::no_object("[]")]
#[case::an_empty_object("{}")]
#[case::no_base64(r#"{"id":"?","rawId":"?","type":"public-key","response":{"authenticatorData":"?","clientDataJSON":"?","signature":"?","userHandle":null}}"#)]
fn an_answer_that_is_none_is_refused(#[case] answer: &str) {
    let (_, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let attempt = Attempt::of_nobody();
    let login = passkeys().finish_login(&attempt, EVE, &started.state, &stored, answer, now());
    assert!(matches!(login, Err(PasskeyError::Answer)));
    let started = passkeys().start_registration(EVE, "eve", "Eve", &[], now()).unwrap();
    let registration = passkeys().finish_registration(EVE, &started.state, answer, now());
    assert!(matches!(registration, Err(PasskeyError::Answer)));
}

#[test]
fn what_is_too_long_is_refused_before_it_is_read() {
    let (mut authenticator, stored) = registered();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    let mut answer = authenticator.get(&started.challenge);
    answer["padding"] = "x".repeat(MAX_ANSWER).into();
    assert!(matches!(finish(EVE, &started.state, &stored, &answer), Err(PasskeyError::Answer)));
    let padded = format!("{}{}", started.state, " ".repeat(MAX_STATE));
    assert!(matches!(finish(EVE, &padded, &stored, &json!({})), Err(PasskeyError::State)));
}

#[test]
fn twenty_passkeys_fit_into_a_state_and_no_more_are_made() {
    let stored: Vec<String> = (0..MAX_PASSKEYS).map(|_| registered().1.remove(0)).collect();
    let started = passkeys().start_login(EVE, &stored, now()).unwrap();
    assert!(started.state.len() < MAX_STATE / 4, "{} bytes", started.state.len());
    let refused = passkeys().start_registration(EVE, "eve", "Eve", &stored, now());
    assert!(matches!(refused, Err(PasskeyError::TooMany)));
    assert!(matches!(passkeys().start_login(EVE, &[], now()), Err(PasskeyError::None)));
}

#[test]
fn a_stored_credential_that_cannot_be_read_is_told() {
    assert!(matches!(passkeys().start_login(EVE, &["{}".to_owned()], now()), Err(PasskeyError::Stored)));
    assert!(matches!(facts(&" ".repeat(MAX_CREDENTIAL + 1)), Err(PasskeyError::Stored)));
}

#[rstest]
#[case::no_address("palisade", RP_ID, "it is not an address")]
#[case::plain_http("http://palisade.example.org:8443", RP_ID, "over HTTPS only")]
#[case::an_ip_address("https://192.0.2.1:8443", "192.0.2.1", "not for IP addresses; give the server a name")]
#[case::an_ipv6_address("https://[2001:db8::1]:8443", "2001:db8::1", "not for IP addresses")]
#[case::another_domain(ORIGIN, "example.com", "does not belong to the domain")]
#[case::half_a_domain(ORIGIN, "sade.example.org", "does not belong to the domain")]
fn an_address_without_passkeys_is_told_with_its_reason(
    #[case] origin: &str,
    #[case] rp_id: &str,
    #[case] said: &str,
) {
    let error = Passkeys::new(rp_id, origin, "Palisade").unwrap_err().to_string();
    assert!(error.contains(said), "{error}");
}

#[test]
fn passkeys_are_bound_to_the_host_of_the_address() {
    let made = Passkeys::at("https://localhost:8443", "Palisade").unwrap();
    assert_eq!(made.rp_id_hash, <[u8; 32]>::from(Sha256::digest("localhost")));
    let error = Passkeys::at("https://[2001:db8::1]:8443", "Palisade").unwrap_err().to_string();
    assert!(error.contains("not for IP addresses"), "{error}");
}

#[rstest]
#[case("https://localhost:8443", "localhost")]
#[case(ORIGIN, "example.org")]
fn an_address_with_passkeys_is_taken(#[case] origin: &str, #[case] rp_id: &str) {
    assert!(Passkeys::new(rp_id, origin, "Palisade").is_ok());
}
