//! By which column a list is sorted, and where its next page begins.
//!
//! The columns are an allow-list of each list; nothing that a request says becomes part of a query. A page ends with the value of
//! its last row and the row's identifier, which breaks ties: so pages neither repeat nor leave out rows, whatever comes or
//! goes meanwhile, and a list that is sorted differently begins at its first page again.

use sqlx::any::AnyRow;
use sqlx::query::Query;
use sqlx::{Any, Row as _};

/// Rows of one page of a list.
pub(crate) const PAGE: i64 = 50;

/// A column that a list can be sorted by.
#[derive(Debug)]
pub(crate) struct Column {
    /// As addresses call it.
    pub(crate) key: &'static str,
    /// What is sorted, never null.
    pub(crate) sql: &'static str,
    /// Whether that is a text; else a number.
    pub(crate) is_text: bool,
}

/// A text to sort by.
pub(crate) const fn text(key: &'static str, sql: &'static str) -> Column {
    Column { key, sql, is_text: true }
}

/// A number or a time to sort by.
pub(crate) const fn number(key: &'static str, sql: &'static str) -> Column {
    Column { key, sql, is_text: false }
}

/// The columns of a list.
#[derive(Debug)]
pub(crate) struct Columns {
    /// The one that sorts it when nothing is asked for.
    pub(crate) usual: Column,
    /// Whether it falls then.
    pub(crate) falls: bool,
    /// The others.
    pub(crate) others: &'static [Column],
}

impl Columns {
    fn all(&'static self) -> impl Iterator<Item = &'static Column> {
        std::iter::once(&self.usual).chain(self.others)
    }

    /// The order that was asked for: the key of a column, with `-` before it the other way round. What is no column of the list
    /// is as if nothing was asked.
    pub(crate) fn order(&'static self, asked: &str) -> Order {
        let (falling, key) = asked.strip_prefix('-').map_or((false, asked), |key| (true, key));
        match self.all().find(|column| column.key == key) {
            Some(column) => Order { columns: self, column, falling },
            None => Order { columns: self, column: &self.usual, falling: self.falls },
        }
    }
}

/// The column of a list, and which way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order {
    columns: &'static Columns,
    column: &'static Column,
    falling: bool,
}

/// One page of a list, and what `after` asks for the next one.
#[derive(Debug)]
pub(crate) struct Found<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// The last row of the page before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct After {
    value: Value,
    id: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Number(i64),
}

impl Order {
    /// As addresses say it.
    pub(crate) fn asked(self) -> String {
        format!("{}{}", if self.falling { "-" } else { "" }, self.column.key)
    }

    /// The columns that there are, each with the order that a press on it brings and how it is sorted now: falling or not.
    pub(crate) fn choices(self) -> impl Iterator<Item = (&'static str, String, Option<bool>)> {
        self.columns.all().map(move |column| {
            let is_this = column.key == self.column.key;
            // Numbers and times are looked at from the top first.
            let falling = if is_this { !self.falling } else { !column.is_text };
            let order = Self { column, falling, ..self };
            (column.key, order.asked(), is_this.then_some(self.falling))
        })
    }

    /// Reads what `next` of the page before said; none when it is of another order.
    pub(crate) fn after(self, text: &str) -> Option<After> {
        let (value, id) = text.rsplit_once('_')?;
        let value = if self.column.is_text {
            Value::Text(value.to_owned())
        } else {
            Value::Number(value.parse().ok()?)
        };
        Some(After { value, id: id.to_owned() })
    }

    /// What follows `order by`, with the column that breaks ties.
    pub(crate) fn by(self, id: &str) -> String {
        let way = if self.falling { "desc" } else { "asc" };
        format!("{} {way}, {id} {way}", self.column.sql)
    }

    /// What is selected beside the row, so that the next page can begin after it.
    pub(crate) fn key(self) -> String {
        format!("{} as sort_key", self.column.sql)
    }

    /// The condition that rows come after one; its value is parameter `first`, its identifier the one behind. True for all
    /// without such a row.
    pub(crate) fn beyond(self, id: &str, after: Option<&After>, first: u8) -> String {
        if after.is_none() {
            return "1 = 1".to_owned();
        }
        let (sql, than) = (self.column.sql, if self.falling { "<" } else { ">" });
        let second = first.saturating_add(1);
        format!("({sql} {than} ${first} or ({sql} = ${first} and {id} {than} ${second}))")
    }

    /// The rows of one page of [`PAGE`] rows, of which one more was read when there is a next page.
    ///
    /// # Errors
    /// When a row cannot be read.
    pub(crate) fn found<T, E: From<sqlx::Error>>(
        self,
        rows: &[AnyRow],
        read: impl Fn(&AnyRow) -> Result<T, E>,
    ) -> Result<Found<T>, E> {
        let limit = usize::try_from(PAGE).unwrap_or(usize::MAX);
        let next = match rows.get(limit.saturating_sub(1)) {
            Some(last) if rows.len() > limit => Some(self.place(last)?),
            _ => None,
        };
        let items = rows.iter().take(limit).map(read).collect::<Result<_, _>>()?;
        Ok(Found { items, next })
    }

    fn place(self, row: &AnyRow) -> Result<String, sqlx::Error> {
        let id: String = row.try_get("id")?;
        Ok(if self.column.is_text {
            format!("{}_{id}", row.try_get::<String, _>("sort_key")?)
        } else {
            format!("{}_{id}", row.try_get::<i64, _>("sort_key")?)
        })
    }
}

/// Binds what the query of a list ends with: the text that is looked for, its pattern, how many rows are read, and the row after which a
/// page begins, nothing without one.
pub(crate) fn bound<'q>(
    query: Query<'q, Any, sqlx::any::AnyArguments>,
    text: &str,
    after: Option<After>,
) -> Query<'q, Any, sqlx::any::AnyArguments> {
    let wanted = text.trim().to_lowercase();
    let pattern = contains(&wanted);
    let query = query.bind(wanted).bind(pattern).bind(PAGE + 1);
    match after {
        None => query,
        Some(After { value: Value::Text(text), id }) => query.bind(text).bind(id),
        Some(After { value: Value::Number(number), id }) => query.bind(number).bind(id),
    }
}

/// The pattern of `like ... escape '!'` for texts that contain this one.
fn contains(text: &str) -> String {
    let escaped = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}

#[cfg(test)]
mod tests {
    use super::*;

    static COLUMNS: Columns = Columns {
        usual: text("name", "lower(name)"),
        falls: false,
        others: &[number("used", "coalesce(used_at, 0)")],
    };

    fn order(asked: &str) -> Order {
        COLUMNS.order(asked)
    }

    #[test]
    fn only_columns_of_the_list_sort_it() {
        for (asked, by) in [
            ("", "lower(name) asc, id asc"),
            ("name", "lower(name) asc, id asc"),
            ("-name", "lower(name) desc, id desc"),
            ("-used", "coalesce(used_at, 0) desc, id desc"),
            ("password", "lower(name) asc, id asc"),
            ("--used", "lower(name) asc, id asc"),
            ("used; drop table users", "lower(name) asc, id asc"),
        ] {
            assert_eq!(order(asked).by("id"), by, "{asked}");
        }
    }

    #[test]
    fn a_press_turns_the_order_round_or_begins_with_the_natural_one() {
        let choices: Vec<_> = order("").choices().collect();
        assert_eq!(choices, [("name", "-name".to_owned(), Some(false)), ("used", "-used".to_owned(), None)]);
        let choices: Vec<_> = order("-used").choices().collect();
        assert_eq!(choices, [("name", "name".to_owned(), None), ("used", "used".to_owned(), Some(true))]);
    }

    #[test]
    fn a_page_begins_after_a_value_and_an_identifier() {
        let after = order("name").after("a_b_7").unwrap();
        assert_eq!(after, After { value: Value::Text("a_b".to_owned()), id: "7".to_owned() });
        assert_eq!(order("used").after("a_b_7"), None);
        assert_eq!(order("used").after("12_7").map(|after| after.value), Some(Value::Number(12)));
        assert_eq!(order("name").after("nothing"), None);
        let sql = order("-used").beyond("id", Some(&after), 3);
        assert_eq!(sql, "(coalesce(used_at, 0) < $3 or (coalesce(used_at, 0) = $3 and id < $4))");
        assert_eq!(order("-used").beyond("id", None, 3), "1 = 1");
    }
}
