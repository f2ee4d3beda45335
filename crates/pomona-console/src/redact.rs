//! [`redacted`]: a text without the secrets that it may hold.

/// What stands in the place of a secret.
const HIDDEN: &str = "***";

/// Parts of the names of options and parameters whose values are secret.
const SECRET_NAMES: [&str; 13] = [
    "secret",
    "password",
    "passwd",
    "token",
    "access_key",
    "accesskey",
    "credential",
    "private_key",
    "signature",
    "api_key",
    "apikey",
    "authorization",
    "sas_key",
];

/// Words between the name of the header `Authorization` and its secret.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];

/// The identifiers of AWS keys begin so, and have 20 characters.
const KEY_PREFIXES: [&str; 2] = ["AKIA", "ASIA"];
const KEY_LENGTH: usize = 20;

/// A SQL statement, a plan or an error without the values of options whose names sound secret
/// (`'aws.secret_access_key' 'x'`, `SET password = 'x'`), without credentials in URLs
/// (`https://user:key@host/`, `?X-Amz-Signature=x`), and without identifiers of AWS keys.
///
/// It hides too much rather than too little: a condition such as `secret = 'x'` loses its value.
pub fn redacted(text: &str) -> String {
    within(text, 0)
}

/// The value of an option without what is secret, which is all of it where the name of the option sounds so.
pub fn redacted_value(name: &str, value: &str) -> String {
    match names_secret(name) && !value.is_empty() {
        true => HIDDEN.to_string(),
        false => redacted(value),
    }
}

/// Literals in literals that are looked into; deeper ones are hidden.
const MOST_LEVELS: usize = 8;

fn within(text: &str, level: usize) -> String {
    if level > MOST_LEVELS {
        return HIDDEN.to_string();
    }
    let mut out = String::with_capacity(text.len());
    let mut secret = Secret::No;
    for part in parts(text) {
        match part {
            Part::Quoted(quoted) => {
                let quote = &quoted[..1];
                let inner = &quoted[1..quoted.len() - 1];
                match secret {
                    Secret::No if names_secret(inner) => secret = Secret::Named,
                    Secret::No => {}
                    Secret::Named | Secret::Follows => {
                        secret = Secret::No;
                        out.push_str(quote);
                        out.push_str(HIDDEN);
                        out.push_str(quote);
                        continue;
                    }
                }
                out.push_str(quote);
                out.push_str(&within(inner, level + 1));
                out.push_str(quote);
            }
            Part::Word(word) => {
                match secret {
                    Secret::Follows if is_scheme(word) => {}
                    Secret::Follows => {
                        secret = Secret::No;
                        out.push_str(HIDDEN);
                        continue;
                    }
                    Secret::Named if word.eq_ignore_ascii_case("to") => {}
                    _ if names_secret(word) => secret = Secret::Named,
                    _ => secret = Secret::No,
                }
                match is_key(word) {
                    true => out.push_str(HIDDEN),
                    false => out.push_str(&without_url_secrets(word)),
                }
            }
            // A literal without an end, of a text that was cut, is all secret.
            Part::Other(quote @ ('\'' | '"')) if secret != Secret::No => {
                out.push(quote);
                out.push_str(HIDDEN);
                break;
            }
            Part::Other(other) => {
                secret = match (secret, other) {
                    (Secret::No, _) => Secret::No,
                    (_, '=' | ':') => Secret::Follows,
                    (secret, '>' | '\t' | '\n' | '\r' | ' ') => secret,
                    _ => Secret::No,
                };
                out.push(other);
            }
        }
    }
    out
}

/// Whether the next value is secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Secret {
    No,
    /// A name was read that sounds secret: a quoted text after it is its value.
    Named,
    /// `=` or `:` was read after it: so is a word.
    Follows,
}

enum Part<'a> {
    Quoted(&'a str),
    Word(&'a str),
    Other(char),
}

/// The text in pieces: literals with their quotes, words (URLs among them), and all other characters.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = vec![];
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let quoted = matches!(first, '\'' | '"').then(|| quoted_length(rest, first));
        let (part, length) = match quoted.flatten() {
            Some(length) => (Part::Quoted(&rest[..length]), length),
            None if in_word(first) => {
                let length = word_length(rest);
                (Part::Word(&rest[..length]), length)
            }
            None => (Part::Other(first), first.len_utf8()),
        };
        parts.push(part);
        rest = &rest[length..];
    }
    parts
}

fn in_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '-' | '/' | '+' | '%' | '~' | '$')
}

/// A word ends before a separator. In a URL, which has `://`, everything but spaces and quotes belongs to it.
fn word_length(text: &str) -> usize {
    let end = |is_end: fn(char) -> bool| text.find(is_end).unwrap_or(text.len());
    let length = end(|c| !in_word(c));
    match text[length..].starts_with("://") {
        true => end(|c| c.is_whitespace() || matches!(c, '\'' | '"' | '<' | '>' | ')' | ']' | '}')),
        false => length,
    }
}

/// The length of a literal in bytes, with its quotes; two quotes in it are one. `None` where it has no end.
fn quoted_length(text: &str, quote: char) -> Option<usize> {
    let mut characters = text.char_indices().skip(1).peekable();
    while let Some((at, c)) = characters.next() {
        if c == quote {
            match characters.peek() {
                Some((_, next)) if *next == quote => {
                    characters.next();
                }
                _ => return Some(at + 1),
            }
        }
    }
    None
}

fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

fn is_scheme(word: &str) -> bool {
    SCHEMES.contains(&word.to_ascii_lowercase().as_str())
}

fn is_key(word: &str) -> bool {
    let starts = KEY_PREFIXES.iter().any(|prefix| word.starts_with(prefix));
    let is_plain = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
    starts && word.len() == KEY_LENGTH && word.chars().all(is_plain)
}

/// A text whose URLs have no user and no secret parameters.
fn without_url_secrets(text: &str) -> String {
    let Some(scheme) = text.find("://") else {
        return text.to_string();
    };
    let (before, after) = text.split_at(scheme + 3);
    let authority = after.find(['/', '?', '#']).unwrap_or(after.len());
    let (host, rest) = after.split_at(authority);
    let mut out = before.to_string();
    match host.rsplit_once('@') {
        Some((_, host)) => out.push_str(&format!("{HIDDEN}@{host}")),
        None => out.push_str(host),
    }
    let path = rest.find(['?', '#']).unwrap_or(rest.len());
    out.push_str(&rest[..path]);
    let separators = ['?', '#', '&', ';'];
    for pair in rest[path..].split_inclusive(separators) {
        let named = pair.trim_end_matches(separators);
        match named.split_once('=') {
            Some((name, _)) if names_secret(name) || name.eq_ignore_ascii_case("sig") => {
                out.push_str(&format!("{name}={HIDDEN}{}", &pair[named.len()..]));
            }
            _ => out.push_str(pair),
        }
    }
    out
}

/// A text of at most `bytes` bytes, with `…` where more was.
pub fn shortened(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_string();
    }
    let mut end = bytes.saturating_sub('…'.len_utf8());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_hidden_wherever_they_stand() {
        for (text, expected) in [
            (
                "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/c' OPTIONS ('aws.secret_access_key' 'X1', aws.region 'eu')",
                "CREATE EXTERNAL TABLE t STORED AS CSV LOCATION 's3://b/c' OPTIONS ('aws.secret_access_key' '***', aws.region 'eu')",
            ),
            (
                "SET s3.session_token = 'X1'",
                "SET s3.session_token = '***'",
            ),
            (
                "SET s3.session_token TO 'X1'",
                "SET s3.session_token TO '***'",
            ),
            ("password: X1, user: me", "password: ***, user: me"),
            ("{\"api_key\": \"X1\"}", "{\"api_key\": \"***\"}"),
            ("f(secret => 'X1')", "f(secret => '***')"),
            (
                "no file at https://me:X1@host/a.csv",
                "no file at https://***@host/a.csv",
            ),
            (
                "LOCATION 'https://b.host/a?X-Amz-Signature=X1&part=2'",
                "LOCATION 'https://b.host/a?X-Amz-Signature=***&part=2'",
            ),
            ("'https://b.host/a?sig=X1'", "'https://b.host/a?sig=***'"),
            (
                "GET https://b.host/a#access_token=X1&state=2 fails",
                "GET https://b.host/a#access_token=***&state=2 fails",
            ),
            (
                "https://b.host/a?X-Amz-Security-Token=X1&X-Amz-Credential=X1%2Feu&X-Amz-Expires=60",
                "https://b.host/a?X-Amz-Security-Token=***&X-Amz-Credential=***&X-Amz-Expires=60",
            ),
            (
                "Authorization: Bearer X1 was refused",
                "Authorization: Bearer *** was refused",
            ),
            ("key AKIAX1X1X1X1X1X1X1X1 is denied", "key *** is denied"),
            ("SET secret = 'it''s X1'", "SET secret = '***'"),
            ("SET password = 'X1 and what", "SET password = '***"),
            ("an image \" with token=X1", "an image \" with token=***"),
            (
                "it isn't password: X1, isn't it",
                "it isn't password: ***, isn't it",
            ),
        ] {
            assert_eq!(redacted(text), expected);
            assert!(!redacted(text).contains("X1"));
        }
    }

    #[test]
    fn a_value_is_hidden_by_its_name() {
        for (name, value, expected) in [
            ("s3.session_token", "X1", "***"),
            ("s3.session_token", "", ""),
            ("location", "https://me:X1@host/", "https://***@host/"),
            ("target_partitions", "16", "16"),
        ] {
            assert_eq!(redacted_value(name, value), expected);
        }
    }

    #[test]
    fn the_rest_of_a_text_stays() {
        for text in [
            "SELECT label, count(*) AS n FROM images WHERE path LIKE '%/Kiwi/%' GROUP BY label",
            "SELECT token, 'a' FROM t -- l'été",
            "COPY (SELECT 1) TO 's3://bucket/out/' STORED AS PARQUET",
            "an object at s3://bucket/a b.jpg, of 3 bytes",
            "https://host/a?part=2&x;y#end",
            "'unfinished",
            "Пример → 'пример'",
        ] {
            assert_eq!(redacted(text), text);
        }
    }

    #[test]
    fn literals_within_literals_have_a_bottom() {
        let nested = "\"'".repeat(50_000) + "token=X1" + &"'\"".repeat(50_000);
        assert!(!redacted(&nested).contains("X1"));
    }

    #[test]
    fn long_texts_end_at_a_character() {
        assert_eq!(shortened("short", 5), "short");
        assert_eq!(shortened("ééééé", 8), "éé…");
        assert!(shortened("ééééé", 8).len() <= 8);
    }
}
