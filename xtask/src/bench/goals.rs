//! The table of goals of a chapter: what was to be reached, and whether it was.

/// Goals, each measured on one database.
pub(crate) struct Goals(String);

impl Goals {
    /// None so far.
    pub(crate) fn new() -> Self {
        Self(String::from("\n| goal | database | measured | met |\n|---|---|---|---|\n"))
    }

    /// One more, said at once too.
    pub(crate) fn add(&mut self, database: &str, what: &str, measured: &str, met: bool) {
        eprintln!("{database}: {what}: {measured}");
        let met = if met { "yes" } else { "**no**" };
        self.0.push_str(&format!("| {what} | {database} | {measured} | {met} |\n"));
    }

    /// The table.
    pub(crate) fn table(&self) -> &str {
        &self.0
    }
}
