//! Made-up machines for cron jobs and timers.

use test_support::Machine;

use super::*;

#[test]
fn jobs_of_crontabs_folders_and_timers_are_found() {
    let (door, _root) = Machine::new()
        .file("/etc/crontab", "SHELL=/bin/sh\n17 *\t* * *\troot\tcd / && run-parts --report /etc/cron.hourly\n")
        .file("/etc/cron.d/disk", "MAILTO=\"\"\n*/10 * * * * root /usr/local/bin/disk-watch --limit 80\n")
        .file("/etc/cron.d/disk.bak", "* * * * * root never\n")
        .file(
            "/usr/local/bin/disk-watch",
            "#!/bin/sh\n# uses btrfs? no\ndf --output=pcent / | mail -s full ops\n",
        )
        .file_with_mode(
            "/etc/cron.daily/aide",
            "#!/bin/sh\nexec /usr/share/aide/bin/dailyaidecheck --crondaily\n",
            0o755,
        )
        .file_with_mode("/etc/cron.weekly/off", "#!/bin/sh\n", 0o644)
        .file("/var/spool/cron/crontabs/root", "@hourly /bin/true\n")
        .file("/usr/lib/systemd/system/scan.timer", "[Timer]\nOnCalendar=daily\n")
        .file("/etc/systemd/system/scan.timer.d/more.conf", "[Timer]\nOnCalendar=\nOnCalendar=*:0/30\n")
        .file("/usr/lib/systemd/system/scan.service", "[Service]\nExecStart=/usr/bin/clamscan -r /\n")
        .link("/etc/systemd/system/timers.target.wants/scan.timer", "/usr/lib/systemd/system/scan.timer")
        .file("/usr/lib/systemd/system/idle.timer", "[Timer]\nOnUnitActiveSec=1h\nUnit=other.service\n")
        .link("/etc/systemd/system/gone.timer", "/opt/gone.timer")
        .link("/etc/systemd/system/off.timer", "/dev/null")
        .link("/etc/systemd/system/again.timer", "/usr/lib/systemd/system/scan.timer")
        .door();
    let jobs = jobs(&door).unwrap();
    let find =
        |source: &str| jobs.iter().find(|job| job.source == source).unwrap_or_else(|| panic!("{source}"));
    let disk = find("/etc/cron.d/disk:2");
    assert_eq!(disk.command, "/usr/local/bin/disk-watch --limit 80");
    assert!(disk.mentions(|word| word == "df") && !disk.mentions(|word| word == "btrfs"));
    assert!(!disk.mails && disk.active && disk.interval_minutes() == Some(10.0));
    assert!(find("/etc/crontab:2").mails);
    assert!(find("/etc/cron.daily/aide").mentions(|word| word == "dailyaidecheck"));
    assert!(!find("/etc/cron.weekly/off").active);
    assert_eq!(find("/var/spool/cron/crontabs/root:1").interval_minutes(), Some(60.0));
    let scan = find("/usr/lib/systemd/system/scan.timer");
    assert_eq!((scan.kind, scan.active, scan.interval_minutes()), (Kind::Timer, true, Some(30.0)));
    assert_eq!(scan.command, "/usr/bin/clamscan -r /");
    let idle = find("/usr/lib/systemd/system/idle.timer");
    assert_eq!(
        (idle.command.as_str(), idle.active, idle.interval_minutes()),
        ("other.service", false, Some(60.0))
    );
    assert!(!jobs.iter().any(|job| job.command == "never"));
    assert_eq!(jobs.iter().filter(|job| job.kind == Kind::Timer).count(), 2);
}

#[test]
fn a_host_without_cron_has_no_jobs_and_junk_is_survived() {
    let (door, _root) = Machine::new().door();
    assert!(jobs(&door).unwrap().is_empty());
    let (door, _root) = Machine::new()
        .file("/etc/crontab", b"\xff\xfe\0* * * * *\n* * * * * root \xff\n")
        .file("/etc/systemd/system/a.timer", b"\0\xffOnCalendar=\xff:\xff\n")
        .door();
    assert!(jobs(&door).unwrap().len() >= 2);
    let (door, _root) = Machine::new().file("/etc/crontab", vec![b' '; host::FILE_LIMIT + 1]).door();
    assert!(jobs(&door).is_err());
}
