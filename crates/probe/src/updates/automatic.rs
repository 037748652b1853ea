//! Updates that are installed without a person.

use host::Door;
use model::Fact;
use model::facts::updates::Automatic;

use crate::apt_conf::{AptConf, truth};
use crate::dpkg::Installed;
use crate::fact::{IntoFact, reason};
use crate::stamp;
use crate::text::meaningful_lines;
use crate::units::{self, AtBoot};

/// unattended-upgrades, as apt's settings and timers make it run.
pub(super) fn apt(door: &Door, installed: &Installed) -> Automatic {
    let conf = match AptConf::read(door) {
        Ok(conf) => conf,
        Err(error) => return unreadable(&reason(&error, door)),
    };
    let tool = match installed.named("unattended-upgrades").first() {
        Some(package) => Fact::read_at(package.name.clone(), crate::dpkg::STATUS),
        None => Fact::Absent,
    };
    let lists = period(&conf, "APT::Periodic::Update-Package-Lists");
    let upgrade = period(&conf, "APT::Periodic::Unattended-Upgrade");
    let switched_off = conf.get("APT::Periodic::Enable").is_some_and(|setting| setting.value == "0");
    let scheduled = scheduled(door);
    let origins: Vec<_> = ["Unattended-Upgrade::Origins-Pattern", "Unattended-Upgrade::Allowed-Origins"]
        .into_iter()
        .flat_map(|name| conf.list(name))
        .collect();
    let security = origins.iter().find(|origin| {
        let value = origin.value.to_ascii_lowercase();
        value.contains("-security") || value.contains("label=debian-security")
    });
    let reboots = match conf.get("Unattended-Upgrade::Automatic-Reboot") {
        Some(setting) => Fact::read_at(truth(&setting.value) == Some(true), setting.source.clone()),
        None => Fact::read_at(false, "the default of Unattended-Upgrade::Automatic-Reboot"),
    };
    let often = |period: &Fact<f64>| period.value().is_some_and(|days| *days > 0.0);
    let switched_on = tool.value().is_some() && !switched_off && often(&lists) && often(&upgrade);
    Automatic {
        enabled: match &scheduled {
            _ if !switched_on => Fact::read_at(false, "/etc/apt/apt.conf.d and installed packages"),
            Fact::Known(scheduled, source) => Fact::Known(*scheduled, source.clone()),
            Fact::Absent => Fact::read_at(false, "no timer or job of apt"),
            Fact::Unreadable(why) => Fact::Unreadable(why.clone()),
        },
        security_origin: match security {
            Some(origin) => Fact::read_at(true, origin.source.clone()),
            None => Fact::read_at(false, "/etc/apt/apt.conf.d"),
        },
        origins: origins.iter().map(|origin| origin.value.clone()).collect(),
        last_run_at: stamp::newest(
            door,
            &["/var/lib/apt/periodic/unattended-upgrades-stamp", "/var/lib/apt/periodic/upgrade-stamp"],
        ),
        tool,
        lists_every_days: lists,
        upgrade_every_days: upgrade,
        scheduled,
        reboots,
    }
}

/// A period in days: `1`, `12h`, `always`; never when it is not set.
fn period(conf: &AptConf, name: &str) -> Fact<f64> {
    let Some(setting) = conf.get(name) else {
        return Fact::read_at(0.0, format!("the default of {name}"));
    };
    let value = setting.value.trim();
    let (number, factor) = match value.char_indices().next_back() {
        Some((at, unit @ ('s' | 'm' | 'h' | 'd'))) => {
            let factor = match unit {
                's' => 1.0 / 86_400.0,
                'm' => 1.0 / 1_440.0,
                'h' => 1.0 / 24.0,
                _ => 1.0,
            };
            (value.get(..at).unwrap_or_default(), factor)
        }
        _ => (value, 1.0),
    };
    if value == "always" {
        // At every start of the timer, which is twice a day.
        return Fact::read_at(0.5, setting.source.clone());
    }
    match number.parse::<f64>() {
        Ok(number) if number >= 0.0 => Fact::read_at(number * factor, setting.source.clone()),
        _ => Fact::unreadable(format!("{}: `{value}` is no period", setting.source)),
    }
}

/// Whether both of apt's timers start at boot; the cron job where systemd does not run.
fn scheduled(door: &Door) -> Fact<bool> {
    let timers = ["apt-daily.timer", "apt-daily-upgrade.timer"];
    let job = "/etc/cron.daily/apt-compat";
    let has_job = door.stat(job).is_ok_and(|stat| stat.mode & 0o111 != 0);
    // The job does nothing where systemd runs.
    if door.is_live() && !door.exists("/run/systemd/system") {
        let cron = door.exists("/usr/sbin/cron") || door.exists("/usr/sbin/anacron");
        return Fact::read_at(has_job && cron, job);
    }
    let mut links = Vec::new();
    for timer in timers {
        match units::at_boot(door, timer) {
            Ok(AtBoot::Started(link)) => links.push(link),
            Ok(AtBoot::Masked(link)) => return Fact::read_at(false, link),
            Ok(AtBoot::NotStarted | AtBoot::NoUnit) => return Fact::read_at(false, timer),
            Err(error) => return Fact::unreadable(reason(&error, door)),
        }
    }
    Fact::read_at(true, links.join(", "))
}

/// dnf-automatic, as its timers and settings make it run.
pub(super) fn dnf(door: &Door) -> Automatic {
    let path = "/etc/dnf/automatic.conf";
    let settings = match door.read_text(path) {
        Ok(text) => text,
        Err(error) if error.is_not_found() => return absent(),
        Err(error) => return unreadable(&reason(&error, door)),
    };
    let value = |key: &str| {
        meaningful_lines(&settings)
            .filter_map(|line| {
                let (name, value) = line.text.split_once('=')?;
                (name.trim() == key).then(|| value.trim().to_owned())
            })
            .last()
    };
    let applies = value("apply_updates").and_then(|value| truth(&value)) == Some(true);
    let timer = |name: &str| units::at_boot(door, name).map(|state| state.is_started());
    let enabled = timer("dnf-automatic-install.timer").and_then(|install| {
        Ok(install || (applies && (timer("dnf-automatic.timer")? || timer("dnf5-automatic.timer")?)))
    });
    let scheduled = enabled.into_fact(door);
    Automatic {
        tool: Fact::read_at("dnf-automatic".to_owned(), path),
        enabled: scheduled.clone(),
        scheduled,
        lists_every_days: Fact::known(1.0),
        upgrade_every_days: Fact::known(1.0),
        origins: Vec::new(),
        security_origin: Fact::read_at(true, path),
        reboots: Fact::read_at(value("reboot").is_some_and(|value| value != "never"), path),
        last_run_at: Fact::unreadable("dnf-automatic leaves no stamp"),
    }
}

fn absent() -> Automatic {
    Automatic {
        tool: Fact::Absent,
        enabled: Fact::known(false),
        lists_every_days: Fact::known(0.0),
        upgrade_every_days: Fact::known(0.0),
        scheduled: Fact::known(false),
        origins: Vec::new(),
        security_origin: Fact::known(false),
        reboots: Fact::known(false),
        last_run_at: Fact::Absent,
    }
}

fn unreadable(why: &str) -> Automatic {
    Automatic {
        tool: Fact::unreadable(why),
        enabled: Fact::unreadable(why),
        lists_every_days: Fact::unreadable(why),
        upgrade_every_days: Fact::unreadable(why),
        scheduled: Fact::unreadable(why),
        origins: Vec::new(),
        security_origin: Fact::unreadable(why),
        reboots: Fact::unreadable(why),
        last_run_at: Fact::unreadable(why),
    }
}
