//! Amounts of memory as text: `512m`, `10g`.

/// Reads `512m`, `10g`, `1048576`: a number with an optional unit, powers of 1024.
///
/// # Errors
/// When it is none, with the reason.
pub fn parse_bytes(text: &str) -> Result<usize, String> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        unit => return Err(format!("'{unit}' is not a unit: write k, m, g or t")),
    };
    let number: usize = digits
        .parse()
        .map_err(|_| format!("'{text}' is not an amount of memory: write 512m or 10g"))?;
    number
        .checked_mul(1 << shift)
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| format!("'{text}' is out of range"))
}

#[cfg(test)]
mod tests {
    use super::parse_bytes;

    #[test]
    fn units_are_powers_of_1024() {
        assert_eq!(parse_bytes("10g"), Ok(10 << 30));
        assert_eq!(parse_bytes("512MB"), Ok(512 << 20));
        assert_eq!(parse_bytes("7"), Ok(7));
    }

    #[test]
    fn what_is_no_amount_is_refused() {
        for text in ["", "g", "10x", "-1", "1.5g", "0", "99999999999t"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }
}
