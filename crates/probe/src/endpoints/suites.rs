//! Cipher suites and groups: which are offered, and what is wrong with them.

use model::facts::endpoints::Suite;
use tls_parser::{
    CIPHERS, TlsCipherAu, TlsCipherEnc, TlsCipherEncMode, TlsCipherKx, TlsCipherMac, TlsCipherSuite,
};

use super::hello::{SSL3_0, TLS1_0, TLS1_1, TLS1_2, TLS1_3};

/// Suites in one ClientHello; some servers dislike more.
const CHUNK: usize = 150;

/// How people call a version.
pub(super) fn version_name(version: u16) -> &'static str {
    match version {
        SSL3_0 => "SSL 3.0",
        TLS1_0 => "TLS 1.0",
        TLS1_1 => "TLS 1.1",
        TLS1_2 => "TLS 1.2",
        _ => "TLS 1.3",
    }
}

/// Every suite that may be used with a version, in lists short enough for one ClientHello, common ones first.
pub(super) fn offers(version: u16) -> Vec<Vec<u16>> {
    let fits = |suite: &&TlsCipherSuite| {
        let thirteen = suite.kx == TlsCipherKx::Tls13;
        let classic = matches!(suite.mac, TlsCipherMac::Null | TlsCipherMac::HmacMd5 | TlsCipherMac::HmacSha1);
        match version {
            TLS1_3 => thirteen,
            TLS1_2 => !thirteen,
            _ => !thirteen && classic,
        }
    };
    let mut suites: Vec<(bool, u16)> = CIPHERS
        .values()
        .filter(fits)
        .map(|suite| (is_rare(suite), suite.id.0))
        // No suite at all, and the two signals that are no suites.
        .filter(|(_, id)| !matches!(id, 0 | 0x00ff | 0x5600))
        .collect();
    suites.sort_unstable();
    let ids: Vec<u16> = suites.into_iter().map(|(_, id)| id).collect();
    ids.chunks(CHUNK).map(<[u16]>::to_vec).collect()
}

/// Suites that need a shared key, a ticket or a password that a server hardly has.
fn is_rare(suite: &TlsCipherSuite) -> bool {
    use TlsCipherKx::{Eccpwd, Krb5, Psk, Srp};
    matches!(suite.kx, Psk | Krb5 | Srp | Eccpwd) || suite.name.contains("PSK")
}

/// The suite as a fact.
pub(super) fn describe(version: u16, id: u16) -> Suite {
    let protocol = version_name(version).to_owned();
    let Some(suite) = TlsCipherSuite::from_id(id) else {
        return Suite { protocol, name: format!("unknown suite {id:#06x}"), ..Suite::default() };
    };
    let thirteen = suite.kx == TlsCipherKx::Tls13;
    Suite {
        protocol,
        name: suite.name.to_owned(),
        // Its keys have one size only (RFC 8439); the table tells that of its tag.
        bits: if is_chacha20(id) { 256 } else { suite.enc_size },
        forward_secret: thirteen || is_ephemeral(suite),
        authenticated: suite.mac == TlsCipherMac::Aead,
        weaknesses: weaknesses(suite).into_iter().map(str::to_owned).collect(),
    }
}

/// Whether the key exchange is ephemeral.
pub(super) fn is_ephemeral(suite: &TlsCipherSuite) -> bool {
    suite.name.starts_with("TLS_DHE_") || suite.name.starts_with("TLS_ECDHE_") || is_anonymous(suite)
}

/// Whether the key exchange is finite-field Diffie-Hellman with a prime that the server sends.
pub(super) fn sends_prime(id: u16) -> bool {
    TlsCipherSuite::from_id(id).is_some_and(|suite| {
        (suite.name.starts_with("TLS_DHE_") || suite.name.starts_with("TLS_DH_anon_"))
            && !suite.name.contains("PSK")
    })
}

/// Whether the key exchange is elliptic-curve Diffie-Hellman with a curve that the server names.
pub(super) fn names_curve(id: u16) -> bool {
    TlsCipherSuite::from_id(id).is_some_and(|suite| {
        (suite.name.starts_with("TLS_ECDHE_") || suite.name.starts_with("TLS_ECDH_anon_"))
            && !suite.name.contains("PSK")
    })
}

/// Whether the server signs its part of the key exchange.
pub(super) fn is_signed(id: u16) -> bool {
    TlsCipherSuite::from_id(id).is_some_and(|suite| {
        ["TLS_DHE_RSA_", "TLS_DHE_DSS_", "TLS_ECDHE_RSA_", "TLS_ECDHE_ECDSA_"]
            .iter()
            .any(|begin| suite.name.starts_with(begin))
    })
}

/// Whether the cipher is ChaCha20.
pub(super) fn is_chacha20(id: u16) -> bool {
    TlsCipherSuite::from_id(id).is_some_and(|suite| suite.enc == TlsCipherEnc::Chacha20_Poly1305)
}

/// Whether the server proves itself with a key on a curve.
pub(super) fn signs_on_curve(id: u16) -> bool {
    TlsCipherSuite::from_id(id).is_some_and(|suite| suite.name.contains("_ECDSA_"))
}

fn is_anonymous(suite: &TlsCipherSuite) -> bool {
    suite.name.contains("_anon_") || (suite.au == TlsCipherAu::Null && suite.kx != TlsCipherKx::Tls13)
}

fn weaknesses(suite: &TlsCipherSuite) -> Vec<&'static str> {
    let thirteen = suite.kx == TlsCipherKx::Tls13;
    let cbc = suite.enc_mode == TlsCipherEncMode::Cbc;
    let table = [
        ("null", suite.enc == TlsCipherEnc::Null),
        ("export", suite.name.contains("EXPORT") || (1..56).contains(&suite.enc_size)),
        ("anonymous", is_anonymous(suite)),
        ("rc4", suite.enc == TlsCipherEnc::Rc4),
        ("rc2", suite.enc == TlsCipherEnc::Rc2),
        ("des", suite.enc == TlsCipherEnc::Des),
        ("3des", suite.enc == TlsCipherEnc::TripleDes),
        ("idea", suite.enc == TlsCipherEnc::Idea),
        ("md5", suite.mac == TlsCipherMac::HmacMd5),
        ("cbc-sha1", cbc && suite.mac == TlsCipherMac::HmacSha1),
        ("cbc", cbc),
        ("static-key", !thirteen && !is_ephemeral(suite)),
    ];
    table.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name).collect()
}

/// Groups with their registered names, those of TLS 1.3 first. Below TLS 1.3 only curves are offered: there the
/// presence of a finite-field group changes which suites a server takes (RFC 7919).
const GROUPS: &[(u16, &str)] = &[
    (0x11ec, "X25519MLKEM768"),
    (0x11eb, "SecP256r1MLKEM768"),
    (0x11ed, "SecP384r1MLKEM1024"),
    (29, "x25519"),
    (23, "secp256r1"),
    (24, "secp384r1"),
    (25, "secp521r1"),
    (30, "x448"),
    (256, "ffdhe2048"),
    (257, "ffdhe3072"),
    (258, "ffdhe4096"),
    (259, "ffdhe6144"),
    (260, "ffdhe8192"),
    (31, "brainpoolP256r1tls13"),
    (32, "brainpoolP384r1tls13"),
    (33, "brainpoolP512r1tls13"),
    (26, "brainpoolP256r1"),
    (27, "brainpoolP384r1"),
    (28, "brainpoolP512r1"),
    (22, "secp256k1"),
    (21, "secp224r1"),
    (20, "secp224k1"),
    (19, "secp192r1"),
    (18, "secp192k1"),
    (17, "secp160r2"),
    (16, "secp160r1"),
    (15, "secp160k1"),
    (14, "sect571r1"),
    (13, "sect571k1"),
    (12, "sect409r1"),
    (11, "sect409k1"),
    (10, "sect283r1"),
    (9, "sect283k1"),
    (8, "sect239k1"),
    (7, "sect233r1"),
    (6, "sect233k1"),
    (5, "sect193r2"),
    (4, "sect193r1"),
    (3, "sect163r2"),
    (2, "sect163r1"),
    (1, "sect163k1"),
];

/// Groups that may be offered with a version.
pub(super) fn groups(version: u16) -> Vec<u16> {
    let fits = |group: u16| match group {
        0x11eb..=0x11ed | 256..=260 | 31..=33 => version == TLS1_3,
        1..=22 | 26..=28 => version != TLS1_3,
        _ => true,
    };
    GROUPS.iter().map(|(id, _)| *id).filter(|id| fits(*id)).collect()
}

/// A group's registered name.
pub(super) fn group_name(id: u16) -> String {
    GROUPS
        .iter()
        .find(|(group, _)| *group == id)
        .map_or_else(|| format!("unknown group {id}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suites_are_named_with_what_is_wrong_with_them() {
        let weak = |name: &str| {
            let suite = TlsCipherSuite::from_name(name).unwrap();
            describe(TLS1_2, suite.id.0).weaknesses.join(" ")
        };
        assert_eq!(weak("TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"), "");
        assert_eq!(weak("TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256"), "");
        assert_eq!(weak("TLS_DHE_RSA_WITH_AES_128_CBC_SHA"), "cbc-sha1 cbc");
        assert_eq!(weak("TLS_RSA_WITH_AES_128_GCM_SHA256"), "static-key");
        assert_eq!(weak("TLS_RSA_WITH_3DES_EDE_CBC_SHA"), "3des cbc-sha1 cbc static-key");
        assert_eq!(weak("TLS_RSA_EXPORT_WITH_RC4_40_MD5"), "export rc4 md5 static-key");
        assert_eq!(weak("TLS_DH_anon_WITH_AES_128_GCM_SHA256"), "anonymous");
        assert_eq!(weak("TLS_ECDH_anon_WITH_NULL_SHA"), "null anonymous");
        assert_eq!(weak("TLS_RSA_WITH_NULL_MD5"), "null md5 static-key");
    }

    #[test]
    fn the_modern_suites_have_every_good_quality() {
        for chunk in offers(TLS1_3) {
            for id in chunk {
                let suite = describe(TLS1_3, id);
                assert!(suite.forward_secret, "{suite:?}");
            }
        }
        assert!(describe(TLS1_3, 0x1301).authenticated && describe(TLS1_2, 0xcca8).authenticated);
        assert_eq!(describe(TLS1_3, 0x1302).bits, 256);
        assert_eq!((describe(TLS1_3, 0x1303).bits, describe(TLS1_2, 0xcca8).bits), (256, 256));
        assert_eq!(describe(TLS1_2, 0xffee).name, "unknown suite 0xffee");
    }

    #[test]
    fn no_list_is_too_long_and_none_holds_a_signal() {
        for version in [SSL3_0, TLS1_0, TLS1_1, TLS1_2, TLS1_3] {
            let chunks = offers(version);
            assert!(!chunks.is_empty());
            for chunk in chunks {
                assert!(chunk.len() <= CHUNK && !chunk.contains(&0x00ff) && !chunk.contains(&0));
            }
        }
    }
}
