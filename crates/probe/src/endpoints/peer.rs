//! One server that is spoken to: connections with a limit on time, bytes and number.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use host::{Address, Door, Error, Stream};

/// How much of a server's patience may be used.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Connections in all, whatever they are for.
    pub(super) connections: u32,
    /// HTTP requests in all.
    pub(super) requests: u32,
    /// How long connecting may take.
    pub(super) connect: Duration,
    /// How long one connection or one HTTP exchange may last.
    pub(super) exchange: Duration,
    /// How long the first page of a web server may take.
    pub(super) page: Duration,
    /// How long a greeting is waited for before we speak first.
    pub(super) greeting: Duration,
    /// How long messages of a broker are waited for.
    pub(super) moment: Duration,
    /// The least time from the start of one connection to that of the next, once `burst` of them were opened.
    pub(super) pace: Duration,
    /// Connections that may follow each other at once; as many again after as many times `pace`.
    pub(super) burst: u32,
    /// How long the whole conversation may last.
    pub(super) total: Duration,
}

impl Budget {
    /// For servers on the same machine. A server with every suite that OpenSSL knows takes about 80 connections.
    pub(super) const LOOPBACK: Self = Self {
        connections: 160,
        requests: 40,
        connect: Duration::from_millis(300),
        exchange: Duration::from_millis(500),
        page: Duration::from_millis(1000),
        greeting: Duration::from_millis(80),
        moment: Duration::from_millis(150),
        pace: Duration::ZERO,
        burst: 0,
        total: Duration::from_secs(6),
    };

    /// For servers that were named: 50 connections one after the other, then 50 a second, and 250 in all. A server of
    /// today takes about 40.
    pub(super) const NAMED: Self = Self {
        connections: 250,
        requests: 60,
        connect: Duration::from_secs(3),
        exchange: Duration::from_secs(3),
        page: Duration::from_secs(6),
        greeting: Duration::from_secs(1),
        moment: Duration::from_millis(500),
        pace: Duration::from_millis(20),
        burst: 50,
        total: Duration::from_secs(60),
    };
}

/// Bytes taken from one connection; the start page and all small answers after it fit.
const BYTES: usize = 2 << 20;

/// Connections that may fail one after the other before the server is left alone.
const FAILURES: u32 = 3;

/// A server and what of its budget is used.
pub(super) struct Peer {
    door: Door,
    address: Address,
    budget: Budget,
    until: Instant,
    connections: AtomicU32,
    failures: AtomicU32,
    broken_off: AtomicU32,
    next: Mutex<Instant>,
}

impl Peer {
    /// The server at `address`; the clock of its budget starts now.
    pub(super) fn new(door: &Door, address: Address, budget: Budget) -> Self {
        let now = Instant::now();
        Self {
            door: door.clone(),
            address,
            budget,
            until: now + budget.total,
            connections: AtomicU32::new(0),
            failures: AtomicU32::new(0),
            broken_off: AtomicU32::new(0),
            next: Mutex::new(now),
        }
    }

    /// Its address.
    pub(super) fn address(&self) -> &Address {
        &self.address
    }

    /// What it may be asked.
    pub(super) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// Connections opened so far.
    pub(super) fn connections(&self) -> u32 {
        self.connections.load(Ordering::Relaxed)
    }

    /// Why no further connection is opened; none while one is.
    pub(super) fn spent(&self) -> Option<Error> {
        let refuse = |why: &str| Error::Io { what: self.address.to_string(), message: why.to_owned() };
        if self.failures.load(Ordering::Relaxed) >= FAILURES {
            return Some(refuse("left alone after it failed to answer several times"));
        }
        if self.connections() >= self.budget.connections {
            return Some(refuse("left alone: as many connections as one server may be asked for were opened"));
        }
        let late = self.until <= Instant::now();
        late.then(|| Error::TimedOut { what: self.address.to_string(), limit: self.budget.total })
    }

    /// Opens a connection that ends after `limit`.
    pub(super) fn connect(&self, limit: Duration) -> Result<Line, Error> {
        if let Some(error) = self.spent() {
            return Err(error);
        }
        self.connections.fetch_add(1, Ordering::Relaxed);
        let left = self.until.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
        self.wait_for_turn();
        let stream =
            self.door.connect(&self.address, self.budget.connect.min(left)).inspect_err(|_| self.failed())?;
        let until = Instant::now() + limit.min(left);
        Ok(Line { stream, until, end: self.until, limit, bytes_left: BYTES })
    }

    /// Waits until the next connection may be opened.
    fn wait_for_turn(&self) {
        if self.budget.pace.is_zero() {
            return;
        }
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let turn = (*next).max(now);
        *next = turn + self.budget.pace;
        drop(next);
        let ahead = turn.saturating_duration_since(now);
        thread::sleep(ahead.saturating_sub(self.budget.pace * self.budget.burst));
    }

    /// Notes that it did not answer in time.
    pub(super) fn failed(&self) {
        self.failures.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that it broke off without saying why: it may refuse what was asked, or have stopped answering anything.
    pub(super) fn broke_off(&self) {
        self.broken_off.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it did so.
    pub(super) fn times_broken_off(&self) -> u32 {
        self.broken_off.load(Ordering::Relaxed)
    }

    /// Notes that it answered.
    pub(super) fn answered(&self) {
        self.failures.store(0, Ordering::Relaxed);
    }
}

/// A connection that ends at a fixed time, however slowly it drips, and after a fixed number of bytes.
pub(super) struct Line {
    stream: Box<dyn Stream>,
    until: Instant,
    /// The end of the whole conversation.
    end: Instant,
    limit: Duration,
    bytes_left: usize,
}

impl Line {
    /// Gives the connection another `limit` from now on, as far as the server's budget goes.
    pub(super) fn extend(&mut self, limit: Duration) {
        self.until = (Instant::now() + limit).min(self.end);
        self.limit = limit;
    }

    /// How long it lasts.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }

    fn arm(&mut self) -> io::Result<()> {
        let left = self.until.saturating_duration_since(Instant::now()).min(self.limit);
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_limit(left)
    }
}

impl Read for Line {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.arm()?;
        let room = buffer.len().min(self.bytes_left);
        if room == 0 && !buffer.is_empty() {
            return Err(io::Error::other("more bytes than one connection may bring"));
        }
        let count = self.stream.read(buffer.get_mut(..room).unwrap_or_default())?;
        self.bytes_left -= count.min(self.bytes_left);
        Ok(count)
    }
}

impl Write for Line {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.arm()?;
        self.stream.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

impl Stream for Line {
    fn set_limit(&mut self, limit: Duration) -> io::Result<()> {
        self.extend(limit);
        Ok(())
    }
}

/// Whether the error says that time ran out.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock)
}

#[cfg(test)]
mod tests {
    use test_support::Machine;

    use super::*;

    #[test]
    fn connections_come_in_bursts_and_then_at_their_pace() {
        let (door, _tree) = Machine::new().door();
        let pace = Duration::from_millis(40);
        let budget = Budget { pace, burst: 3, ..Budget::NAMED };
        let peer = Peer::new(&door, Address::Tcp(([127, 0, 0, 1], 1).into()), budget);
        let started = Instant::now();
        for _ in 0..4 {
            peer.wait_for_turn();
        }
        assert!(started.elapsed() < pace, "{:?}", started.elapsed());
        peer.wait_for_turn();
        peer.wait_for_turn();
        assert!(started.elapsed() >= pace * 3 / 2, "{:?}", started.elapsed());
    }

    /// A server that answers whatever it is asked, whenever it is asked.
    struct Willing;

    impl Read for Willing {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }
    }

    impl Write for Willing {
        fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
            Ok(buffer.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Stream for Willing {
        fn set_limit(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_connection_that_goes_on_and_on_ends_with_the_budget() {
        let (now, limit) = (Instant::now(), Duration::from_secs(60));
        let mut line =
            Line { stream: Box::new(Willing), until: now + limit, end: now, limit, bytes_left: BYTES };
        assert_eq!(line.read(&mut [0; 8]).unwrap(), 8);
        line.extend(limit);
        assert!(is_timeout(&line.read(&mut [0; 8]).unwrap_err()));
        assert!(is_timeout(&line.write(&[0; 8]).unwrap_err()));
    }
}
