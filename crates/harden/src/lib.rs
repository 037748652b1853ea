//! Mends what falls short, and takes it back: findings -> plan -> applied | undone.
//!
//! The only crate that changes a host. A [`Fix`] is a pure function from facts to [`Change`]s; [`plan()`] turns the
//! changes of many fixes into one [`Plan`] whose every step knows what stood there before; the [`Executor`] writes
//! that plan to a journal, carries it out, and can take it back from any point of it, also after a crash.
//! No other module than `disk` writes a file, and nothing here decides whether a rule passes.
#![forbid(unsafe_code)]

mod change;
mod edit;
mod fix;
pub mod fixes;
mod unit;

mod audit_rules;
mod compile;
mod keeper;
mod plan;

mod disk;
mod journal;

mod engine;
mod execute;
mod foreign;
mod guard;
mod keys;
mod playbook;
mod watchdog;
mod ways_in;

pub use change::{Access, Act, Change, Edit, Field, Live, Syntax};
pub use disk::{Content, Disk, DiskError, Perms, State};
pub use execute::{ApplyError, Executor, Moment, Outcome, Recheck};
pub use fix::{Ask, Disruption, Draft, Fix, Operator, Site, Use};
pub use foreign::{Decision, Foreign};
pub use guard::guard;
pub use journal::{Entry, Journal, JournalError, Status, Told, Who};
pub use keeper::Settle;
pub use plan::{Mended, PLAN_SCHEMA, Plan, PlanView, PlannedFix, Refused, Request, Shown, Step, plan};
pub use playbook::playbook;
pub use watchdog::{Watchdog, watch};
