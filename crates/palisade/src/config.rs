//! `palisade config`: the configuration of the Management System, checked and shown.

use anyhow::{Context as _, Result};
use policy::Problem;
use report::terminal::{Page, style};
use server::config::{self, Effective, Overrides, Setting, Source};

use crate::args::{Config, ConfigFile, ListFormat};
use crate::output::{Ending, page_options, say, tell_problems, tell_warnings};

/// Checks or shows.
pub(crate) fn run(args: &Config) -> Result<Ending> {
    match args {
        Config::Check { file } => check(file),
        Config::Show { file, effective, format } => show(file, *effective, *format),
        Config::Example => say(&config::example()).map(|()| Ending::Clean),
        Config::Reference => say(&config::reference()).map(|()| Ending::Clean),
    }
}

/// The configuration as the server would read it: file, environment, and the usual place of the state.
pub(crate) fn load(file: &ConfigFile) -> Result<(config::Config, Effective), Vec<Problem>> {
    load_with(file, Overrides::default())
}

/// The same with what the command line says.
pub(crate) fn load_with(
    file: &ConfigFile,
    overrides: Overrides,
) -> Result<(config::Config, Effective), Vec<Problem>> {
    let is_root = rustix::process::geteuid().is_root();
    let usual_state_dir = config::usual_state_dir(is_root, |name| std::env::var_os(name));
    let overrides = Overrides { usual_state_dir, ..overrides };
    config::Config::load(file.config.as_deref(), std::env::vars_os(), &overrides)
}

fn check(file: &ConfigFile) -> Result<Ending> {
    let name = match &file.config {
        Some(path) => path.display().to_string(),
        None => "the defaults and the environment".to_owned(),
    };
    match load(file) {
        Err(problems) => {
            tell_problems(&problems);
            let count = problems.len();
            say(&format!("{name}: {count} problem{}", plural(count)))?;
            Ok(Ending::Incomplete)
        }
        Ok((config, effective)) => {
            let dangers = effective.dangers();
            tell_warnings(&dangers);
            let host = rustix::system::uname().nodename().to_string_lossy().into_owned();
            server::check(&config, Some(&host))
                .with_context(|| format!("{name}: the server would not start"))?;
            let set = effective.settings.iter().filter(|setting| is_set(setting)).count();
            let safe = match dangers.len() {
                0 => "all good".to_owned(),
                count => format!("{count} unsafe"),
            };
            say(&format!("{name}: {set} of {} parameters set: {safe}", effective.settings.len()))?;
            Ok(if dangers.is_empty() { Ending::Clean } else { Ending::Findings })
        }
    }
}

fn show(file: &ConfigFile, all: bool, format: ListFormat) -> Result<Ending> {
    let mut effective = match load(file) {
        Ok((_, effective)) => effective,
        Err(problems) => {
            tell_problems(&problems);
            return Ok(Ending::Incomplete);
        }
    };
    let total = effective.settings.len();
    if !all {
        effective.settings.retain(|setting| is_set(setting) || setting.danger.is_some());
    }
    match format {
        ListFormat::Json => say(&serde_json::to_string_pretty(&effective)?)?,
        ListFormat::Terminal => say(&page(&effective, total))?,
    }
    Ok(Ending::Clean)
}

/// The list for a person.
fn page(effective: &Effective, total: usize) -> String {
    let mut page = Page::new(&page_options(false));
    for danger in effective.file.iter().flat_map(|file| &file.dangers) {
        page.field(9, "unsafe", style::BAD, &danger.reason);
        page.field(9, "remedy", style::PLAIN, &danger.remedy);
        page.gap();
    }
    let mut section = "";
    for setting in &effective.settings {
        if setting.section != section {
            section = &setting.section;
            page.gap();
            let about =
                config::SECTIONS.iter().find(|known| known.name == section).map_or("", |known| known.about);
            page.hanging((style::STRONG, &format!("[{section}]  ")), (style::DIM, about), 2);
        }
        describe(setting, &mut page);
    }
    page.gap();
    let count =
        |wanted: fn(&Setting) -> bool| effective.settings.iter().filter(|setting| wanted(setting)).count();
    let (set, dangers) = (count(is_set), count(|setting| setting.danger.is_some()));
    let more = if effective.settings.len() < total { " `--effective` shows every one." } else { "" };
    let text = format!("{set} of {total} parameters are set, {dangers} unsafe.{more}");
    page.indented(0, style::DIM, &text);
    page.finish()
}

fn describe(setting: &Setting, page: &mut Page) {
    let value = setting.text();
    let value_style = match (&setting.danger, is_set(setting)) {
        (Some(_), _) => style::BAD,
        (None, true) => style::STRONG,
        (None, false) => style::PLAIN,
    };
    let shown = value.as_deref().unwrap_or("(nothing)");
    page.hanging((style::PLAIN, &format!("  {} = ", setting.name)), (value_style, shown), 6);
    let mut source = setting.source.to_string();
    if is_set(setting)
        && let Some(default) = setting.default_text()
    {
        source.push_str(&format!("; default {default}"));
    }
    if let Some(guide) = &setting.guide {
        source.push_str(&format!("; {guide}"));
    }
    page.field(9, "from", style::DIM, &source);
    page.field(9, "does", style::PLAIN, &setting.about);
    if let Some(danger) = &setting.danger {
        page.field(9, "unsafe", style::BAD, &danger.reason);
        page.field(9, "remedy", style::PLAIN, &danger.remedy);
    }
}

fn is_set(setting: &Setting) -> bool {
    setting.source != Source::Default
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}
