//! How many requests may be at the same thing at once, in this process.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::sync::{Mutex, MutexGuard};

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
    use core::future::Future;
    use core::pin::{Pin, pin};
    use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
    use core::task::{Context, Poll, Waker};
    use std::task::Wake;

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

    /// Whether somebody who waits was told to ask again.
    #[derive(Default)]
    struct Bell(AtomicBool);

    impl Wake for Bell {
        fn wake(self: Arc<Self>) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    /// Where somebody is.
    enum Visitor<'a> {
        Outside,
        Waiting(Pin<Box<dyn Future<Output = InLane<'a, u8>> + 'a>>, Arc<Bell>),
        Inside { _place: InLane<'a, u8> },
        Gone,
    }

    impl<'a> Visitor<'a> {
        /// Comes, or asks again. Says whether that has let somebody in.
        fn knock(&mut self, lanes: &'a Lanes<u8>, key: u8) -> bool {
            if matches!(self, Self::Outside) {
                *self = Self::Waiting(Box::pin(lanes.enter(key)), Arc::default());
            }
            let Self::Waiting(entering, bell) = self else { return false };
            let waker = Waker::from(bell.clone());
            let Poll::Ready(place) = entering.as_mut().poll(&mut Context::from_waker(&waker)) else { return false };
            *self = Self::Inside { _place: place };
            true
        }
    }

    /// Plays moves: a visitor knocks (below 3), or leaves or gives up. `None` if a move is not possible.
    fn play(width: usize, keys: [u8; 3], moves: &[usize]) -> Option<()> {
        let lanes = Lanes::new(width);
        let mut visitors = [const { Visitor::Outside }; 3];
        let inside = |visitors: &[Visitor<'_>; 3], key: u8| {
            let in_lane = |at: &usize| keys[*at] == key && matches!(visitors[*at], Visitor::Inside { .. });
            (0..3).filter(in_lane).count()
        };
        for step in moves {
            let (who, leaves) = (step % 3, *step >= 3);
            match (&visitors[who], leaves) {
                (Visitor::Outside | Visitor::Waiting(..), false) => drop(visitors[who].knock(&lanes, keys[who])),
                (Visitor::Inside { .. } | Visitor::Waiting(..), true) => visitors[who] = Visitor::Gone,
                _ => return None,
            }
            assert!(inside(&visitors, keys[who]) <= width, "{moves:?}");
        }
        // Whoever still waits is told when those inside have left, and gets in: nobody is forgotten.
        for visitor in &mut visitors {
            if matches!(visitor, Visitor::Inside { .. }) {
                *visitor = Visitor::Gone;
            }
        }
        while visitors.iter().any(|visitor| matches!(visitor, Visitor::Waiting(..))) {
            let entered = (0..3).find(|who| {
                let rung = matches!(&visitors[*who], Visitor::Waiting(_, bell) if bell.0.load(Ordering::SeqCst));
                rung && visitors[*who].knock(&lanes, keys[*who])
            });
            visitors[entered.unwrap_or_else(|| panic!("somebody waits for nobody: {moves:?}"))] = Visitor::Gone;
        }
        drop(visitors);
        assert!(lanes.lanes().is_empty(), "{moves:?}");
        Some(())
    }

    fn explore(width: usize, keys: [u8; 3], moves: &mut Vec<usize>, played: &mut usize) {
        if play(width, keys, moves).is_none() || moves.len() == 9 {
            return;
        }
        *played += 1;
        for step in 0..6 {
            moves.push(step);
            explore(width, keys, moves, played);
            moves.pop();
        }
    }

    /// Every order in which three visitors come, ask again, leave and give up, up to nine moves.
    #[test]
    fn nobody_is_one_too_many_or_forgotten_whatever_the_order() {
        for (width, keys) in [(1, [1, 1, 1]), (2, [1, 1, 1]), (1, [1, 1, 2])] {
            let mut played = 0;
            explore(width, keys, &mut Vec::new(), &mut played);
            assert!(played > 500, "{played}");
        }
    }

    /// The same with real threads, which drop while others enter.
    #[test]
    fn threads_that_come_and_go_leave_nothing_behind() {
        let (lanes, inside) = (Lanes::new(2), [const { AtomicUsize::new(0) }; 2]);
        std::thread::scope(|threads| {
            for thread in 0..4_usize {
                let (lanes, inside) = (&lanes, &inside);
                let visits = async move {
                    for turn in 0..5_000_usize {
                        let key = (thread + turn) % 2;
                        if turn % 5 == 0 {
                            // Gives up at once, inside or in the queue.
                            let mut entering = pin!(lanes.enter(key));
                            drop(entering.as_mut().poll(&mut Context::from_waker(Waker::noop())));
                            continue;
                        }
                        let place = lanes.enter(key).await;
                        assert!(inside[key].fetch_add(1, Ordering::SeqCst) < 2);
                        inside[key].fetch_sub(1, Ordering::SeqCst);
                        drop(place);
                    }
                };
                threads.spawn(|| tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(visits));
            }
        });
        assert!(lanes.lanes().is_empty());
    }
}

#[cfg(test)]
#[cfg(pinlatch_loom)]
mod interleavings {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use loom::future::block_on;
    use loom::thread::spawn;

    use super::*;
    use crate::testing::in_every_order;

    #[test]
    fn nobody_is_one_too_many_and_nothing_stays_behind() {
        in_every_order(|| {
            let lanes = Arc::new(Lanes::new(1));
            let inside = Arc::new([const { AtomicUsize::new(0) }; 2]);
            let visit = |key: usize| {
                let (lanes, inside) = (Arc::clone(&lanes), Arc::clone(&inside));
                spawn(move || {
                    let place = block_on(lanes.enter(key));
                    assert_eq!(inside[key].fetch_add(1, Ordering::SeqCst), 0);
                    // Others may come meanwhile.
                    assert!(lanes.lanes().contains_key(&key));
                    inside[key].fetch_sub(1, Ordering::SeqCst);
                    drop(place);
                })
            };
            for visitor in [visit(0), visit(0), visit(1)] {
                visitor.join().unwrap();
            }
            assert!(lanes.lanes().is_empty());
        });
    }
}
