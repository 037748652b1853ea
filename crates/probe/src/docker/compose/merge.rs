//! Merging one description of a service over another, as compose does with override files and `extends`.

use crate::yaml::{Entry, Node, Text, Value};

/// Maps that may also be written as lists of `NAME=value`.
const MAPS: &[&str] = &["environment", "labels", "args", "sysctls", "annotations", "driver_opts"];
/// Maps that may also be written as lists of names.
const NAMED: &[&str] = &["networks", "depends_on"];
/// Lists of which the later one stands alone.
const REPLACED: &[&str] = &["command", "entrypoint", "test"];
/// Lists whose elements replace each other when they say the same place inside the container.
const BY_TARGET: &[&str] = &["volumes", "devices"];
/// The map that is replaced as a whole when its driver is another.
const LOGGING: &str = "logging";
/// Tag of a value that stands instead of what it would be merged with.
const OVERRIDE: &str = "override";
/// Tag of a value that takes away what it would be merged with.
const RESET: &str = "reset";

/// `over` merged over `base`; maps are merged member by member.
pub(super) fn merged(base: Node, over: Node) -> Node {
    named("", base, over)
}

/// Takes out what is marked to be taken away and had nothing to be merged with.
pub(super) fn settle(node: &mut Node) {
    match &mut node.value {
        Value::Text(_) => {}
        Value::List(items) => {
            items.retain(|item| item.tag != RESET);
            items.iter_mut().for_each(settle);
        }
        Value::Map(entries) => {
            entries.retain(|entry| entry.node.tag != RESET);
            entries.iter_mut().for_each(|entry| settle(&mut entry.node));
        }
    }
}

fn named(name: &str, base: Node, over: Node) -> Node {
    if over.tag == OVERRIDE || REPLACED.contains(&name) || (name == LOGGING && changes_driver(&base, &over)) {
        return over;
    }
    let (base, over) = if MAPS.contains(&name) {
        (as_map(base, '='), as_map(over, '='))
    } else if NAMED.contains(&name) {
        (as_map(base, '\0'), as_map(over, '\0'))
    } else {
        (base, over)
    };
    match (base.value, over.value) {
        (Value::Map(old), Value::Map(new)) => {
            Node { at: over.at, tag: String::new(), value: Value::Map(members(old, new)) }
        }
        (Value::List(old), Value::List(new)) => {
            Node { at: over.at, tag: String::new(), value: Value::List(elements(name, old, new)) }
        }
        (_, value) => Node { at: over.at, tag: over.tag, value },
    }
}

/// Whether both name a driver, and not the same: the options of one are not those of the other.
fn changes_driver(base: &Node, over: &Node) -> bool {
    let driver = |node: &Node| node.get("driver").and_then(Node::text).map(|text| text.text.clone());
    driver(base).zip(driver(over)).is_some_and(|(old, new)| old != new)
}

fn members(mut old: Vec<Entry>, new: Vec<Entry>) -> Vec<Entry> {
    for entry in new {
        let place = old.iter().position(|known| known.name == entry.name);
        if entry.node.tag == RESET {
            place.map(|index| old.remove(index));
            continue;
        }
        match place.and_then(|index| old.get_mut(index)) {
            Some(known) if known.node.tag == RESET => *known = entry,
            Some(known) => {
                let base = std::mem::replace(&mut known.node, Node::empty(entry.at.clone()));
                // The later place decides, unless the value is what both say together.
                if !matches!(entry.node.value, Value::Map(_) | Value::List(_)) {
                    known.at = entry.at;
                }
                known.node = named(&entry.name, base, entry.node);
            }
            None => old.push(entry),
        }
    }
    old
}

fn elements(name: &str, mut old: Vec<Node>, new: Vec<Node>) -> Vec<Node> {
    for element in new {
        let same = |known: &Node| {
            if BY_TARGET.contains(&name) {
                target(known).is_some() && target(known) == target(&element)
            } else {
                known.text().is_some_and(|one| element.text().is_some_and(|other| one.text == other.text))
            }
        };
        match old.iter_mut().find(|known| same(known)) {
            Some(known) => *known = element,
            None => old.push(element),
        }
    }
    old
}

/// The place inside the container that a volume or device is for.
fn target(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Text(text) => text.text.split(':').nth(1).or(Some(text.text.as_str())),
        _ => node.get("target").and_then(Node::text).map(|text| text.text.as_str()),
    }
}

/// A list of `NAME=value`, or of names, as the map that it stands for.
pub(super) fn as_map(node: Node, sign: char) -> Node {
    let Value::List(items) = node.value else { return node };
    let mut entries: Vec<Entry> = Vec::new();
    for item in items {
        let Value::Text(text) = item.value else { continue };
        let (name, value) = match text.text.split_once(sign) {
            Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
            None => (text.text.clone(), None),
        };
        let value = Text { plain: value.is_none(), text: value.unwrap_or_default(), unknown: text.unknown };
        // What is not filled in may hold the sign anywhere.
        let entry = Entry {
            name,
            at: item.at.clone(),
            node: Node { at: item.at, tag: item.tag, value: Value::Text(value) },
        };
        match entries.iter_mut().find(|known| known.name == entry.name) {
            Some(known) => *known = entry,
            None => entries.push(entry),
        }
    }
    Node { at: node.at, tag: node.tag, value: Value::Map(entries) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::parse;

    fn both(base: &str, over: &str) -> Node {
        merged(parse("/base", base).unwrap(), parse("/over", over).unwrap())
    }

    #[test]
    fn maps_join_lists_grow_and_commands_are_replaced() {
        let node = both(
            "environment: [A=1, B=2]\ncommand: [a, b]\ncap_add: [X]\nvolumes: ['./a:/d', './b:/e']\nuser: root\n",
            "environment: {B: 3, C: 4}\ncommand: c\ncap_add: [Y, X]\nvolumes: ['/c:/d:ro']\n",
        );
        let env: Vec<_> = node.get("environment").unwrap().entries().iter().map(|e| e.name.as_str()).collect();
        assert_eq!(env, ["A", "B", "C"]);
        assert_eq!(node.get("command").unwrap().text().unwrap().text, "c");
        let texts = |name: &str| -> Vec<String> {
            node.get(name).unwrap().items().iter().map(|item| item.text().unwrap().text.clone()).collect()
        };
        assert_eq!(texts("cap_add"), ["X", "Y"]);
        assert_eq!(texts("volumes"), ["/c:/d:ro", "./b:/e"]);
        assert_eq!(&*node.get("volumes").unwrap().items()[1].at.file, "/base");
        assert_eq!(node.get("user").unwrap().text().unwrap().text, "root");
    }

    #[test]
    fn options_of_logging_go_with_their_driver() {
        let base = "logging: {driver: local, options: {max-size: 1m}}\n";
        let options = |over: &str| both(base, over).get("logging").unwrap().get("options").is_some();
        assert!(options("logging: {driver: local}\n") && options("logging: {options: {mode: x}}\n"));
        assert!(!options("logging: {driver: json-file}\n"));
    }

    #[test]
    fn tags_take_away_and_replace() {
        let node = both(
            "ports: ['1:1']\nprivileged: true\ndns: [a]\n",
            "ports: !override ['2:2']\nprivileged: !reset null\n",
        );
        assert_eq!(node.get("ports").unwrap().items().len(), 1);
        assert!(node.get("privileged").is_none());
        assert_eq!(node.get("dns").unwrap().items().len(), 1);
    }

    #[test]
    fn what_is_taken_away_is_not_there_where_nothing_was_before() {
        let mut node = both(
            "read_only: !reset true\nports: !reset ['1:1']\n",
            "ports: ['2:2', !reset '3:3']\ndeploy: {limits: {memory: !reset 1g, cpus: 1}}\n",
        );
        settle(&mut node);
        assert!(node.get("read_only").is_none());
        assert_eq!(node.get("ports").unwrap().items().len(), 1);
        let limits = node.get("deploy").unwrap().get("limits").unwrap();
        assert!(limits.get("memory").is_none() && limits.get("cpus").is_some());
    }
}
