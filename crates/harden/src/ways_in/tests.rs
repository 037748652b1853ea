//! Who could still log in.

use super::*;

#[test]
fn patterns_fit_as_sshd_reads_them() {
    for (pattern, name) in
        [("*", ""), ("*", "x"), ("a*c", "abbc"), ("a?c", "abc"), ("*-cbc", "aes-cbc"), ("ä*", "äü")]
    {
        assert!(fits(pattern, name), "{pattern} {name}");
    }
    for (pattern, name) in [("", "x"), ("a*c", "abd"), ("a?c", "ac"), ("*-cbc", "aes-ctr"), ("abc", "ab")] {
        assert!(!fits(pattern, name), "{pattern} {name}");
    }
}

#[test]
fn a_list_is_what_its_sign_makes_of_it() {
    let now = ["a".to_owned(), "b-cbc".to_owned()];
    let list = |spec: Option<&str>| list_after(Some(&now), spec).unwrap().join(",");
    assert_eq!(list(None), "a,b-cbc");
    assert_eq!(list(Some("-*-cbc")), "a");
    assert_eq!(list(Some("+c")), "c,a,b-cbc");
    assert_eq!(list(Some("x,y")), "x,y");
    assert_eq!(list_after(None, Some("-a")), None);
    assert_eq!(list_after(None, Some("a")), Some(vec!["a".to_owned()]));
}

#[test]
fn rsa_keys_sign_with_their_three_algorithms_and_certificates() {
    for algorithm in ["ssh-rsa", "rsa-sha2-256", "rsa-sha2-512", "rsa-sha2-512-cert-v01@openssh.com"] {
        assert!(signs("ssh-rsa", algorithm), "{algorithm}");
    }
    assert!(!signs("ssh-rsa", "ssh-ed25519"));
    assert!(signs("ssh-ed25519", "ssh-ed25519-cert-v01@openssh.com"));
    assert!(signs("sk-ssh-ed25519@openssh.com", "sk-ssh-ed25519@openssh.com"));
    assert!(!signs("ssh-ed25519", "sk-ssh-ed25519@openssh.com"));
}
