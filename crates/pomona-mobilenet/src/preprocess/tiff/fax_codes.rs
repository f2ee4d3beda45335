//! The codes of ITU-T T.4 and T.6: lengths of runs, and what a row is to the one before it.

use std::sync::LazyLock;

/// What a code says of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Run {
    /// So many pixels, and the run ends.
    End(u16),
    /// So many pixels, and more to come.
    More(u16),
}

/// A code of a run and its bits, by the bits that follow.
type Table = Vec<Option<(Run, u8)>>;

/// The most bits of a code of a run.
pub(super) const RUN_BITS: u8 = 13;

/// Lengths of white runs: 0 to 63, then 64 to 1728 in steps of 64.
const WHITE: &str = "\
    00110101 000111 0111 1000 1011 1100 1110 1111 10011 10100 00111 01000 001000 000011 110100 110101 \
    101010 101011 0100111 0001100 0001000 0010111 0000011 0000100 0101000 0101011 0010011 0100100 \
    0011000 00000010 00000011 00011010 00011011 00010010 00010011 00010100 00010101 00010110 00010111 \
    00101000 00101001 00101010 00101011 00101100 00101101 00000100 00000101 00001010 00001011 01010010 \
    01010011 01010100 01010101 00100100 00100101 01011000 01011001 01011010 01011011 01001010 01001011 \
    00110010 00110011 00110100 11011 10010 010111 0110111 00110110 00110111 01100100 01100101 01101000 \
    01100111 011001100 011001101 011010010 011010011 011010100 011010101 011010110 011010111 011011000 \
    011011001 011011010 011011011 010011000 010011001 010011010 011000 010011011";

/// Those of black runs.
const BLACK: &str = "\
    0000110111 010 11 10 011 0011 0010 00011 000101 000100 0000100 0000101 0000111 00000100 00000111 \
    000011000 0000010111 0000011000 0000001000 00001100111 00001101000 00001101100 00000110111 \
    00000101000 00000010111 00000011000 000011001010 000011001011 000011001100 000011001101 000001101000 \
    000001101001 000001101010 000001101011 000011010010 000011010011 000011010100 000011010101 \
    000011010110 000011010111 000001101100 000001101101 000011011010 000011011011 000001010100 \
    000001010101 000001010110 000001010111 000001100100 000001100101 000001010010 000001010011 \
    000000100100 000000110111 000000111000 000000100111 000000101000 000001011000 000001011001 \
    000000101011 000000101100 000001011010 000001100110 000001100111 0000001111 000011001000 \
    000011001001 000001011011 000000110011 000000110100 000000110101 0000001101100 0000001101101 \
    0000001001010 0000001001011 0000001001100 0000001001101 0000001110010 0000001110011 0000001110100 \
    0000001110101 0000001110110 0000001110111 0000001010010 0000001010011 0000001010100 0000001010101 \
    0000001011010 0000001011011 0000001100100 0000001100101";

/// 1792 to 2560 in steps of 64, of both colors.
const LONG: &str = "\
    00000001000 00000001100 00000001101 000000010010 000000010011 000000010100 000000010101 000000010110 \
    000000010111 000000011100 000000011101 000000011110 000000011111";

static TABLES: LazyLock<[Table; 2]> = LazyLock::new(|| [table(WHITE), table(BLACK)]);

fn table(codes: &str) -> Table {
    let mut table = vec![None; 1 << RUN_BITS];
    for (index, code) in codes.split(' ').chain(LONG.split(' ')).enumerate() {
        let run = match index as u16 {
            pixels @ 0..64 => Run::End(pixels),
            more => Run::More((more - 63) * 64),
        };
        let bits = code.len() as u8;
        let value = usize::from_str_radix(code, 2).expect("codes are of 0 and 1");
        let shift = RUN_BITS - bits;
        table[value << shift..(value + 1) << shift].fill(Some((run, bits)));
    }
    table
}

/// The code of a run at the start of the next [`RUN_BITS`], with its bits.
pub(super) fn run(is_black: bool, next: u16) -> Option<(Run, u8)> {
    TABLES[usize::from(is_black)][usize::from(next)]
}

/// How the next change of color lies to those of the row above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Behind the next two of them.
    Pass,
    /// Two runs follow.
    Horizontal,
    /// Below one of them, or so many pixels to its right.
    Vertical(i32),
    /// Uncompressed data, which nobody writes.
    Extension,
    /// The end of the data.
    End,
}

/// The most bits of a mode.
pub(super) const MODE_BITS: u8 = 7;

/// The mode at the start of the next [`MODE_BITS`], with its bits.
pub(super) fn mode(next: u16) -> (Mode, u8) {
    match next {
        0b100_0000.. => (Mode::Vertical(0), 1),
        0b011_0000.. => (Mode::Vertical(1), 3),
        0b010_0000.. => (Mode::Vertical(-1), 3),
        0b001_0000.. => (Mode::Horizontal, 3),
        0b000_1000.. => (Mode::Pass, 4),
        0b000_0110.. => (Mode::Vertical(2), 6),
        0b000_0100.. => (Mode::Vertical(-2), 6),
        0b000_0011 => (Mode::Vertical(3), 7),
        0b000_0010 => (Mode::Vertical(-3), 7),
        0b000_0001 => (Mode::Extension, 7),
        0 => (Mode::End, 7),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_code_begins_another() {
        for codes in [WHITE, BLACK] {
            let all: Vec<&str> = codes.split(' ').chain(LONG.split(' ')).collect();
            assert_eq!(all.len(), 64 + 27 + 13);
            for (i, code) in all.iter().enumerate() {
                let begun = all
                    .iter()
                    .skip(i + 1)
                    .any(|other| other.starts_with(code) || code.starts_with(other));
                assert!(!begun, "{code}");
            }
        }
    }

    #[test]
    fn runs_are_found_by_their_codes() {
        assert_eq!(run(false, 0b0_0110_1010_1010), Some((Run::End(0), 8)));
        assert_eq!(run(true, 0), None);
        assert_eq!(run(true, 0b0_0001_1011_1000), Some((Run::End(0), 10)));
        assert_eq!(run(false, 0b1_1011_0000_0000), Some((Run::More(64), 5)));
        assert_eq!(run(true, 0b0_0000_0011_1110), Some((Run::More(2560), 12)));
    }
}
