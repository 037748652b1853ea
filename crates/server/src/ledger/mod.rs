//! The tamper-evident log: what happened is noted in the transaction that does it, given its place in a Merkle tree, and signed.

pub(crate) mod api;
pub(crate) mod asked;
mod asker;
pub(crate) mod checkup;
mod cosigning;
pub(crate) mod export;
pub(crate) mod exporters;
mod head;
mod health;
mod note;
mod reading;
mod refusals;
mod retention;
pub(crate) mod review;
pub(crate) mod room;
mod rows;
mod sequencer;
mod spill;
pub(crate) mod witnesses;

#[cfg(test)]
pub(crate) mod tests;

pub(crate) use asker::{Asker, carried, during, tries};
pub(crate) use cosigning::{Cosigning, NotCosigned};
pub(crate) use note::{Said, note};
pub(crate) use reading::{
    Filter, PAGE, Placed, RUN, Standing, extension, find, following, is_waiting, list, newest, part, prove,
    standing,
};
pub(crate) use refusals::of_answer;
pub(crate) use retention::{Retention, prune};
pub(crate) use sequencer::{Ledger, LedgerError};
#[cfg(feature = "fuzzing")]
pub(crate) use sequencer::{seen_in, seen_line};
pub use spill::leave_for_the_ledger;
#[cfg(feature = "fuzzing")]
pub(crate) use spill::taken;

/// What happened, by the catalogue.
pub(crate) use ::ledger::Kind as Happened;

/// The streams of the log, each a tree of its own with a retention of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Stream {
    /// What happens in the Management System.
    ManagementSystem,
    /// What nodes tell of themselves.
    Nodes,
    /// What workloads tell.
    Workloads,
}

impl Stream {
    /// All of them.
    pub(crate) const ALL: [Self; 3] = [Self::ManagementSystem, Self::Nodes, Self::Workloads];

    /// As tables, addresses and exports name it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::ManagementSystem => "management-system",
            Self::Nodes => "nodes",
            Self::Workloads => "workloads",
        }
    }

    /// The stream of that name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stream| stream.as_str() == name)
    }
}
