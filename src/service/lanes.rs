//! How many requests may be at the same thing at once, in this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A lane for each key, made when somebody enters it and gone when the last one has left.
#[derive(Debug)]
pub(crate) struct Lanes<K: Eq + Hash + Copy> {
    width: usize,
    lanes: Mutex<HashMap<K, Arc<Semaphore>>>,
}

impl<K: Eq + Hash + Copy> Lanes<K> {
    /// Lanes for `width` at once.
    pub(crate) fn new(width: usize) -> Self {
        Self { width, lanes: Mutex::default() }
    }

    fn lanes(&self) -> MutexGuard<'_, HashMap<K, Arc<Semaphore>>> {
        self.lanes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits, in order of arrival, until there is a place in the lane of `key`.
    pub(crate) async fn enter(&self, key: K) -> InLane<'_, K> {
        let lane = Arc::clone(self.lanes().entry(key).or_insert_with(|| Arc::new(Semaphore::new(self.width))));
        let mut place = InLane { lanes: self, key, permit: None, lane: Some(Arc::clone(&lane)) };
        place.permit = lane.acquire_owned().await.ok();
        place
    }
}

/// A place in a lane, or in the queue for it.
#[derive(Debug)]
pub(crate) struct InLane<'a, K: Eq + Hash + Copy> {
    lanes: &'a Lanes<K>,
    key: K,
    permit: Option<OwnedSemaphorePermit>,
    lane: Option<Arc<Semaphore>>,
}

impl<K: Eq + Hash + Copy> Drop for InLane<'_, K> {
    fn drop(&mut self) {
        // Waking the next one is not done under the lock.
        self.permit = None;
        let mut lanes = self.lanes.lanes();
        self.lane = None;
        // Whoever is in the lane or waits for it holds a reference. The map itself holds the last one.
        if lanes.get(&self.key).is_some_and(|lane| Arc::strong_count(lane) == 1) {
            lanes.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;

    #[tokio::test]
    async fn a_lane_is_as_wide_as_it_says_and_vanishes_when_empty() {
        let lanes = Lanes::new(1);
        let first = lanes.enter(1).await;
        let other = lanes.enter(2).await;
        {
            let mut second = pin!(lanes.enter(1));
            assert!(second.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(first);
            drop(second.await);
        }
        assert_eq!(lanes.lanes().len(), 1);
        {
            // One who gives up while waiting, after everybody else has left.
            let mut waiting = pin!(lanes.enter(2));
            assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            drop(other);
            assert_eq!(lanes.lanes().len(), 1);
        }
        assert!(lanes.lanes().is_empty());
    }
}
