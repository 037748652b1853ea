//! Lists on pages: what one is narrowed to and sorted by, kept in every address that leads on from it.

use super::with_query;
use crate::api::body::after;
use crate::api::problem::Failure;
use crate::order::{After, Order};
use crate::web::list::Order::{Falling, Rising};
use crate::web::list::{Column, Facet, Listing};

/// How a list is looked at.
pub(super) struct Look<'a> {
    /// The address of the list without a query.
    pub(super) path: &'a str,
    /// What is looked for.
    pub(super) filter: &'a str,
    /// What it is narrowed to.
    pub(super) facets: Vec<Facet>,
    pub(super) order: Order,
    /// The order as it was asked for.
    pub(super) sort: &'a str,
    /// Where the page begins.
    pub(super) after: &'a str,
}

impl Look<'_> {
    /// The row after which the page begins.
    pub(super) fn after(&self) -> Result<Option<After>, Failure> {
        after(self.order, self.after)
    }

    /// What the page carries beside its rows, when the next page begins there.
    pub(super) fn listing(self, next: Option<&str>) -> Listing {
        let facets = self.facets.iter().map(|facet| (facet.name.as_str(), facet.chosen()));
        let narrowed: Vec<(&str, &str)> = std::iter::once(("q", self.filter)).chain(facets).collect();
        let with = |words: &[(&str, &str)]| with_query(self.path, &[narrowed.as_slice(), words].concat());
        let column = |(key, asked, falling): (&str, String, Option<bool>)| Column {
            key: key.to_owned(),
            href: with(&[("sort", asked.as_str())]),
            sorted: falling.map(|falling| if falling { Falling } else { Rising }),
        };
        let columns = self.order.choices().map(column).collect();
        // A new search keeps the order, where one was asked for.
        let keep =
            if self.sort.is_empty() { Vec::new() } else { vec![("sort".to_owned(), self.order.asked())] };
        // There is no way back from the middle but to the beginning.
        let previous = (!self.after.is_empty()).then(|| with(&[("sort", self.sort)]));
        let next = next.map(|next| with(&[("sort", self.sort), ("after", next)]));
        Listing {
            path: self.path.to_owned(),
            filter: self.filter.to_owned(),
            keep,
            columns,
            previous,
            next,
            total: None,
            facets: self.facets,
        }
    }
}
