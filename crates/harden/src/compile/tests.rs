//! Plans of several fixes from changes.

use super::*;

#[test]
fn paths_are_made_plain() {
    assert_eq!(tidy("/a/./b/../c//d"), "/a/c/d");
    assert_eq!(tidy("/../.."), "/");
}
