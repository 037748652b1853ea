//! Who is connected: a seat for each connection, so many in all and so many an address.
//!
//! When all seats are taken, the connection that has been idle longest (a handshake that has not ended is idle too) gives its seat
//! to the newcomer; only when none is idle is the newcomer turned away. So a crowd that connects and waits cannot lock others out:
//! it loses its own seats first. An address at its own limit is treated alike, within its own connections.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use ipnet::IpNet;
use tokio_util::sync::CancellationToken;

/// The seats of one listener.
#[derive(Debug)]
pub(super) struct Seats {
    all: usize,
    per_address: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Counts up; orders idle connections without a clock.
    tick: u64,
    taken: HashMap<u64, Taken>,
    by_address: HashMap<IpNet, BTreeSet<u64>>,
    /// Since when (a tick) which connection is idle.
    idle: BTreeMap<u64, u64>,
}

#[derive(Debug)]
struct Taken {
    address: Option<IpNet>,
    idle_since: Option<u64>,
    evicted: CancellationToken,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Full {
    /// Every connection is busy.
    All,
    /// Every connection of this address is busy.
    Address,
}

impl Seats {
    pub(super) fn new(all: usize, per_address: usize) -> Arc<Self> {
        Arc::new(Self { all, per_address, inner: Mutex::default() })
    }

    /// A seat for a connection of `address`; none for a trusted proxy, which speaks for many.
    pub(super) fn take(self: &Arc<Self>, address: Option<IpNet>) -> Result<Seat, Full> {
        let mut inner = self.lock();
        if let Some(address) = address
            && inner.by_address.get(&address).is_some_and(|theirs| theirs.len() >= self.per_address)
        {
            let oldest = inner.oldest_idle_of(address).ok_or(Full::Address)?;
            inner.evict(oldest);
        }
        if inner.taken.len() >= self.all {
            let oldest = inner.idle.values().next().copied().ok_or(Full::All)?;
            inner.evict(oldest);
        }
        inner.tick += 1;
        let id = inner.tick;
        let evicted = CancellationToken::new();
        inner.idle.insert(id, id);
        inner.taken.insert(id, Taken { address, idle_since: Some(id), evicted: evicted.clone() });
        if let Some(address) = address {
            inner.by_address.entry(address).or_default().insert(id);
        }
        drop(inner);
        Ok(Seat { seats: Arc::clone(self), id, evicted })
    }

    /// Frees the seat that has been idle longest: for when files run out before seats do.
    pub(super) fn free_one(&self) -> bool {
        let mut inner = self.lock();
        let oldest = inner.idle.values().next().copied();
        if let Some(oldest) = oldest {
            inner.evict(oldest);
        }
        oldest.is_some()
    }

    /// Seats taken, and how many of them by busy connections.
    pub(super) fn count(&self) -> (usize, usize) {
        let inner = self.lock();
        (inner.taken.len(), inner.taken.len() - inner.idle.len())
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn oldest_idle_of(&self, address: IpNet) -> Option<u64> {
        let theirs = self.by_address.get(&address)?;
        theirs.iter().filter_map(|id| Some((self.taken.get(id)?.idle_since?, *id))).min().map(|(_, id)| id)
    }

    fn evict(&mut self, id: u64) {
        if let Some(taken) = self.remove(id) {
            taken.evicted.cancel();
        }
    }

    fn remove(&mut self, id: u64) -> Option<Taken> {
        let taken = self.taken.remove(&id)?;
        if let Some(since) = taken.idle_since {
            self.idle.remove(&since);
        }
        if let Some(address) = taken.address
            && let Some(theirs) = self.by_address.get_mut(&address)
        {
            theirs.remove(&id);
            if theirs.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(taken)
    }
}

/// A connection's place; given back when dropped.
#[derive(Debug)]
pub(super) struct Seat {
    seats: Arc<Seats>,
    id: u64,
    evicted: CancellationToken,
}

impl Seat {
    /// Cancelled when the seat was given to somebody else.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.evicted.clone()
    }

    /// A request began where none was under way.
    pub(super) fn busy(&self) {
        let mut inner = self.seats.lock();
        let since = inner.taken.get_mut(&self.id).and_then(|taken| taken.idle_since.take());
        if let Some(since) = since {
            inner.idle.remove(&since);
        }
    }

    /// The last request under way ended.
    pub(super) fn idle(&self) {
        let mut inner = self.seats.lock();
        inner.tick += 1;
        let (tick, id) = (inner.tick, self.id);
        if let Some(taken) = inner.taken.get_mut(&id)
            && taken.idle_since.is_none()
        {
            taken.idle_since = Some(tick);
            inner.idle.insert(tick, id);
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.seats.lock().remove(self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Option<IpNet> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn the_connection_idle_longest_makes_room() {
        let seats = Seats::new(2, 2);
        let first = seats.take(net("192.0.2.1/32")).unwrap();
        let second = seats.take(net("192.0.2.2/32")).unwrap();
        first.busy();
        first.idle();
        let third = seats.take(net("192.0.2.3/32")).unwrap();
        assert!(second.evicted().is_cancelled() && !first.evicted().is_cancelled());
        drop(second);
        assert_eq!(seats.count(), (2, 0));
        first.busy();
        third.busy();
        assert_eq!(seats.take(net("192.0.2.4/32")).unwrap_err(), Full::All);
        third.idle();
        assert!(seats.take(net("192.0.2.4/32")).is_ok());
        assert!(third.evicted().is_cancelled());
    }

    #[test]
    fn an_address_at_its_limit_loses_its_own_connections_only() {
        let seats = Seats::new(10, 2);
        let other = seats.take(net("192.0.2.1/32")).unwrap();
        let one = seats.take(net("192.0.2.2/32")).unwrap();
        let two = seats.take(net("192.0.2.2/32")).unwrap();
        let three = seats.take(net("192.0.2.2/32")).unwrap();
        assert!(one.evicted().is_cancelled() && !other.evicted().is_cancelled());
        two.busy();
        three.busy();
        assert_eq!(seats.take(net("192.0.2.2/32")).unwrap_err(), Full::Address);
        assert!(seats.take(None).is_ok(), "a proxy has no limit of its own");
    }

    #[test]
    fn a_seat_that_was_taken_away_changes_nothing_any_more() {
        let seats = Seats::new(1, 1);
        let gone = seats.take(None).unwrap();
        let stays = seats.take(None).unwrap();
        gone.busy();
        gone.idle();
        drop(gone);
        assert_eq!(seats.count(), (1, 0));
        drop(stays);
        assert_eq!(seats.count(), (0, 0));
        assert!(!seats.free_one());
        assert!(seats.lock().by_address.is_empty() && seats.lock().idle.is_empty());
    }
}
