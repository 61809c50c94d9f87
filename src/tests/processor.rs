//! The time that tests bound.

use std::time::Duration;

/// What work comes to, and what this thread has had of a processor for it: the clock would also count what else the machine does.
pub(crate) fn processor_time<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let so_far = || {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Duration::from_nanos(text.split(' ').next().and_then(|nanos| nanos.parse().ok()).expect("nanoseconds"))
    };
    let start = so_far();
    let result = work();
    (result, so_far().saturating_sub(start))
}
