//! What a member of an archive is called.

/// The longest name, in bytes: longer ones are no names of files.
const LONGEST: usize = 4096;

/// A member's name as a part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Name {
    Plain(String),
    /// A name that no image has: how it is shown, and what is wrong with it.
    Odd {
        shown: String,
        reason: &'static str,
    },
}

/// The name without what `tar` removes too: slashes at its begin, and segments that are empty or a
/// dot. Nothing is ever written under it.
pub(super) fn member_name(raw: &[u8]) -> Name {
    let odd = |shown, reason| Name::Odd { shown, reason };
    if raw.len() > LONGEST {
        return odd(shown(&raw[..64]), "its name has more than 4096 bytes");
    }
    let Ok(text) = std::str::from_utf8(raw) else {
        return odd(shown(raw), "its name is not UTF-8");
    };
    if text.chars().any(char::is_control) {
        return odd(shown(raw), "its name has a control character");
    }
    let segments = text.split('/').filter(|name| !["", "."].contains(name));
    let name = segments.collect::<Vec<_>>().join("/");
    if name.split('/').any(|segment| segment == "..") {
        return odd(name, "its name has a segment ..");
    }
    if name.is_empty() {
        return odd("(no name)".to_owned(), "it has no name");
    }
    Name::Plain(name)
}

/// A name with what is no text, or a control character, escaped.
fn shown(raw: &[u8]) -> String {
    let mut shown = String::new();
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c.is_control() {
                true => shown.extend(c.escape_default()),
                false => shown.push(c),
            }
        }
        for byte in chunk.invalid() {
            shown.push_str(&format!("\\x{byte:02x}"));
        }
    }
    shown.trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_parts_of_paths_or_odd() {
        let plain = |raw: &[u8]| match member_name(raw) {
            Name::Plain(name) => name,
            odd => panic!("{odd:?}"),
        };
        assert_eq!(plain(b"a/1.jpg"), "a/1.jpg");
        assert_eq!(plain(b"./a//1.jpg"), "a/1.jpg");
        assert_eq!(plain(b"/etc/1.jpg"), "etc/1.jpg");
        assert_eq!(plain("Pêche/1 %20#?.jpg".as_bytes()), "Pêche/1 %20#?.jpg");
        for (raw, text) in [
            (&b"a/\xff\xe9.jpg"[..], "a/\\xff\\xe9.jpg"),
            (b"a\0.jpg", "a\\u{0}.jpg"),
            (b"a\r.jpg", "a\\r.jpg"),
            (b"../../etc/x.jpg", "../../etc/x.jpg"),
            (b"/", "(no name)"),
        ] {
            let Name::Odd { shown, .. } = member_name(raw) else {
                panic!("{raw:?}")
            };
            assert_eq!(shown, text);
        }
    }
}
