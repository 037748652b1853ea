//! Messages as servers write them, and as nobody should.

use super::*;

/// A response's header without anything in it.
fn response(kind: u16, status: u32) -> Writer {
    Writer::default().node(kind).zero_eight().u32(1).u32(status).u8(0).none().raw(&[0, 0, 0])
}

fn described(mode: u32, policy: &str, tokens: &[(u32, &str)]) -> Vec<u8> {
    let mut out = response(431, 0)
        .u32(1)
        .text("opc.tcp://plant:4840/ua")
        .text("urn:plant")
        .text("urn:product")
        .u8(3)
        .text("en")
        .text("Plant")
        .u32(0)
        .none()
        .none()
        .u32(1)
        .text("opc.tcp://plant:4840")
        .bytes(&[0x30, 0])
        .u32(mode)
        .text(policy)
        .u32(u32::try_from(tokens.len()).unwrap());
    for (kind, policy) in tokens {
        out = out.text("id").u32(*kind).none().none().text(policy);
    }
    out.text("http://opcfoundation.org/UA-Profile/Transport/uatcp-uasc-uabinary").u8(7).bytes_so_far()
}

fn one(bytes: &[u8]) -> Described {
    match answer(bytes) {
        Some(Answer::Endpoints(mut all)) if all.len() == 1 => all.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_endpoint_tells_its_security_and_its_logins() {
    let secure = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
    let read = one(&described(3, secure, &[(0, ""), (1, NO_SECURITY), (1, "")]));
    let endpoint = &read.endpoint;
    assert_eq!(
        (endpoint.security_policy.as_str(), endpoint.mode.as_str()),
        ("Basic256Sha256", "sign-and-encrypt")
    );
    assert_eq!((endpoint.level, endpoint.transport.as_str()), (7, "uatcp-uasc-uabinary"));
    assert_eq!((read.application.as_str(), read.anonymous.as_deref()), ("urn:plant", Some("id")));
    // The channel encrypts what the token does not.
    assert!(endpoint.tokens.iter().all(|token| !token.in_clear));
}

#[test]
fn a_password_is_in_clear_when_neither_token_nor_channel_encrypts() {
    let secure = "http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256";
    let clear = |mode, policy, token| one(&described(mode, policy, &[(1, token)])).endpoint.tokens[0].in_clear;
    assert!(clear(1, NO_SECURITY, ""));
    assert!(clear(2, secure, NO_SECURITY));
    assert!(!clear(1, NO_SECURITY, secure));
    assert!(!clear(2, secure, ""));
}

#[test]
fn a_list_that_is_too_long_hides_nothing_at_its_end() {
    let tokens = |count: usize| described(1, NO_SECURITY, &vec![(0, ""); count]);
    assert_eq!(one(&tokens(TOKENS)).endpoint.tokens.len(), TOKENS);
    assert_eq!(answer(&tokens(TOKENS + 1)), None);
}

#[test]
fn refusals_are_told_by_their_status() {
    assert_eq!(answer(&response(397, 0x8021_0000).bytes_so_far()), Some(Answer::Refused(0x8021_0000)));
    assert_eq!(answer(&response(470, 0x801f_0000).bytes_so_far()), Some(Answer::Refused(0x801f_0000)));
    assert_eq!(answer(&response(470, 0).bytes_so_far()), Some(Answer::Activated));
    assert_eq!(status(0x8021_0000), ("BadIdentityTokenRejected".to_owned(), true));
    assert_eq!(status(0x8056_0000), ("BadTooManySessions".to_owned(), false));
    assert_eq!(status(0x8012_0000), ("BadCertificateInvalid".to_owned(), false));
    assert_eq!(status(0x8055_0000), ("BadSecurityPolicyRejected".to_owned(), true));
}

#[test]
fn a_session_is_named_by_the_bytes_of_its_token() {
    let token = [4, 1, 0, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9];
    let bytes = response(464, 0).raw(&[0, 7]).raw(&token).zero_eight().bytes_so_far();
    assert_eq!(answer(&bytes), Some(Answer::Session(token.to_vec())));
}

#[test]
fn what_is_cut_off_or_absurd_is_no_answer() {
    let whole = described(1, NO_SECURITY, &[(0, "")]);
    for length in 0..whole.len() {
        assert_eq!(answer(&whole[..length]), None, "{length}");
    }
    // Two thousand million endpoints, and diagnostics within diagnostics without end.
    assert_eq!(answer(&response(431, 0).u32(0x7fff_ffff).bytes_so_far()), None);
    let deep = Writer::default().node(397).zero_eight().u32(1).u32(0).raw(&[0x40; 5000]).bytes_so_far();
    assert_eq!(answer(&deep), None);
    assert_eq!(answer(b"HTTP/1.1 400 Bad Request\r\n\r\n"), None);
}
