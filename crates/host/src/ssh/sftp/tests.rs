//! Answers of servers, right and wrong.

use super::*;

/// A server of files that answers each question, by its kind and how many came before, with a kind and what follows it.
pub(in crate::ssh) fn lying(answer: impl Fn(u8, usize) -> (u8, Message) + Send + 'static) -> Sftp {
    let (out, mut asked) = UnixStream::pair().unwrap();
    let (input, mut answers) = UnixStream::pair().unwrap();
    thread::spawn(move || {
        answers.write_all(&Message::default().byte(2).number(3).framed()).unwrap();
        let _greeting = packet(&mut asked).unwrap();
        for before in 0.. {
            let Ok(question) = packet(&mut asked) else { return };
            let mut fields = Fields::new(&question);
            let (kind, id) = (fields.byte().unwrap(), fields.number().unwrap());
            let (kind, rest) = answer(kind, before);
            let rest = rest.framed().split_off(4);
            let mut framed = Message::default().byte(kind).number(id).framed();
            framed.extend(rest);
            let length = u32::try_from(framed.len() - 4).unwrap();
            framed[..4].copy_from_slice(&length.to_be_bytes());
            if answers.write_all(&framed).is_err() {
                return;
            }
        }
    });
    Sftp::greet(Session::detached(), out, input, None).unwrap()
}

fn status(code: u32) -> Vec<u8> {
    let mut framed = Message::default().byte(101).number(7).number(code).text(b"why").text(b"en").framed();
    framed.split_off(4)
}

#[test]
fn answers_are_taken_apart() {
    let (id, denied) = reply(&status(3)).unwrap();
    assert_eq!(id, 7);
    assert!(denied.error("/etc/shadow").is_denied());
    let attributes = Message::default().byte(105).number(1).number(15).long(9).number(1000).number(100);
    let mut framed = attributes.number(0o100_644).number(5).number(6).framed();
    let expected = Attributes { size: 9, uid: 1000, gid: 100, mode: Some(0o100_644), modified: 6 };
    assert_eq!(reply(&framed.split_off(4)), Some((1, Reply::Attributes(expected))));
}

#[test]
fn a_file_whose_owner_is_not_told_is_not_roots() {
    for flags in [4_u32, 5, 6] {
        let mut attributes = Message::default().byte(105).number(1).number(flags);
        if flags & 1 != 0 {
            attributes = attributes.long(9);
        }
        if flags & 2 != 0 {
            attributes = attributes.number(0).number(0);
        }
        let Some((_, Reply::Attributes(read))) = reply(&attributes.number(0o100_755).framed().split_off(4))
        else {
            panic!("{flags}");
        };
        assert_eq!(read.mode, None, "{flags}");
    }
}

#[test]
fn every_cut_of_an_answer_and_every_absurd_count_is_refused() {
    let names =
        Message::default().byte(104).number(1).number(1).text(b"name").text(b"long").number(4).number(0o40755);
    let whole = names.framed().split_off(4);
    assert!(reply(&whole).is_some());
    for end in 0..whole.len() {
        assert_eq!(reply(&whole[..end]), None, "{end}");
    }
    let many = Message::default().byte(104).number(1).number(u32::MAX).framed().split_off(4);
    assert_eq!(reply(&many), None);
    let extended =
        Message::default().byte(105).number(1).number(0x8000_0000).number(u32::MAX).framed().split_off(4);
    assert_eq!(reply(&extended), None);
    assert_eq!(reply(&[250, 0, 0, 0, 1, 9]), None);
}

#[test]
fn an_absurd_length_is_refused_before_it_is_read() {
    for length in [0_u32, 4, LONGEST + 1, u32::MAX] {
        let error = packet(&mut length.to_be_bytes().as_slice()).unwrap_err();
        assert!(error.to_string().contains(&length.to_string()), "{error}");
    }
}

#[test]
fn what_a_login_shell_prints_first_is_skipped() {
    let (mut shell, mut here) = UnixStream::pair().unwrap();
    shell.write_all(b"Welcome\nmark \nmark\r\nrest").unwrap();
    skip(&mut here, b"mark").unwrap();
    let mut rest = [0; 4];
    here.read_exact(&mut rest).unwrap();
    assert_eq!(&rest, b"rest");
}

#[test]
fn what_drips_is_not_waited_for_beyond_the_deadline() {
    let (mut shell, here) = UnixStream::pair().unwrap();
    shell.write_all(b"Welcome\nmark\n").unwrap();
    let late = &mut Until { stream: &here, deadline: Instant::now() };
    assert_eq!(skip(late, b"mark").unwrap_err().kind(), io::ErrorKind::WouldBlock);
    let begun = Instant::now();
    let soon = &mut Until { stream: &here, deadline: begun + Duration::from_millis(50) };
    skip(soon, b"mark").unwrap();
    assert_eq!(packet(soon).unwrap_err().kind(), io::ErrorKind::WouldBlock);
    assert!(begun.elapsed() < PATIENCE);
}
