//! CCITT group 4, row by row, with libtiff's judgement of damaged data: a row that makes no sense is
//! filled up with white, and the next one begins at the bit where this one failed.

use super::FORMAT;
use super::fax_codes::{MODE_BITS, Mode, RUN_BITS, Run, mode, run};
use crate::ImageError;
use crate::preprocess::image::Context;

/// The zeros of the code that ends a row in group 3.
const END_BITS: u8 = 11;

/// The widest row. Its runs take 16 bytes a pixel.
pub(super) const WIDEST: u32 = u16::MAX as u32;

/// Fills rows of `row_bytes`, black as ones, and returns the bytes that are filled. Rows behind an early
/// end are left as they are, which libtiff does not mind: zeros, or those of the strip before.
pub(super) fn group4(
    data: &[u8],
    width: u32,
    row_bytes: usize,
    context: &Context<'_>,
    out: &mut [u8],
) -> Result<usize, ImageError> {
    if width > WIDEST {
        return Err(ImageError::feature(
            FORMAT,
            format_args!("a fax wider than {WIDEST} pixels"),
        ));
    }
    let mut above = Runs::new(width);
    above.lengths[0] = width;
    let mut row = Runs::new(width);
    let mut bits = Bits::new(data);
    for (y, bytes) in out.chunks_exact_mut(row_bytes).enumerate() {
        if y % 64 == 0 {
            context.check()?;
        }
        let mut decoder = Row {
            bits: &mut bits,
            above: &above.lengths,
            next_above: 1,
            b1: above.lengths[0] as i32,
            row: &mut row,
            width: width as i32,
            a0: 0,
            run: 0,
        };
        let end = decoder.decode()?;
        if end == End::OfData && y == 0 {
            return Ok(0);
        }
        row.fill(width, bytes);
        if end == End::OfData {
            break;
        }
        // An imaginary change behind the row.
        row.push(0)?;
        std::mem::swap(&mut above, &mut row);
        row.len = 0;
    }
    Ok(out.len())
}

/// The lengths of the runs of a row, white and black in turn. What lies behind the last is of an earlier
/// row, and is read where damaged data leads there.
struct Runs {
    lengths: Vec<u32>,
    len: usize,
}

impl Runs {
    fn new(width: u32) -> Self {
        Self {
            lengths: vec![0; (width as usize + 1).next_multiple_of(32) * 2],
            len: 0,
        }
    }

    fn push(&mut self, length: u32) -> Result<(), ImageError> {
        *self.lengths.get_mut(self.len).ok_or_else(too_many_runs)? = length;
        self.len += 1;
        Ok(())
    }

    /// Paints the row, and cuts runs that reach past its end.
    fn fill(&mut self, width: u32, bytes: &mut [u8]) {
        bytes.fill(0);
        let mut x = 0;
        for (index, length) in self.lengths[..self.len].iter_mut().enumerate() {
            if x + u64::from(*length) > u64::from(width) {
                *length = width - x as u32;
            }
            let next = x + u64::from(*length);
            if index % 2 == 1 {
                for x in x as usize..next as usize {
                    bytes[x / 8] |= 0x80 >> (x % 8);
                }
            }
            x = next;
        }
    }
}

fn too_many_runs() -> ImageError {
    ImageError::corrupt(FORMAT, "more fax codes than a row has pixels")
}

/// Why a row ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    OfRow,
    OfData,
}

/// What interrupts a row.
enum Stop {
    /// A code that is none, or not there: the rest of the row is white.
    BadCode,
    /// The code for the end, or no more bits.
    EndOfData,
    Failed(ImageError),
}

impl From<ImageError> for Stop {
    fn from(error: ImageError) -> Self {
        Self::Failed(error)
    }
}

/// A row that is being decoded. Names are those of T.6: `a0` is the last change of color in this row, `b1`
/// the next one of the row above.
struct Row<'r, 'd> {
    bits: &'r mut Bits<'d>,
    above: &'r [u32],
    /// The run of the row above that ends behind `b1`.
    next_above: usize,
    b1: i32,
    row: &'r mut Runs,
    width: i32,
    a0: i32,
    /// Pixels of a run whose end is not known.
    run: i32,
}

impl Row<'_, '_> {
    fn decode(&mut self) -> Result<End, ImageError> {
        let end = match self.expand() {
            Ok(()) | Err(Stop::BadCode) => End::OfRow,
            Err(Stop::EndOfData) => End::OfData,
            Err(Stop::Failed(error)) => return Err(error),
        };
        self.clean_up()?;
        Ok(end)
    }

    fn expand(&mut self) -> Result<(), Stop> {
        while self.a0 < self.width {
            if self.row.len == self.row.lengths.len() {
                return Err(too_many_runs().into());
            }
            let next = self.bits.peek(MODE_BITS).ok_or(Stop::EndOfData)?;
            let (mode, bits) = mode(next);
            self.bits.skip(bits);
            match mode {
                Mode::Pass => {
                    self.find_b1()?;
                    self.pass_above()?;
                    self.run = self.run.wrapping_add(self.b1.wrapping_sub(self.a0));
                    self.a0 = self.b1;
                    self.pass_above()?;
                }
                Mode::Horizontal => {
                    let is_black = self.row.len % 2 == 1;
                    self.read_run(is_black)?;
                    self.read_run(!is_black)?;
                    self.find_b1()?;
                }
                Mode::Vertical(right @ 0..) => {
                    self.find_b1()?;
                    self.end_run(self.b1.wrapping_sub(self.a0).wrapping_add(right))?;
                    self.pass_above()?;
                }
                Mode::Vertical(left) => {
                    self.find_b1()?;
                    if self.b1 < self.a0.wrapping_sub(left) {
                        return Err(Stop::BadCode);
                    }
                    self.end_run(self.b1.wrapping_sub(self.a0).wrapping_add(left))?;
                    self.next_above -= 1;
                    self.b1 = self.b1.wrapping_sub(self.above[self.next_above] as i32);
                }
                Mode::Extension => {
                    self.row.push(self.width.wrapping_sub(self.a0) as u32)?;
                    return Err(Stop::BadCode);
                }
                Mode::End => {
                    self.row.push(self.width.wrapping_sub(self.a0) as u32)?;
                    return Err(Stop::EndOfData);
                }
            }
        }
        if self.run != 0 {
            if self.run.wrapping_add(self.a0) < self.width {
                // A last change below one of the row above.
                match self.bits.peek(1).ok_or(Stop::EndOfData)? {
                    0 => return Err(Stop::BadCode),
                    _ => self.bits.skip(1),
                }
            }
            self.end_run(0)?;
        }
        Ok(())
    }

    /// Moves `b1` over the next run of the row above.
    fn pass_above(&mut self) -> Result<(), ImageError> {
        let length = self.above.get(self.next_above).ok_or_else(too_many_runs)?;
        self.next_above += 1;
        self.b1 = self.b1.wrapping_add(*length as i32);
        Ok(())
    }

    /// Moves `b1` behind `a0`.
    fn find_b1(&mut self) -> Result<(), ImageError> {
        if self.row.len > 0 {
            while self.b1 <= self.a0 && self.b1 < self.width {
                self.pass_above()?;
                self.pass_above()?;
            }
        }
        Ok(())
    }

    fn read_run(&mut self, is_black: bool) -> Result<(), Stop> {
        loop {
            // A white code has one bit less, which matters where bits are made up.
            let most = RUN_BITS - u8::from(!is_black);
            let next = self.bits.peek(most).ok_or(Stop::EndOfData)? << (RUN_BITS - most);
            let Some((length, bits)) = run(is_black, next) else {
                if next >> (RUN_BITS - END_BITS) == 0 {
                    self.bits.skip(END_BITS);
                }
                return Err(Stop::BadCode);
            };
            self.bits.skip(bits);
            match length {
                Run::End(pixels) => return Ok(self.end_run(pixels.into())?),
                Run::More(pixels) => {
                    self.a0 = self.a0.wrapping_add(pixels.into());
                    self.run = self.run.wrapping_add(pixels.into());
                }
            }
        }
    }

    /// Ends the run after so many more pixels.
    fn end_run(&mut self, pixels: i32) -> Result<(), ImageError> {
        self.row.push(self.run.wrapping_add(pixels) as u32)?;
        self.a0 = self.a0.wrapping_add(pixels);
        self.run = 0;
        Ok(())
    }

    /// Makes the runs as long as the row.
    fn clean_up(&mut self) -> Result<(), ImageError> {
        if self.run != 0 {
            self.end_run(0)?;
        }
        while self.a0 > self.width && self.row.len > 0 {
            self.row.len -= 1;
            self.a0 = self.a0.wrapping_sub(self.row.lengths[self.row.len] as i32);
        }
        if self.a0 < self.width {
            self.a0 = self.a0.max(0);
            if self.row.len % 2 == 1 {
                self.end_run(0)?;
            }
            self.end_run(self.width - self.a0)?;
        } else if self.a0 > self.width {
            self.end_run(self.width)?;
            self.end_run(0)?;
        }
        Ok(())
    }
}

/// Bits from the highest of each byte on. Behind the last, as many zeros are made up as are asked for,
/// as long as there was one bit.
struct Bits<'d> {
    rest: std::slice::Iter<'d, u8>,
    next: u64,
    there: u8,
}

impl<'d> Bits<'d> {
    fn new(data: &'d [u8]) -> Self {
        Self {
            rest: data.iter(),
            next: 0,
            there: 0,
        }
    }

    fn peek(&mut self, bits: u8) -> Option<u16> {
        while self.there < bits {
            match self.rest.next() {
                Some(byte) => {
                    self.next = self.next << 8 | u64::from(*byte);
                    self.there += 8;
                }
                None if self.there == 0 => return None,
                None => {
                    self.next <<= bits - self.there;
                    self.there = bits;
                }
            }
        }
        Some((self.next >> (self.there - bits)) as u16 & ((1 << bits) - 1))
    }

    fn skip(&mut self, bits: u8) {
        self.there -= bits;
        self.next &= (1 << self.there) - 1;
    }
}
