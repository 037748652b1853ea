//! CEL's `matches`, with each pattern compiled once.
//!
//! The library compiles it at each call, for each element of a list: that took half of all deciding.

use std::cell::RefCell;
use std::collections::BTreeMap;

use ::cel::common::types::{CelBool, CelString};
use ::cel::{DeclarationError, Env, ExecutionError};
use regex::Regex;

/// The most patterns that are kept; ours are far fewer, but facts may be patterns too.
const KEPT: usize = 500;

thread_local! {
    /// Functions of the library hold nothing themselves.
    static COMPILED: RefCell<BTreeMap<String, Regex>> = const { RefCell::new(BTreeMap::new()) };
}

/// Declares `text.matches(pattern)` and `matches(text, pattern)`.
pub(super) fn declare(env: &mut Env) -> Result<(), DeclarationError> {
    ::cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>, id = "matches")?;
    ::cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>)
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    let (text, pattern) = (text.inner(), pattern.inner());
    COMPILED.with_borrow_mut(|compiled| {
        if let Some(regex) = compiled.get(pattern) {
            return Ok(CelBool::from(regex.is_match(text)));
        }
        let regex = Regex::new(pattern).map_err(|error| ExecutionError::FunctionError {
            function: "matches".to_owned(),
            message: format!("'{pattern}' not a valid regex:\n{error}"),
        })?;
        let answer = regex.is_match(text);
        if compiled.len() >= KEPT {
            compiled.clear();
        }
        compiled.insert(pattern.to_owned(), regex);
        Ok(CelBool::from(answer))
    })
}
