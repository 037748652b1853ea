//! Messages as RFC 5424 has them, read by another's parser.

use ledger::{Event, Kind};
use proptest::prelude::*;
use syslog_loose::{ProcId, Protocol, SyslogFacility, SyslogSeverity, Variant, parse_message};

use super::*;

fn placed(position: u64, event: &Event) -> Placed {
    let entry = String::from_utf8(event.to_entry().unwrap()).unwrap();
    Placed { position, event: event.clone(), entry }
}

fn event(kind: Kind) -> Event {
    Event::new("0192f0a1".repeat(4), "2026-11-23T04:05:06.789Z".parse().unwrap(), kind)
}

#[test]
fn a_message_is_what_the_standard_says() {
    let mut event = event(Kind::AccessRefused);
    event.result = Outcome::Refused;
    let placed = placed(7, &event);
    let text = message("plant.example", "plant.example:8443/5f/nodes", Stream::Nodes, &placed);
    assert_eq!(
        text,
        format!(
            "<108>1 2026-11-23T04:05:06.789Z plant.example palisade - access.refused [palisade@32473 \
             log=\"plant.example:8443/5f/nodes\" stream=\"nodes\" position=\"7\" id=\"{}\"] \u{feff}{}",
            event.id, placed.entry
        )
    );
    let mut framed = Vec::new();
    frame("plant.example", "plant.example:8443/5f/nodes", Stream::Nodes, &placed, &mut framed);
    let length = text.len();
    assert_eq!(framed, format!("{length} {text}").into_bytes(), "the length counts bytes, not characters");
}

#[test]
fn how_it_ended_is_how_grave_it_is() {
    for (result, priority) in
        [(Outcome::Success, "<110>"), (Outcome::Refused, "<108>"), (Outcome::Failed, "<107>")]
    {
        let mut event = event(Kind::SessionBegun);
        event.result = result;
        let text = message("h", "l", Stream::ManagementSystem, &placed(0, &event));
        assert!(text.starts_with(priority), "{text}");
    }
}

#[test]
fn every_name_of_the_catalogue_fits_into_a_msgid() {
    for kind in Kind::ALL {
        assert_eq!(token(kind.as_str(), LONGEST_MSGID), kind.as_str());
    }
}

#[test]
fn no_line_of_a_receiver_begins_within_an_entry() {
    let event = event(Kind::SessionBegun);
    let changed = placed(0, &event).entry.replace(",\"", ",\n\r\t\"");
    let placed = Placed { position: 0, event, entry: changed };
    let text = message("plant\nexample", "l\n<13>1 - - - - - -", Stream::Nodes, &placed);
    assert!(!text.contains(char::is_control), "{text}");
    let (_, said) = text.split_once('\u{feff}').unwrap();
    assert_eq!(Event::from_entry(said.as_bytes()).unwrap(), placed.event);
}

#[test]
fn what_is_no_time_or_name_is_left_out() {
    assert_eq!(time(jiff::Timestamp::MIN), "-");
    assert_eq!(time(jiff::Timestamp::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    assert_eq!((token("", 5), token("ä b", 5), token("abcdef", 5)), ("-".into(), "b".into(), "abcde".into()));
}

proptest! {
    #[test]
    fn a_host_or_kind_is_one_word_whatever_it_holds(text in any::<String>()) {
        let word = token(&text, LONGEST_HOST);
        prop_assert!((1..=LONGEST_HOST).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_graphic()));
    }

    #[test]
    fn another_parser_reads_what_was_meant(
        host in "[a-zA-Z0-9.-]{0,300}",
        log in any::<String>(),
        name in any::<String>(),
        detail in any::<String>(),
        position in 0..u64::MAX,
        seconds in 0..253_402_300_799_i64,
    ) {
        let mut event = event(Kind::UserChanged);
        event.time = jiff::Timestamp::from_second(seconds.min(253_402_207_199)).unwrap();
        event.actor.name = Some(name);
        event.details.insert("what".to_owned(), detail);
        let placed = placed(position, &event);
        let text = message(&host, &log, Stream::Workloads, &placed);
        let read = parse_message(&text, Variant::RFC5424);
        prop_assert_eq!(read.protocol, Protocol::RFC5424(1));
        prop_assert_eq!(read.facility, Some(SyslogFacility::LOG_AUDIT));
        prop_assert_eq!(read.severity, Some(SyslogSeverity::SEV_INFO));
        prop_assert_eq!(read.timestamp.unwrap().timestamp(), event.time.as_second());
        prop_assert_eq!(read.appname, Some("palisade"));
        prop_assert_eq!(read.procid, None::<ProcId<&str>>);
        prop_assert_eq!(read.msgid, Some("user.changed"));
        prop_assert_eq!(read.structured_data.len(), 1);
        let data = &read.structured_data[0];
        prop_assert_eq!(data.id, SD_ID);
        let values: Vec<(&str, String)> = data.params().map(|(name, value)| (*name, value)).collect();
        let kept: String = log.chars().filter(|letter| !letter.is_control()).take(LONGEST_VALUE).collect();
        prop_assert_eq!(values, vec![
            ("log", kept),
            ("stream", "workloads".to_owned()),
            ("position", position.to_string()),
            ("id", event.id.clone()),
        ]);
        let said = read.msg.strip_prefix(MARK);
        prop_assert_eq!(said, Some(placed.entry.as_str()));
    }
}
