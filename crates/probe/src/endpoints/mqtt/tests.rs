//! Made-up brokers.

use std::io;

use host::Address;
use test_support::Machine;

use super::super::handshake;
use super::*;

/// A broker of MQTT 3.1.1 that lets everybody in and hangs up on newer clients.
#[derive(Default)]
struct Scripted {
    ready: Vec<u8>,
    /// Lets nobody in, and hangs up on whoever has a password.
    guarded: bool,
    /// Sends messages of its own without end once somebody subscribes.
    floods: bool,
    subscribed: bool,
}

impl Write for Scripted {
    fn write(&mut self, said: &[u8]) -> io::Result<usize> {
        match (said.first(), said.get(8)) {
            (Some(&0x10), _) if self.guarded && said.get(9) == Some(&0x02) => {
                self.ready.extend([0x20, 2, 0, 5]);
            }
            (Some(&0x10), Some(&V3)) if !self.guarded => self.ready.extend([0x20, 2, 0, 0]),
            (Some(&0x82), _) => self.subscribed = true,
            _ => {}
        }
        Ok(said.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for Scripted {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.ready.is_empty() && self.floods && self.subscribed {
            self.ready.extend([0x30, 4, 0, 2, b'$', b'S'].repeat(500));
        }
        let count = self.ready.len().min(into.len());
        into[..count].copy_from_slice(&self.ready[..count]);
        self.ready.drain(..count);
        Ok(count)
    }
}

impl Stream for Scripted {
    fn set_limit(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

fn ask(dial: &Dial<'_>) -> Result<MqttBroker, String> {
    ask_as(None, dial)
}

fn ask_as(login: Option<&Login>, dial: &Dial<'_>) -> Result<MqttBroker, String> {
    let (door, _tree) = Machine::new().door();
    let peer = Peer::new(&door, Address::Tcp(([127, 0, 0, 1], 1).into()), Budget::LOOPBACK);
    let asked = Asked {
        peer: &peer,
        provider: &handshake::provider(),
        login,
        tls: true,
        wants_certificate: true,
        source: String::new(),
    };
    look(dial, &asked, String::new(), Place::default())
}

#[test]
fn an_old_broker_that_asks_for_a_certificate_without_needing_one_is_open() {
    let broker = ask(&|_| Ok(Box::new(Scripted::default()) as Box<dyn Stream>)).unwrap();
    assert_eq!(broker.anonymous.value(), Some(&true));
    assert_eq!(broker.versions, ["3.1.1"]);
}

#[test]
fn a_broker_that_does_not_answer_is_not_taken_for_one_that_wants_a_certificate() {
    let silent = Error::TimedOut { what: "TLS".to_owned(), limit: Duration::from_millis(500) };
    assert!(ask(&|_| Err(silent.clone())).is_err());
    let ended = Error::Io { what: "TLS".to_owned(), message: "certificate required".to_owned() };
    assert_eq!(ask(&|_| Err(ended.clone())).unwrap().anonymous.value(), Some(&false));
}

#[test]
fn what_is_not_read_any_more_is_no_refusal() {
    let flood = || Scripted { floods: true, ..Scripted::default() };
    let broker = ask(&|_| Ok(Box::new(flood()) as Box<dyn Stream>)).unwrap();
    assert_eq!(broker.system_topics.value(), Some(&true));
    assert!(broker.everything.is_unreadable(), "{:?}", broker.everything);
}

#[test]
fn an_account_that_is_hung_up_on_shows_nothing_of_topics() {
    let login = Login { user: "plant".to_owned(), password: "geheim".to_owned() };
    let guarded = || Scripted { guarded: true, ..Scripted::default() };
    let broker = ask_as(Some(&login), &|_| Ok(Box::new(guarded()) as Box<dyn Stream>)).unwrap();
    assert_eq!(broker.anonymous.value(), Some(&false));
    assert!(broker.session.is_unreadable() && broker.everything.is_unreadable(), "{broker:?}");
}
