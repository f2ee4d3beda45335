//! Where the rows of a PNG go: from top to bottom, or in the seven passes of Adam7.

use super::Header;

/// First column, first row, step between columns and between rows of each pass.
const ADAM7: [(u32, u32, u32, u32); 7] = [
    (0, 0, 8, 8),
    (4, 0, 8, 8),
    (0, 4, 4, 8),
    (2, 0, 4, 4),
    (0, 2, 2, 4),
    (1, 0, 2, 2),
    (0, 1, 1, 2),
];

/// The place of the next row.
pub(super) struct Places {
    header: Header,
    pass: usize,
    row: u32,
}

impl Places {
    pub(super) fn new(header: &Header) -> Self {
        Self {
            header: *header,
            pass: 0,
            row: 0,
        }
    }

    pub(super) fn is_interlaced(&self) -> bool {
        self.header.interlaced
    }

    /// The row of the image that it belongs to.
    pub(super) fn row(&self) -> usize {
        self.row as usize
    }

    /// First column and the step to the next.
    pub(super) fn columns(&self) -> (usize, usize) {
        if !self.header.interlaced {
            return (0, 1);
        }
        let (first, _, step, _) = ADAM7[self.pass];
        (first as usize, step as usize)
    }

    /// Its bytes, without the filter.
    pub(super) fn row_bytes(&self) -> usize {
        if !self.header.interlaced {
            return self.header.row_bytes(self.header.width);
        }
        let (first, _, step, _) = ADAM7[self.pass];
        let columns = self.header.width.saturating_sub(first).div_ceil(step);
        self.header.row_bytes(columns)
    }

    /// Goes on to the next row; false behind the last. `begin_pass` is called for each further pass,
    /// also for one without columns.
    pub(super) fn advance(&mut self, mut begin_pass: impl FnMut()) -> bool {
        if !self.header.interlaced {
            self.row += 1;
            return self.row < self.header.height;
        }
        self.row += ADAM7[self.pass].3;
        while self.row >= self.header.height || self.row_bytes() == 0 {
            self.pass += 1;
            let Some((_, first, _, _)) = ADAM7.get(self.pass) else {
                self.pass = 6;
                self.row = self.header.height;
                return false;
            };
            self.row = *first;
            begin_pass();
        }
        true
    }
}
