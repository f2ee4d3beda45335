//! The executors.

use maud::{Markup, html};

use super::parts::{badge, cell, number, or_dash, pager, part, titled};
use super::{Frame, Page};
use crate::model::Executor;
use crate::view::View;

pub(super) fn page(executors: &[Executor], page: usize, frame: &Frame<'_>) -> Page {
    let words = frame.words();
    let mut sorted: Vec<&Executor> = executors.iter().collect();
    sorted.sort_by(|a, b| {
        (a.is_gone, &a.host, a.port, &a.id).cmp(&(b.is_gone, &b.host, b.port, &b.id))
    });
    let regions = vec![("executors", list(&sorted, page, frame))];
    Page::new(words.executors.to_string(), regions, false)
}

fn list(executors: &[&Executor], page: usize, frame: &Frame<'_>) -> Markup {
    let words = frame.words();
    let (shown, pages) = part(executors, page);
    let limit = frame.age(frame.cluster.executor_timeout_seconds as f64);
    let content = html! {
        p.detail { ((words.executors_text)(&limit)) }
        @if executors.is_empty() { p { (words.no_executors) } }
        @else {
            table.stacked {
                thead {
                    tr {
                        th scope="col" { (words.executor) }
                        th scope="col" { (words.state) }
                        th scope="col" { (words.heartbeat) }
                        th.number scope="col" { (words.slots_busy) }
                        th.number scope="col" { (words.tasks) }
                        th.number scope="col" { (words.memory) }
                        th.number scope="col" { (words.memory_peak) }
                        th.number scope="col" { (words.network_loads) }
                    }
                }
                tbody { @for executor in shown { (row(executor, frame)) } }
            }
            (pager(frame, pages, &View::Executors { page }, |_, page| View::Executors { page }))
        }
    };
    titled("list", words.executors, content)
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
