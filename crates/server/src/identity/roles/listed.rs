//! Roles as a list: narrowed, sorted, page by page.

use super::{Role, role};
use crate::order::{self, After, Columns, Found, Order};
use crate::store::{Store, StoreError};

/// The columns of the list of roles.
pub(crate) static LISTED: Columns =
    Columns { usual: order::text("id", "id"), falls: false, others: &[order::text("name", "lower(title)")] };

/// Which roles are listed.
#[derive(Clone, Debug)]
pub(crate) struct Filter<'a> {
    /// With this in the identifier, the name, what the role is for or a permission.
    pub(crate) text: &'a str,
    /// Those that came with Palisade, or those of one's own; none: all.
    pub(crate) built_in: Option<bool>,
    pub(crate) order: Order,
    pub(crate) after: Option<After>,
}

/// One page of roles.
///
/// # Errors
/// When the database does not answer.
pub(crate) async fn list(store: &Store, filter: Filter<'_>) -> Result<Found<Role>, StoreError> {
    let Filter { text, built_in, order, after } = filter;
    let query = format!(
        "select id, title, about, built_in, permissions, version, {} from roles
         where ($1 = -1 or built_in = $1)
           and ($2 = '' or lower(id || ' ' || title || ' ' || about || ' ' || permissions) like $3 escape '!')
           and {}
         order by {} limit $4",
        order.key(),
        order.beyond("id", after.as_ref(), 5),
        order.by("id"),
    );
    let query = sqlx::query(sqlx::AssertSqlSafe(query)).bind(built_in.map_or(-1, i64::from));
    let rows = order::bound(query, text, after).fetch_all(store.reader()).await?;
    Ok(order.found(&rows, role)?)
}
