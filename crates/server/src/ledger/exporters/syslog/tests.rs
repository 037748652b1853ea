//! Receivers that end too early, too late, or say more than they should.

use ledger::{Event, Kind};
use test_support::Certificate;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::server::TlsStream;

use super::*;
use crate::ledger::{Placed, Stream};
use crate::outbound::tests::{acceptor, certificates};

fn batch(count: u64) -> Batch {
    let event = Event::new("0".repeat(32), jiff::Timestamp::UNIX_EPOCH, Kind::SessionBegun);
    let entry = String::from_utf8(event.to_entry().unwrap()).unwrap();
    let placed = |position| Placed { position, event: event.clone(), entry: entry.clone() };
    Batch { stream: Stream::Nodes, log: "plant/nodes".to_owned(), entries: (0..count).map(placed).collect() }
}

struct Bench {
    syslog: Syslog,
    listener: TcpListener,
    certificate: Certificate,
    _directory: tempfile::TempDir,
}

async fn bench(time_limit: Duration) -> Bench {
    let directory = tempfile::tempdir().unwrap();
    let (authority, certificate) = certificates(directory.path());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = SyslogSettings {
        host: "localhost".to_owned(),
        port: listener.local_addr().unwrap().port(),
        ca_file: Some(authority.certificate),
        client: None,
        own_name: "h".to_owned(),
        time_limit,
    };
    Bench { syslog: Syslog::new(settings).unwrap(), listener, certificate, _directory: directory }
}

impl Bench {
    /// Sends to a receiver that does this with the connection.
    async fn send<F: Future<Output = ()>>(
        &self,
        count: u64,
        act: impl FnOnce(TlsStream<TcpStream>) -> F,
    ) -> Result<(), SendError> {
        let receiver = async {
            let (tcp, _) = self.listener.accept().await.unwrap();
            act(acceptor(&self.certificate).accept(tcp).await.unwrap()).await;
        };
        let batch = batch(count);
        let (sent, ()) = tokio::join!(self.syslog.send(&batch), receiver);
        sent
    }
}

async fn read_all(tls: &mut TlsStream<TcpStream>) -> Vec<u8> {
    let mut all = Vec::new();
    tls.read_to_end(&mut all).await.unwrap();
    all
}

#[tokio::test]
async fn what_was_read_to_its_end_counts_as_sent() {
    let bench = bench(TIME_LIMIT).await;
    // With an end of TLS, and without, as GnuTLS does it.
    for with_notice in [true, false] {
        for count in [1, 500] {
            let sent = bench.send(count, |mut tls| async move {
                let all = read_all(&mut tls).await;
                assert_eq!(all.windows(8).filter(|part| part == b"palisade").count() as u64, count * 2);
                if with_notice {
                    tls.shutdown().await.unwrap();
                }
            });
            sent.await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_was_not_read_to_its_end_never_does() {
    let bench = bench(TIME_LIMIT).await;
    for _ in 0..30 {
        // It is killed when it has read nothing, or little: its system may end the connection as if all were well.
        bench.send(500, |tls| async move { drop(tls) }).await.unwrap_err();
        // It says farewell in good order, and has read nothing.
        bench
            .send(500, |mut tls| async move {
                // It may be gone already for the other side.
                drop(tls.shutdown().await);
            })
            .await
            .unwrap_err();
        // It is killed in the midst of it.
        let error = bench.send(500, |mut tls| async move {
            let mut some = [0; 1000];
            tls.read_exact(&mut some).await.unwrap();
        });
        let error = error.await.unwrap_err();
        assert!(error.to_string().contains("before it had taken everything"), "{error}");
    }
}

#[tokio::test]
async fn who_does_not_end_or_says_too_much_is_not_waited_for() {
    // Long enough for a handshake on a machine with much else to do.
    let limit = Duration::from_secs(2);
    let bench = bench(limit).await;
    let slow = bench.send(3, |mut tls| async move {
        read_all(&mut tls).await;
        tokio::time::sleep(limit * 2).await;
    });
    let error = slow.await.unwrap_err();
    assert!(matches!(error, SendError::Outbound(OutboundError::Slow { .. })), "{error}");
    let unread = bench.send(500_000, |tls| async move {
        tokio::time::sleep(limit * 2).await;
        drop(tls);
    });
    assert!(matches!(unread.await.unwrap_err(), SendError::Outbound(OutboundError::Slow { .. })));
    let bench = self::bench(TIME_LIMIT).await;
    let endless = bench.send(3, |mut tls| async move {
        // Ends when nobody listens any more.
        while tls.write_all(&[b'x'; 16_384]).await.is_ok() {}
    });
    let error = endless.await.unwrap_err();
    assert!(matches!(error, SendError::Broken { .. }), "{error}");
}

const TIME_LIMIT: Duration = crate::ledger::exporters::TIME_LIMIT;

#[tokio::test]
async fn what_was_sent_after_the_other_end_was_gone_is_no_good_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let place = listener.local_addr().unwrap();
    for is_read in [true, false] {
        let (ours, theirs) = tokio::join!(TcpStream::connect(place), listener.accept());
        let (mut ours, mut theirs) = (ours.unwrap(), theirs.unwrap().0);
        let mut all = Vec::new();
        if is_read {
            ours.write_all(b"all of it").await.unwrap();
            ours.shutdown().await.unwrap();
            theirs.read_to_end(&mut all).await.unwrap();
            drop(theirs);
            ours.read_to_end(&mut all).await.unwrap();
        } else {
            // Its end is here before anything was sent: no error, and nobody who reads.
            drop(theirs);
            ours.read_to_end(&mut all).await.unwrap();
            ours.write_all(b"all of it").await.unwrap();
            // Told already, or later.
            drop(ours.shutdown().await);
        }
        let ended = tokio::time::timeout(TIME_LIMIT, until_closed(&ours)).await.unwrap();
        assert_eq!(ended.is_ok(), is_read, "{ended:?}");
    }
}
