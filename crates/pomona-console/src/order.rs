//! [`Order`]: by which column a list is sorted, as its address names it.

use std::cmp::Ordering;

/// A column by which a list can be sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Column {
    /// The name of a job.
    Job,
    /// The number of a stage.
    Stage,
    /// The number of a task.
    Task,
    /// The address of an executor.
    Executor,
    /// How far it is.
    State,
    /// The share of its tasks that are complete.
    Progress,
    /// Images that were read.
    Images,
    /// Images a second.
    Rate,
    /// When it began.
    Started,
    /// How long it took so far.
    Duration,
    /// How long it will still take.
    Left,
    /// Complete tasks.
    Tasks,
    /// Tasks that failed or were lost.
    Failed,
    /// The duration of the slowest task.
    Slowest,
    /// The duration of the median task.
    Median,
    /// Rows that were read.
    RowsIn,
    /// Rows that were written.
    RowsOut,
    /// Bytes that were read.
    BytesIn,
    /// Bytes that were written.
    BytesOut,
    /// When an executor was last heard of.
    Heartbeat,
    /// Slots that run a task.
    Busy,
    /// Resident memory.
    Memory,
    /// The most resident memory.
    MemoryPeak,
    /// Networks that were loaded.
    NetworkLoads,
}

/// All columns, with their names in addresses.
const NAMES: [(Column, &str); 24] = [
    (Column::Job, "job"),
    (Column::Stage, "stage"),
    (Column::Task, "task"),
    (Column::Executor, "executor"),
    (Column::State, "state"),
    (Column::Progress, "progress"),
    (Column::Images, "images"),
    (Column::Rate, "rate"),
    (Column::Started, "started"),
    (Column::Duration, "duration"),
    (Column::Left, "left"),
    (Column::Tasks, "tasks"),
    (Column::Failed, "failed"),
    (Column::Slowest, "slowest"),
    (Column::Median, "median"),
    (Column::RowsIn, "rows_in"),
    (Column::RowsOut, "rows_out"),
    (Column::BytesIn, "bytes_in"),
    (Column::BytesOut, "bytes_out"),
    (Column::Heartbeat, "heartbeat"),
    (Column::Busy, "busy"),
    (Column::Memory, "memory"),
    (Column::MemoryPeak, "memory_peak"),
    (Column::NetworkLoads, "networks"),
];

impl Column {
    /// Whether it holds words: those are sorted from A on at first, numbers from the largest on.
    fn is_text(self) -> bool {
        use Column as C;
        matches!(self, C::Job | C::Stage | C::Task | C::Executor | C::State)
    }
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Order {
    /// The column.
    pub column: Column,
    /// Whether the largest is first.
    pub descending: bool,
}

impl Order {
    /// The order of a word in an address: `duration`, or `-duration` with the largest first.
    pub fn parse(text: &str) -> Option<Self> {
        let (name, descending) = match text.strip_prefix('-') {
            Some(name) => (name, true),
            None => (text, false),
        };
        let mut columns = NAMES.into_iter();
        let (column, _) = columns.find(|(_, known)| *known == name)?;
        Some(Self { column, descending })
    }

    /// The word for it in an address.
    pub fn word(self) -> String {
        let mut names = NAMES.into_iter();
        let found = names.find(|(column, _)| *column == self.column);
        let name = found.map_or("", |(_, name)| name);
        match self.descending {
            true => format!("-{name}"),
            false => name.to_string(),
        }
    }

    /// The order after a click on the heading of a column.
    pub(crate) fn after(now: Option<Self>, column: Column) -> Self {
        let descending = match now.filter(|order| order.column == column) {
            Some(order) => !order.descending,
            None => !column.is_text(),
        };
        Self { column, descending }
    }
}

/// What a row is sorted by.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Key {
    Text(String),
    /// A number, which may be unknown.
    Number(Option<f64>),
}

impl Key {
    pub(crate) fn count(count: u64) -> Self {
        Self::Number(Some(count as f64))
    }

    fn compare(&self, other: &Self, descending: bool) -> Ordering {
        let directed = |order: Ordering| match descending {
            true => order.reverse(),
            false => order,
        };
        match (self, other) {
            (Self::Text(a), Self::Text(b)) => directed(a.cmp(b)),
            (Self::Number(Some(a)), Self::Number(Some(b))) => directed(a.total_cmp(b)),
            // What is unknown is last, whatever the direction.
            (Self::Number(a), Self::Number(b)) => a.is_none().cmp(&b.is_none()),
            (Self::Text(_), Self::Number(_)) => Ordering::Less,
            (Self::Number(_), Self::Text(_)) => Ordering::Greater,
        }
    }
}

/// Sorts rows; those that are alike stay as they were.
pub(crate) fn sort<T: Copy>(rows: &mut Vec<T>, order: Order, key: impl Fn(T, Column) -> Key) {
    let mut keyed: Vec<(Key, T)> = rows
        .iter()
        .map(|row| (key(*row, order.column), *row))
        .collect();
    keyed.sort_by(|(a, _), (b, _)| a.compare(b, order.descending));
    rows.clear();
    rows.extend(keyed.into_iter().map(|(_, row)| row));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written() {
        for (column, _) in NAMES {
            for descending in [false, true] {
                let order = Order { column, descending };
                assert_eq!(Order::parse(&order.word()), Some(order));
            }
        }
        for text in ["", "-", "nothing", "--job", "job desc"] {
            assert_eq!(Order::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_second_click_turns_the_order() {
        let first = Order::after(None, Column::Duration);
        assert_eq!(first.word(), "-duration");
        assert_eq!(
            Order::after(Some(first), Column::Duration).word(),
            "duration"
        );
        assert_eq!(Order::after(Some(first), Column::Job).word(), "job");
    }

    #[test]
    fn what_is_unknown_is_last_and_equals_stay() {
        let rows = [
            (Some(2.0), 'a'),
            (None, 'b'),
            (Some(1.0), 'c'),
            (Some(2.0), 'd'),
        ];
        for (descending, expected) in [(false, "cadb"), (true, "adcb")] {
            let order = Order {
                column: Column::Duration,
                descending,
            };
            let mut sorted: Vec<&(Option<f64>, char)> = rows.iter().collect();
            sort(&mut sorted, order, |row, _| Key::Number(row.0));
            let names: String = sorted.iter().map(|row| row.1).collect();
            assert_eq!(names, expected);
        }
    }
}
