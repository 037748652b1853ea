//! Names in filters, and when two distinguished names are the same.

use ldap3::parse_filter;

/// A value as it stands in a filter (RFC 4515): everything that is not a letter, digit or one of `-_.@` as its bytes.
pub(crate) fn escaped(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.@".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("\\{byte:02x}"));
        }
    }
    text
}

/// Whether `filter` is one into which a name can be put. `{dn}` is known where `has_dn` says so.
pub(crate) fn is_template(filter: &str, has_dn: bool) -> bool {
    let (names, entries) = (filter.matches("{}").count(), filter.matches("{dn}").count());
    let is_known =
        if has_dn { names <= 1 && entries <= 1 && names + entries > 0 } else { names == 1 && entries == 0 };
    // A placeholder stands for a value, so it is preceded by `=`.
    let is_value =
        filter.match_indices("{").all(|(at, _)| filter.get(..at).is_some_and(|before| before.ends_with('=')));
    let is_bracketed = filter.starts_with('(') && filter.ends_with(')');
    is_known && is_value && is_bracketed && parse_filter(filter.replace("{dn}", "x").replace("{}", "x")).is_ok()
}

/// A distinguished name without what does not tell it from another: case, and blanks around separators.
pub(crate) fn normal_dn(dn: &str) -> String {
    let mut normal = String::with_capacity(dn.len());
    // Up to where blanks are part of a value.
    let mut kept = 0;
    let mut in_value = false;
    let mut letters = dn.trim().chars().peekable();
    while let Some(letter) = letters.next() {
        let is_separator = match letter {
            ',' | '+' | ';' => true,
            '=' => !in_value,
            _ => false,
        };
        if is_separator {
            in_value = letter == '=';
            while normal.len() > kept && normal.ends_with(' ') {
                normal.pop();
            }
            normal.push(if letter == ';' { ',' } else { letter });
            while letters.next_if_eq(&' ').is_some() {}
        } else {
            normal.extend(letter.to_lowercase());
            if letter == '\\'
                && let Some(next) = letters.next()
            {
                normal.extend(next.to_lowercase());
                kept = normal.len();
            }
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_is_typed_becomes_part_of_a_filter() {
        for hostile in ["*", "*)(uid=*", "ada)(|(uid=*", "\\2a", "a\0b", "ä", "(", "x&y|z!=~<>"] {
            let filter = format!("(&(objectClass=person)(uid={}))", escaped(hostile));
            let parsed = format!("{:?}", parse_filter(&filter).unwrap());
            let plain = format!("{:?}", parse_filter("(&(objectClass=person)(uid=x))").unwrap());
            assert_eq!(parsed.matches("Tag").count(), plain.matches("Tag").count(), "{hostile:?}");
            assert!(
                parsed.contains(&format!("{:?}", hostile.as_bytes())),
                "{hostile:?} is looked for: {parsed}"
            );
        }
    }

    #[test]
    fn a_template_has_its_placeholder_in_the_place_of_a_value() {
        assert!(is_template("(&(objectClass=person)(uid={}))", false));
        assert!(is_template("(member={dn})", true));
        for wrong in
            ["(uid=x)", "(uid={}", "uid {}", "uid={}", "({}=x)", "(|(uid={})(mail={}))", "(uid={dn})", ""]
        {
            assert!(!is_template(wrong, false), "{wrong}");
        }
        assert!(!is_template("(objectClass=*)", true));
    }

    #[test]
    fn the_same_name_written_otherwise_is_the_same() {
        let same = [
            "CN=Ops,OU=Groups,DC=x",
            "cn=ops, ou=groups, dc=x",
            "cn = Ops ,ou= groups,dc=x",
            " cn=ops,OU=groups;DC=X ",
        ];
        for other in same {
            assert_eq!(normal_dn(other), "cn=ops,ou=groups,dc=x");
        }
        assert_ne!(normal_dn(r"cn=a\, b,dc=x"), normal_dn("cn=a,b,dc=x"));
        assert_ne!(normal_dn(r"cn=a\ ,dc=x"), normal_dn("cn=a,dc=x"));
        assert_ne!(normal_dn("cn=a = b,dc=x"), normal_dn("cn=a=b,dc=x"));
    }
}
