//! The buffers of a thread: allocated at its first forward pass, kept for those that follow.

use std::cell::Cell;

use super::super::aligned::Aligned;

/// Everything that a forward pass writes besides its result, by the use that the network makes of
/// each.
#[derive(Debug, Default)]
pub(super) struct Buffers(pub Vec<Aligned>);

thread_local! {
    static BUFFERS: Cell<Buffers> = Cell::default();
}

/// Calls `run` with this thread's buffers, at least as many and as long as `sizes`; their content is
/// arbitrary.
pub(super) fn with_buffers<R>(sizes: &[usize], run: impl FnOnce(&mut Buffers) -> R) -> R {
    let mut buffers = BUFFERS.take();
    let missing = sizes.len().saturating_sub(buffers.0.len());
    buffers.0.extend((0..missing).map(|_| Aligned::default()));
    for (buffer, size) in buffers.0.iter_mut().zip(sizes) {
        buffer.reserve(*size);
    }
    let result = run(&mut buffers);
    BUFFERS.set(buffers);
    result
}
