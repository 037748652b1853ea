//! From what the door says to what a fact says.

use host::{Door, Error};
use model::Fact;

/// Turns a reading into a fact: not found is absent, every other error is unreadable with its reason.
pub(crate) trait IntoFact<T> {
    /// The fact; `door` tells whether root's rights would help, and how to get them.
    fn into_fact(self, door: &Door) -> Fact<T>;
}

impl<T> IntoFact<T> for Result<T, Error> {
    fn into_fact(self, door: &Door) -> Fact<T> {
        match self {
            Ok(value) => Fact::known(value),
            Err(error) if error.is_not_found() => Fact::Absent,
            Err(error) => Fact::unreadable(reason(&error, door)),
        }
    }
}

/// A reading of what need not be there.
pub(crate) fn if_any<T>(read: Result<T, Error>) -> Result<Option<T>, Error> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The reason a person reads, ending with the remedy where there is one.
pub(crate) fn reason(error: &Error, door: &Door) -> String {
    if error.is_denied() && !door.is_root() {
        format!("{error}; {}", door.rights_wanted())
    } else {
        error.to_string()
    }
}
