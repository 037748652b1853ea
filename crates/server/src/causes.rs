//! Errors with what caused them, for the log and for those who mend it.

use std::error::Error;

/// An error and its causes, the deepest last: `the database did not answer a query: database is locked`. A cause that is told already, in
/// the text of what it caused, is not told again.
pub(crate) fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text.push_str(": ");
            text.push_str(&more);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StoreError;

    #[test]
    fn each_cause_is_told_once() {
        let error = StoreError::Query(sqlx::Error::Protocol("no such thing".to_owned()));
        let text = with_causes(&error);
        assert!(text.starts_with("the database did not answer a query: "), "{text}");
        assert_eq!(text.matches("no such thing").count(), 1, "{text}");
        let same = std::io::Error::other(sqlx::Error::PoolTimedOut);
        assert_eq!(with_causes(&same), sqlx::Error::PoolTimedOut.to_string());
    }
}
