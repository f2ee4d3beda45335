//! The executors.

use maud::{Markup, html};

use super::parts::{Headings, badge, cell, listed, number, or_dash, pager, part};
use super::{Frame, Page};
use crate::model::Executor;
use crate::order::{Column, Key, sort};
use crate::view::View;

pub(super) fn page(executors: &[Executor], view: &View, frame: &Frame<'_>) -> Page {
    let words = frame.words();
    let mut sorted: Vec<&Executor> = executors.iter().collect();
    sorted.sort_by(|a, b| {
        (a.is_gone, &a.host, a.port, &a.id).cmp(&(b.is_gone, &b.host, b.port, &b.id))
    });
    if let Some(order) = view.list().order {
        sort(&mut sorted, order, key);
    }
    let regions = vec![("executors", list(&sorted, view, frame))];
    Page::new(words.executors.to_string(), regions, false)
}

/// What an executor is sorted by.
fn key(executor: &Executor, column: Column) -> Key {
    let bytes = |bytes: Option<u64>| Key::Number(bytes.map(|bytes| bytes as f64));
    match column {
        Column::State => Key::count(u64::from(executor.is_gone)),
        Column::Heartbeat => Key::count(executor.heartbeat),
        Column::Busy => Key::count(executor.running),
        Column::Tasks => Key::count(executor.completed),
        Column::Memory => bytes(executor.memory),
        Column::MemoryPeak => bytes(executor.memory_peak),
        Column::NetworkLoads => Key::count(executor.network_loads),
        _ => Key::Text(format!("{}:{:05}", executor.host, executor.port)),
    }
}

fn list(executors: &[&Executor], view: &View, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let (shown, pages) = part(executors, view.list().page);
    let head = Headings { frame, view };
    let limit = frame.age(frame.cluster.executor_timeout_seconds as f64);
    let content = html! {
        p.detail { ((words.executors_text)(&limit)) }
        @if executors.is_empty() { p { (words.no_executors) } }
        @else {
            table.stacked {
                thead {
                    tr data-label=(words.sort_by) {
                        (head.words(Column::Executor, words.executor))
                        (head.words(Column::State, words.state))
                        (head.words(Column::Heartbeat, words.heartbeat))
                        (head.numbers(Column::Busy, words.slots_busy))
                        (head.numbers(Column::Tasks, words.tasks))
                        (head.numbers(Column::Memory, words.memory))
                        (head.numbers(Column::MemoryPeak, words.memory_peak))
                        (head.numbers(Column::NetworkLoads, words.network_loads))
                    }
                }
                tbody { @for executor in shown { (row(executor, frame)) } }
            }
            (pager(frame, pages, view))
        }
    };
    listed("list", words.executors, content)
}

fn row(executor: &Executor, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let silence = frame.cluster.now.saturating_sub(executor.heartbeat) as f64 / 1000.0;
    let (class, state) = if executor.is_gone {
        ("failed", words.gone)
    } else if silence > frame.cluster.executor_timeout_seconds as f64 / 2.0 {
        ("waiting", words.late)
    } else {
        ("completed", words.live)
    };
    let language = frame.language;
    let memory = executor.memory.map(|used| match executor.memory_total {
        Some(total) => (words.memory_of)(&language.bytes(used), &language.bytes(total)),
        None => language.bytes(used),
    });
    html! {
        tr {
            th scope="row" {
                bdi { (executor.host) ":" (executor.port) }
                span.detail { (executor.id) }
            }
            (cell(words.state, "", badge(class, state)))
            (cell(words.heartbeat, "", html! { ((words.ago)(&frame.age(silence))) }))
            (number(words.slots_busy, format!("{} / {}", frame.count(executor.running), frame.count(executor.slots))))
            (number(words.tasks, frame.count(executor.completed)))
            (number(words.memory, or_dash(memory)))
            (number(words.memory_peak, or_dash(executor.memory_peak.map(|peak| language.bytes(peak)))))
            (number(words.network_loads, frame.count(executor.network_loads)))
        }
    }
}
