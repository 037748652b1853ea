//! The way from one entry to the root of the tree, as a small picture.

use maud::{Markup, html};
use report::printable;

/// A hash beside the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Step {
    /// Whether it stands to the left of the way: what is before the entry.
    pub(crate) is_left: bool,
    /// Its beginning, for a person to compare.
    pub(crate) hash: String,
}

/// On which side the hashes of a proof stand, from the entry up (RFC 9162, 2.1.3.2); true is left.
pub(crate) fn sides(index: u64, size: u64, hashes: usize) -> Vec<bool> {
    let (mut node, mut last) = (index, size.saturating_sub(1));
    let mut sides = Vec::with_capacity(hashes);
    for _ in 0..hashes {
        let is_left = node % 2 == 1 || node == last;
        // A node without a right neighbour goes up alone until it has a left one.
        while is_left && node % 2 == 0 && node > 0 {
            (node, last) = (node / 2, last / 2);
        }
        sides.push(is_left);
        (node, last) = (node / 2, last / 2);
    }
    sides
}

/// Height of a step.
const STEP: usize = 30;

/// The picture; what it shows stands beside it in words.
pub(super) fn picture(steps: &[Step]) -> Markup {
    let bottom = steps.len() * STEP + 18;
    html! {
        svg.way viewBox=(format!("0 0 300 {}", bottom + 18)) width="300" height=(bottom + 18) aria-hidden="true" focusable="false" {
            @for (number, step) in steps.iter().enumerate() {
                @let y = bottom - number * STEP;
                @let beside = if step.is_left { 106 } else { 194 };
                path.up d=(format!("M150 {y}V{}", y - STEP)) {}
                path.beside d=(format!("M{beside} {y}L150 {}", y - STEP)) {}
                rect.beside x=(beside - 6) y=(y - 6) width="12" height="12" rx="2" {}
                text x=(if step.is_left { 94 } else { 206 }) y=(y + 4) text-anchor=(if step.is_left { "end" } else { "start" }) { (printable(&step.hash)) }
            }
            @for number in 1..steps.len() { circle.on cx="150" cy=(bottom - number * STEP) r="5" {} }
            circle.root cx="150" cy="18" r="8" {}
            @if !steps.is_empty() { circle.leaf cx="150" cy=(bottom) r="7" {} }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sides_are_those_of_the_tree() {
        // Seven entries: the trees of RFC 9162, 2.1.5.
        let left =
            |sides: Vec<bool>| sides.into_iter().map(|left| if left { 'l' } else { 'r' }).collect::<String>();
        assert_eq!(left(sides(0, 7, 3)), "rrr");
        assert_eq!(left(sides(3, 7, 3)), "llr");
        assert_eq!(left(sides(4, 7, 3)), "rrl");
        assert_eq!(left(sides(6, 7, 2)), "ll");
        assert_eq!(left(sides(0, 1, 0)), "");
    }
}
