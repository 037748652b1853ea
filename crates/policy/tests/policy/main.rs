//! Facts and content in, verdicts out: the boundary that changes least.

mod baseline;
mod broken;
mod mutants;
mod profiles;
mod support;
mod verdicts;
