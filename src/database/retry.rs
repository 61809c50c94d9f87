//! Trying again, a little later each time, and never all at the same moment. The command's deadline ends it.

use std::time::Duration;

use super::random;

/// Pauses between attempts: from `first` to `most`, each one and a half times as long as the one before, and jittered.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    next: Duration,
    most: Duration,
}

impl Pauses {
    /// The first pause, and the longest.
    pub fn new(first: Duration, most: Duration) -> Self {
        Self { next: first, most }
    }

    /// For what another Job holds for a moment.
    pub fn short() -> Self {
        Self::new(Duration::from_millis(100), Duration::from_secs(2))
    }

    /// For a provider's API.
    pub fn long() -> Self {
        Self::new(Duration::from_millis(500), Duration::from_secs(10))
    }

    /// Waits between half and all of the next pause.
    pub async fn wait(&mut self) {
        let half = self.next / 2;
        tokio::time::sleep(half + half.mul_f64(random::fraction())).await;
        self.next = self.next.mul_f64(1.5).min(self.most);
    }
}
