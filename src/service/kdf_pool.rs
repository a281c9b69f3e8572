//! Argon2id on other threads, within a budget of memory, under any runtime.

use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::sync::{Arc, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use crate::stretch::KdfMemory;
use crate::stretched_pin::{StretchTask, StretchedPin};
use crate::sync::{Mutex, MutexGuard};

/// A budget of memory for Argon2id, shared by all its clones. Give one to all [`Sessions`](crate::Sessions) of a
/// process.
///
/// Evaluations beyond the budget wait their turn, at most `max_wait`; then they are refused as busy, and nothing was
/// charged. The memory is kept for the next evaluation and erased after each.
#[derive(Clone, Debug)]
pub struct KdfPool {
    budget: Arc<Budget>,
    max_wait: Duration,
}

#[derive(Debug)]
struct Budget {
    kib: u32,
    permits: Arc<Semaphore>,
    free: Mutex<Vec<KdfMemory>>,
    evaluations: AtomicU64,
}

/// No room in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Busy;

/// The thread of an evaluation ended without a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the KDF evaluation was lost")]
pub(crate) struct EvaluationLost;

impl KdfPool {
    /// A budget in KiB and the longest wait. As many evaluations run at once as fit into the budget; more than one
    /// per core gains nothing.
    #[must_use]
    pub fn new(kib: u32, max_wait: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(usize::try_from(kib).unwrap_or(Semaphore::MAX_PERMITS)));
        let budget = Budget { kib, permits, free: Mutex::default(), evaluations: AtomicU64::new(0) };
        Self { budget: Arc::new(budget), max_wait }
    }

    /// The budget in KiB.
    #[must_use]
    pub fn kib(&self) -> u32 {
        self.budget.kib
    }

    /// The longest wait.
    #[must_use]
    pub const fn max_wait(&self) -> Duration {
        self.max_wait
    }

    /// Evaluations begun so far: a number to watch.
    #[must_use]
    pub fn evaluations(&self) -> u64 {
        self.budget.evaluations.load(Ordering::Relaxed)
    }

    /// Waits for room for evaluations of up to `kib`, one after another.
    pub(crate) async fn reserve(&self, kib: u32) -> Result<Reservation, Busy> {
        let permits = Arc::clone(&self.budget.permits);
        let permit = permits.acquire_many_owned(kib).await.map_err(|_| Busy)?;
        let memory = Mutex::new(self.budget.take_memory(kib));
        Ok(Reservation(Arc::new(Reserved { memory, budget: Arc::clone(&self.budget), _permit: permit })))
    }
}

impl Budget {
    fn free(&self) -> MutexGuard<'_, Vec<KdfMemory>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Memory that fits, or none yet. What is left unused never exceeds what is left of the budget.
    fn take_memory(&self, kib: u32) -> KdfMemory {
        let mut free = self.free();
        let fits = |memory: &KdfMemory| u32::try_from(memory.kib()).is_ok_and(|has| has <= kib);
        let best = (0..free.len()).filter(|at| fits(&free[*at])).max_by_key(|at| free[*at].kib());
        let memory = best.map_or_else(KdfMemory::new, |at| free.swap_remove(at));
        while free.iter().map(KdfMemory::kib).sum::<usize>() > self.permits.available_permits() {
            free.pop();
        }
        memory
    }
}

/// Room for evaluations. It is held until the last evaluation has really ended, also when nobody waits for it any more.
#[derive(Debug)]
pub(crate) struct Reservation(Arc<Reserved>);

#[derive(Debug)]
struct Reserved {
    memory: Mutex<KdfMemory>,
    budget: Arc<Budget>,
    _permit: OwnedSemaphorePermit,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let memory = self.memory.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.budget.free().push(core::mem::take(memory));
    }
}

impl Reservation {
    /// Evaluates on another thread.
    pub(crate) async fn run(&self, task: StretchTask) -> Result<StretchedPin, EvaluationLost> {
        let reserved = Arc::clone(&self.0);
        let (send, receive) = oneshot::channel();
        elsewhere(move || {
            let mut memory = reserved.memory.lock().unwrap_or_else(PoisonError::into_inner);
            reserved.budget.evaluations.fetch_add(1, Ordering::Relaxed);
            // Nobody may be waiting any more; the charge stands either way.
            drop(send.send(task.run(&mut memory)));
        });
        receive.await.map_err(|_| EvaluationLost)
    }
}

fn elsewhere(work: impl FnOnce() + Send + 'static) {
    #[cfg(not(all(test, pinlatch_loom)))]
    blocking::unblock(work).detach();
    #[cfg(all(test, pinlatch_loom))]
    loom::thread::spawn(work);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deadline::within;
    use crate::pin::{NewPin, Pin};
    use crate::policy::Policy;
    use crate::stretch::KdfParams;
    use crate::testing::Counter;

    fn task() -> StretchTask {
        task_of(8)
    }

    fn task_of(kib: u32) -> StretchTask {
        let pin = NewPin::accept(Pin::new("739216").unwrap(), &Policy::default()).unwrap();
        StretchTask::for_new_pin(&pin, KdfParams::from_wire(kib, 1, 1), &mut Counter(0))
    }

    fn poll_once(run: impl Future) {
        let mut context = core::task::Context::from_waker(core::task::Waker::noop());
        drop(core::pin::pin!(run).poll(&mut context));
    }

    #[tokio::test]
    async fn abandoned_work_keeps_its_room() {
        let pool = KdfPool::new(8, Duration::from_secs(1));
        let reservation = pool.reserve(8).await.unwrap();
        {
            let held = reservation.0.memory.lock().unwrap_or_else(PoisonError::into_inner);
            // The evaluation cannot begin while its memory is held, and its caller goes away.
            poll_once(reservation.run(task()));
            assert_eq!(pool.budget.permits.available_permits(), 0);
            drop(held);
        }
        drop(reservation);
        assert!(pool.reserve(8).await.is_ok(), "the room comes back when the evaluation has ended");
    }

    #[tokio::test]
    async fn memory_is_handed_on_and_never_exceeds_the_budget() {
        let pool = KdfPool::new(16, Duration::from_secs(1));
        let (one, two) = (pool.reserve(8).await.unwrap(), pool.reserve(8).await.unwrap());
        assert!(within(Duration::from_millis(20), pool.reserve(8)).await.is_none());
        one.run(task()).await.unwrap();
        two.run(task()).await.unwrap();
        drop((one, two));
        let whole = pool.reserve(16).await.unwrap();
        assert_eq!(whole.0.memory.lock().unwrap_or_else(PoisonError::into_inner).kib(), 8);
        assert_eq!(pool.budget.free().len(), 0, "with the whole budget reserved nothing else is kept");
    }

    /// Some of them halfway, all at once: no room is lost, and no more memory is kept than the budget has.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn room_survives_who_comes_and_goes() {
        const TASKS: u32 = 8;
        const ROUNDS: u32 = if cfg!(miri) { 2 } else { 500 };
        let pool = KdfPool::new(48, Duration::from_secs(60));
        let come_and_go = |number: u32| {
            let pool = pool.clone();
            tokio::spawn(async move {
                for round in number..number + ROUNDS {
                    let kib = 8 * (1 + round % 5);
                    let reservation = pool.reserve(kib).await.unwrap();
                    let run = reservation.run(task_of(kib));
                    if round % 3 == 0 {
                        poll_once(run);
                    } else {
                        drop(run.await.unwrap());
                    }
                    let kept: usize = pool.budget.free().iter().map(KdfMemory::kib).sum();
                    assert!(kept <= 48, "{kept}");
                }
            })
        };
        let tasks: Vec<_> = (0..TASKS).map(come_and_go).collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert!(pool.reserve(48).await.is_ok());
        assert_eq!(pool.evaluations(), u64::from(TASKS * ROUNDS));
    }
}

#[cfg(test)]
#[cfg(pinlatch_loom)]
mod interleavings {
    use core::sync::atomic::{AtomicUsize, Ordering};

    use loom::future::block_on;
    use loom::thread::spawn;

    use super::*;
    use crate::pin::{NewPin, Pin};
    use crate::policy::Policy;
    use crate::stretch::KdfParams;
    use crate::testing::{Counter, in_every_order};

    const BUDGET: u32 = 24;

    fn task(kib: u32) -> StretchTask {
        let pin = NewPin::accept(Pin::new("739216").unwrap(), &Policy::default()).unwrap();
        StretchTask::for_new_pin(&pin, KdfParams::from_wire(kib, 1, 1), &mut Counter(0))
    }

    /// Room, an evaluation in it, and gone; without waiting for the answer, or with it.
    fn visit(pool: &KdfPool, held: &AtomicUsize, kib: u32, waits: bool) {
        let reservation = block_on(pool.reserve(kib)).unwrap();
        let size = usize::try_from(kib).unwrap();
        held.fetch_add(size, Ordering::SeqCst);
        let kept: usize = pool.budget.free().iter().map(KdfMemory::kib).sum();
        assert!(kept + held.load(Ordering::SeqCst) <= BUDGET as usize, "{kept} KiB are kept");
        let mut run = Box::pin(reservation.run(task(kib)));
        if waits {
            assert!(block_on(run).is_ok());
        } else {
            let mut context = core::task::Context::from_waker(core::task::Waker::noop());
            drop(run.as_mut().poll(&mut context));
        }
        held.fetch_sub(size, Ordering::SeqCst);
    }

    #[test]
    fn memory_never_exceeds_the_budget_and_no_room_is_lost() {
        in_every_order(|| {
            let pool = KdfPool::new(BUDGET, Duration::from_secs(1));
            // What is reserved for sure, in KiB.
            let held = Arc::new(AtomicUsize::new(0));
            let other = spawn({
                let (pool, held) = (pool.clone(), Arc::clone(&held));
                move || {
                    visit(&pool, &held, 8, true);
                    visit(&pool, &held, 16, false);
                }
            });
            visit(&pool, &held, 24, false);
            other.join().unwrap();
            assert!(block_on(pool.reserve(BUDGET)).is_ok());
            assert_eq!(pool.evaluations(), 3);
        });
    }
}
