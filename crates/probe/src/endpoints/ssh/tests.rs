//! Made-up machines for what an SSH server says first.

use super::*;

/// A KEXINIT packet with these ten lists.
fn packet(lists: [&str; 10]) -> Vec<u8> {
    let mut payload = vec![20];
    payload.extend([7; 16]);
    for list in lists {
        payload.extend(u32::try_from(list.len()).unwrap().to_be_bytes());
        payload.extend(list.as_bytes());
    }
    payload.extend([0; 5]);
    let mut packet = u32::try_from(payload.len() + 1 + 4).unwrap().to_be_bytes().to_vec();
    packet.push(4);
    packet.extend(payload);
    packet.extend([0; 4]);
    packet
}

fn server(lists: [&str; 10]) -> SshServer {
    let mut server = SshServer::default();
    fill_lists(&mut server, kexinit(&packet(lists)).unwrap().unwrap());
    server
}

#[test]
fn a_list_of_algorithms_is_read_and_judged() {
    let server = server([
        "sntrup761x25519-sha512@openssh.com,curve25519-sha256,diffie-hellman-group14-sha1,\
         diffie-hellman-group-exchange-sha1,kex-strict-s-v00@openssh.com",
        "rsa-sha2-512,ssh-rsa,ssh-ed25519",
        "chacha20-poly1305@openssh.com,aes128-cbc",
        "aes256-gcm@openssh.com,3des-cbc",
        "hmac-sha2-256-etm@openssh.com,hmac-sha1,umac-64@openssh.com",
        "hmac-md5",
        "none",
        "none,zlib@openssh.com",
        "",
        "",
    ]);
    let weak = server.weak.value().unwrap();
    assert_eq!(weak.key_exchanges, ["diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"]);
    assert_eq!(weak.host_keys, ["ssh-rsa"]);
    assert_eq!(weak.ciphers, ["aes128-cbc", "3des-cbc"]);
    assert_eq!(weak.macs, ["hmac-sha1", "umac-64@openssh.com", "hmac-md5"]);
    assert_eq!(server.key_exchanges.value().unwrap().len(), 4);
    assert_eq!(server.compression.value().unwrap(), &["none", "zlib@openssh.com"]);
    assert_eq!(server.post_quantum.value(), Some(&true));
    assert_eq!(server.terrapin.value(), Some(&false));
}

#[test]
fn terrapin_needs_a_cipher_it_works_on_and_no_strict_key_exchange() {
    let of = |ciphers, macs| {
        let lists = ["curve25519-sha256", "ssh-ed25519", ciphers, ciphers, macs, macs, "none", "none", "", ""];
        *server(lists).terrapin.value().unwrap()
    };
    assert!(of("chacha20-poly1305@openssh.com", "hmac-sha2-256"));
    assert!(of("aes128-cbc", "hmac-sha2-256-etm@openssh.com"));
    assert!(!of("aes128-cbc", "hmac-sha2-256"));
    assert!(!of("aes128-gcm@openssh.com", "hmac-sha2-256-etm@openssh.com"));
}

#[test]
fn a_greeting_may_come_late_and_tell_much() {
    let (greeting, rest) =
        greeting_line(b"Authorised users only\r\nSSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7\r\nrest").unwrap();
    assert_eq!(greeting.protocol, "2.0");
    assert_eq!(greeting.software, "OpenSSH_9.2p1");
    assert_eq!(greeting.comment.as_deref(), Some("Debian-2+deb12u7"));
    assert_eq!(rest, b"rest");
    assert_eq!(greeting_line(b"SSH-1.99-x\n").unwrap().0.protocol, "1.99");
    assert!(greeting_line(b"SSH-2.0-half").is_none());
}

#[test]
fn the_version_of_openssh_is_a_number_on_windows_too() {
    for (software, version) in
        [("OpenSSH_9.2p1", Some("9.2p1")), ("OpenSSH_for_Windows_8.1", Some("8.1")), ("dropbear_2022.83", None)]
    {
        let mut server = SshServer::default();
        fill_greeting(&mut server, &Greeting { software: software.to_owned(), ..Greeting::default() });
        assert_eq!(server.openssh_version.value().map(String::as_str), version);
    }
}

#[test]
fn cut_and_hostile_packets_are_refused() {
    let whole = packet(["a", "b", "c", "c", "d", "d", "e", "e", "", ""]);
    for end in 0..whole.len() {
        assert!(kexinit(&whole[..end]).is_none(), "{end}");
    }
    assert!(kexinit(&[0xff; 64]).unwrap().is_err());
    assert!(kexinit(&[0, 0, 0, 2, 9, 9]).unwrap().is_err());
    let mut lying = whole.clone();
    lying[22..26].copy_from_slice(&[0xff; 4]);
    assert!(kexinit(&lying).unwrap().is_err());
}
