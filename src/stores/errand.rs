//! Work that is carried out to its end, whoever asked goes away meanwhile.
//!
//! A request that is dropped in the middle would leave a connection in the middle, too: half connected, or with a
//! statement that holds a lock. So a task of its own does the work, and the caller only waits for it.

use core::future::Future;
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::time::timeout;

use crate::store::StoreError;

/// The most errands at once. A store that is slower than that is not available.
const MOST: usize = 4096;

#[derive(Clone, Debug)]
pub(super) struct Errands {
    places: Arc<Semaphore>,
    patience: Duration,
}

/// Why an answer did not come.
#[derive(Debug, thiserror::Error)]
enum NoAnswer {
    #[error("{MOST} requests are waiting for the store")]
    TooMany,
    #[error("the store did not answer within {0:?}")]
    TooLate(Duration),
    #[error("the request was lost with its task")]
    Lost(#[source] tokio::task::JoinError),
}

impl From<NoAnswer> for StoreError {
    fn from(reason: NoAnswer) -> Self {
        Self::Unavailable(reason.into())
    }
}

impl Errands {
    /// Whoever waits longer than `patience` is told that the store is unavailable; the errand goes on.
    pub(super) fn new(patience: Duration) -> Self {
        Self { places: Arc::new(Semaphore::new(MOST)), patience }
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, StoreError>> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| NoAnswer::TooMany)?;
        let errand = tokio::spawn(async move {
            let done = work.await;
            drop(place);
            done
        });
        match timeout(self.patience, errand).await {
            Ok(done) => done.map_err(NoAnswer::Lost)?,
            Err(_) => Err(NoAnswer::TooLate(self.patience).into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn more_than_there_is_room_for_are_refused_at_once_also_when_their_callers_have_gone() {
        let errands = Errands::new(Duration::from_millis(1));
        let callers: Vec<_> = (0..MOST)
            .map(|_| {
                let errands = errands.clone();
                tokio::spawn(async move { errands.run(core::future::pending::<Result<(), StoreError>>()).await })
            })
            .collect();
        for caller in callers {
            assert!(matches!(caller.await.unwrap(), Err(StoreError::Unavailable(_))));
        }
        let refused = errands.run(core::future::ready(Ok(()))).await.unwrap_err();
        assert!(std::error::Error::source(&refused).unwrap().to_string().contains("are waiting"));
    }
}
