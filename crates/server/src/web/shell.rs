//! The frame of every page: head, navigation, notices, footer; and how times are written.

use std::time::Duration;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use maud::{DOCTYPE, Markup, html};
use report::printable;

use super::assets;
use super::form::Act;
use super::icon::{self, Icon, fence, icon, mark};
use super::text::name;

/// What every page needs besides its own view.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shell {
    /// Who looks; nobody before login.
    pub(crate) user: Option<Viewer>,
    /// The address of the page, without its query: marks where the viewer is.
    pub(crate) path: String,
    /// Pages the viewer may see, in any order.
    pub(crate) nav: Vec<Tab>,
    /// What happened just now, or should be known on every page.
    pub(crate) notices: Vec<Notice>,
    /// The name of this system, as the site calls it; the host's name otherwise.
    pub(crate) system: String,
    /// Version of Palisade.
    pub(crate) version: String,
    /// How often an open page fetches itself anew; never when none.
    pub(crate) refresh: Option<Duration>,
    /// The zone of the viewer's profile. Without one times are UTC, and the browser puts them into its own.
    pub(crate) zone: Option<TimeZone>,
}

/// The person who is logged in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Viewer {
    /// Full name.
    pub(crate) name: String,
    /// Names of roles.
    pub(crate) roles: Vec<String>,
}

/// A page in the navigation, and how many things wait there (0 is not shown).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tab {
    pub(crate) place: Place,
    pub(crate) waiting: usize,
}

/// The pages that the navigation knows, in its order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Overview,
    Reports,
    Users,
    Roles,
    Access,
    Sessions,
    Tokens,
    Blocks,
    Reviews,
    Ledger,
    Settings,
    About,
}

impl Place {
    /// All of them.
    pub(crate) const ALL: [Self; 12] = [
        Self::Overview,
        Self::Reports,
        Self::Users,
        Self::Roles,
        Self::Access,
        Self::Sessions,
        Self::Tokens,
        Self::Blocks,
        Self::Reviews,
        Self::Ledger,
        Self::Settings,
        Self::About,
    ];

    /// Its address.
    pub(crate) fn path(self) -> &'static str {
        match self {
            Self::Overview => "/",
            Self::Reports => "/reports",
            Self::Users => "/users",
            Self::Roles => "/roles",
            Self::Access => "/access",
            Self::Sessions => "/sessions",
            Self::Tokens => "/tokens",
            Self::Blocks => "/blocks",
            Self::Reviews => "/reviews",
            Self::Ledger => "/ledger",
            Self::Settings => "/settings",
            Self::About => "/about",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Overview => "Overview",
            Self::Reports => "Reports",
            Self::Users => "Users",
            Self::Roles => "Roles",
            Self::Access => "Who can do what",
            Self::Sessions => "Sessions",
            Self::Tokens => "API tokens",
            Self::Blocks => "Blocks",
            Self::Reviews => "Access reviews",
            Self::Ledger => "Ledger",
            Self::Settings => "Settings",
            Self::About => "About",
        }
    }

    fn icon(self) -> Icon {
        match self {
            Self::Overview => icon::OVERVIEW,
            Self::Reports => icon::REPORTS,
            Self::Users => icon::USERS,
            Self::Roles => icon::ROLES,
            Self::Access => icon::ACCESS,
            Self::Sessions => icon::SESSIONS,
            Self::Tokens => icon::TOKENS,
            Self::Blocks => icon::BLOCKS,
            Self::Reviews => icon::REVIEW,
            Self::Ledger => icon::LEDGER,
            Self::Settings => icon::SETTINGS,
            Self::About => icon::ABOUT,
        }
    }

    fn group(self) -> &'static str {
        match self {
            Self::Overview | Self::Reports => "Posture",
            Self::Users | Self::Roles | Self::Access | Self::Sessions => "People",
            Self::Tokens | Self::Blocks | Self::Reviews => "Access",
            Self::Ledger | Self::Settings | Self::About => "System",
        }
    }

    /// Whether `path` is this page or one below it.
    fn holds(self, path: &str) -> bool {
        let own = self.path();
        path == own || (own != "/" && path.strip_prefix(own).is_some_and(|rest| rest.starts_with('/')))
    }
}

/// How something stands, in the four colours of the pages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Neither good nor bad.
    #[default]
    Plain,
    /// As it should be.
    Good,
    /// Somebody should look.
    Unsure,
    /// Not as it should be.
    Bad,
}

impl Tone {
    /// The class that carries its colour.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Good => "pass",
            Self::Unsure => "unknown",
            Self::Bad => "fail",
        }
    }
}

/// A line above the page's content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notice {
    pub(crate) tone: Tone,
    pub(crate) text: String,
    /// Where to go about it: label and address.
    pub(crate) link: Option<(String, String)>,
}

/// The top of a page's content.
#[derive(Default)]
pub(super) struct Head<'a> {
    /// The pages above this one: label and address.
    pub(super) above: &'a [(&'a str, &'a str)],
    pub(super) title: Markup,
    /// One sentence: what this is and how it stands.
    pub(super) lead: Markup,
    /// Links and buttons.
    pub(super) actions: Markup,
}

impl Head<'_> {
    pub(super) fn draw(&self) -> Markup {
        html! {
            header.head {
                @if !self.above.is_empty() {
                    nav.crumbs aria-label="Above this page" {
                        ol { @for (label, href) in self.above { li { a href=(href) { (name(label)) } } } }
                    }
                }
                h1 { (self.title) }
                @if !self.lead.0.is_empty() { div.lead { (self.lead) } }
                @if !self.actions.0.is_empty() { div.actions { (self.actions) } }
            }
        }
    }
}

impl Shell {
    /// A whole page within the navigation.
    pub(super) fn page(&self, title: &str, body: &Markup) -> Markup {
        let live = self.refresh.map(|every| every.as_secs().max(1));
        let body = html! {
            a.skip href="#main" { "Skip to the content" }
            header.top {
                (self.brand())
                details.menu {
                    summary { (icon(icon::MENU)) "Menu" }
                    (self.menu("Menu"))
                }
            }
            header.side {
                (self.brand())
                (self.menu("Pages"))
            }
            div.content {
                p.live role="status" data-live-status hidden {}
                main #main tabindex="-1" data-live=[live] {
                    (self.notices())
                    (body)
                }
                (self.footer())
            }
        };
        self.document(title, "app", &body)
    }

    /// A whole page before the door: no navigation, one thing to do.
    pub(super) fn door(&self, title: &str, body: &Markup) -> Markup {
        let body = html! {
            a.skip href="#main" { "Skip to the form" }
            header.wall {
                (self.brand())
                p.wall-words aria-hidden="true" { "Every requirement a stake." br; "Every gap in sight." }
                (fence(24, None))
            }
            div.gate {
                main #main tabindex="-1" {
                    (self.notices())
                    (body)
                }
                (self.footer())
            }
        };
        self.document(title, "door", &body)
    }

    /// A moment, in the viewer's zone, else in UTC.
    pub(super) fn time(&self, at: Timestamp) -> Markup {
        self.written(at, "%Y-%m-%d %H:%M %Z", "minute")
    }

    /// A day.
    pub(super) fn day(&self, at: Timestamp) -> Markup {
        self.written(at, "%Y-%m-%d", "day")
    }

    /// A moment, or the word for never.
    pub(super) fn time_or(&self, at: Option<Timestamp>, never: &str) -> Markup {
        html! { @match at { Some(at) => (self.time(at)), None => span.quiet { (never) } } }
    }

    fn written(&self, at: Timestamp, format: &str, unit: &str) -> Markup {
        let zone = self.zone.clone().unwrap_or(TimeZone::UTC);
        let text = at.to_zoned(zone).strftime(format).to_string();
        let own = self.zone.is_some();
        html! { time datetime=(format!("{at:.0}")) data-unit=(unit) data-zoned[own] { (text) } }
    }

    fn document(&self, title: &str, class: &str, body: &Markup) -> Markup {
        let style = assets::named("style.css");
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    meta name="referrer" content="no-referrer";
                    meta name="robots" content="noindex";
                    title { (printable(title)) " \u{b7} " @if !self.system.is_empty() { (printable(&self.system)) " \u{b7} " } "Palisade" }
                    link rel="icon" type="image/svg+xml" href=(assets::named("favicon.svg").path);
                    link rel="stylesheet" href=(style.path) integrity=(style.integrity);
                    @for script in assets::scripts() { script defer src=(script.path) integrity=(script.integrity) {} }
                }
                body class=(class) { (body) }
            }
        }
    }

    fn brand(&self) -> Markup {
        html! {
            a.brand href="/" {
                (mark())
                span.brand-words {
                    span.brand-name { "Palisade" }
                    @if !self.system.is_empty() { " " span.brand-system { (name(&self.system)) } }
                }
            }
        }
    }

    fn menu(&self, label: &str) -> Markup {
        let mut tabs = self.nav.clone();
        tabs.sort_by_key(|tab| tab.place);
        html! {
            @if !tabs.is_empty() {
                nav.pages aria-label=(label) {
                    @for group in tabs.chunk_by(|one, next| one.place.group() == next.place.group()) {
                        @if let Some(first) = group.first() { p.group { (first.place.group()) } }
                        ul { @for tab in group { li { (self.tab(*tab)) } } }
                    }
                }
            }
            @if let Some(user) = &self.user { (viewer(user, self.path == "/profile")) }
        }
    }

    fn tab(&self, tab: Tab) -> Markup {
        let here = tab.place.holds(&self.path).then_some("page");
        html! {
            a href=(tab.place.path()) aria-current=[here] {
                (icon(tab.place.icon()))
                span { (tab.place.label()) }
                @if tab.waiting > 0 { " " span.waiting { (tab.waiting) span.heard { " waiting" } } }
            }
        }
    }

    fn notices(&self) -> Markup {
        html! {
            @for notice in &self.notices {
                div class=(format!("notice {}", notice.tone.class())) role=(if notice.tone == Tone::Bad { "alert" } else { "status" }) {
                    p {
                        (printable(&notice.text))
                        @if let Some((label, href)) = &notice.link { " " a href=(href) { (printable(label)) } }
                    }
                }
            }
        }
    }

    fn footer(&self) -> Markup {
        html! { footer { p { "Palisade " (printable(&self.version)) } } }
    }
}

fn viewer(user: &Viewer, here: bool) -> Markup {
    html! {
        div.viewer {
            a.who href="/profile" aria-current=[here.then_some("page")] {
                (icon(icon::PERSON))
                span {
                    span.who-name { (name(&user.name)) }
                    @if !user.roles.is_empty() { " " span.who-roles { (printable(&user.roles.join(", "))) } }
                }
            }
            (Act { action: "/logout".into(), label: "Log out".into(), ..Act::default() }.draw("quiet-button"))
        }
    }
}
