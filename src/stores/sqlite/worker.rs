//! Threads that own the connections. Requests wait for them without blocking a runtime.

use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::{fmt, io, thread};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::oneshot;

use crate::store::StoreError;

/// The most writes that share one commit.
const MAX_BATCH: usize = 64;

/// The most requests that wait for the threads. A store that is slower than that is not available.
const MAX_QUEUE: usize = 4096;

/// The thread that writes.
pub(super) struct Writer {
    queue: SyncSender<Write>,
    waiting: Arc<AtomicUsize>,
}

/// The threads that read.
pub(super) struct Reader(SyncSender<Read>);

type Read = Box<dyn FnOnce(&Connection) + Send>;

/// A write, given the open transaction or the reason why there is none.
type Write = Box<dyn FnOnce(Result<&Connection, SharedError>) -> Settle + Send>;

/// Tells a write's caller, once it is known whether the batch was committed.
type Settle = Box<dyn FnOnce(Result<(), SharedError>)>;

/// One error, told to every write of a batch.
type SharedError = Arc<rusqlite::Error>;

/// What the driver said. It keeps its source.
#[derive(Debug, thiserror::Error)]
#[error("SQLite: {0}")]
struct DriverError(#[source] SharedError);

/// Why a request did not reach its thread, or no answer came back.
#[derive(Debug, thiserror::Error)]
enum Unreachable {
    #[error("the store's thread has ended")]
    ThreadEnded,
    #[error("{MAX_QUEUE} requests are waiting for the store")]
    QueueFull,
}

/// Why a statement failed, whose transaction then wrote nothing of it.
fn statement_error(error: rusqlite::Error) -> StoreError {
    match &error {
        rusqlite::Error::SqliteFailure(failure, _) if failure.code == ErrorCode::DiskFull => StoreError::Rejected,
        _ => store_error(Arc::new(error)),
    }
}

fn store_error(error: SharedError) -> StoreError {
    let corrupt = match &*error {
        rusqlite::Error::SqliteFailure(failure, _) => {
            matches!(failure.code, ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
        }
        // A column that does not hold what we write.
        rusqlite::Error::FromSqlConversionFailure(..)
        | rusqlite::Error::IntegralValueOutOfRange(..)
        | rusqlite::Error::InvalidColumnType(..) => true,
        _ => false,
    };
    let source: Box<dyn Error + Send + Sync> = DriverError(error).into();
    if corrupt { StoreError::Corrupt(source) } else { StoreError::Unavailable(source) }
}

impl From<Unreachable> for StoreError {
    fn from(reason: Unreachable) -> Self {
        Self::Unavailable(reason.into())
    }
}

fn enqueue<T>(queue: &SyncSender<T>, request: T) -> Result<(), Unreachable> {
    queue.try_send(request).map_err(|error| match error {
        TrySendError::Full(_) => Unreachable::QueueFull,
        TrySendError::Disconnected(_) => Unreachable::ThreadEnded,
    })
}

impl Writer {
    pub(super) fn start(connection: Connection) -> io::Result<Self> {
        let (queue, writes) = sync_channel(MAX_QUEUE);
        let waiting = Arc::<AtomicUsize>::default();
        let waits = Arc::clone(&waiting);
        thread::Builder::new().name("pinlatch-write".into()).spawn(move || write_all(&connection, &writes, &waits))?;
        Ok(Self { queue, waiting })
    }

    /// Answers when what was written is on disk.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (send, receive) = oneshot::channel();
        let write: Write = Box::new(move |transaction| {
            let result = transaction.map_err(store_error).and_then(|open| work(open).map_err(statement_error));
            // A caller that went away does not want to know.
            Box::new(move |committed| {
                drop(send.send(result.and_then(|value| committed.map(|()| value).map_err(store_error))));
            })
        });
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if let Err(unreachable) = enqueue(&self.queue, write) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            return Err(unreachable.into());
        }
        receive.await.unwrap_or_else(|_| Err(Unreachable::ThreadEnded.into()))
    }
}

fn write_all(connection: &Connection, writes: &Receiver<Write>, waiting: &AtomicUsize) {
    while let Ok(first) = writes.recv() {
        // Whoever waits already while a transaction does not begin has waited long enough, too.
        let are_waiting = waiting.load(Ordering::Relaxed);
        let transaction = begin(connection).map_err(Arc::new);
        let at_most = if transaction.is_ok() { MAX_BATCH } else { are_waiting };
        let batch = std::iter::once(first).chain(writes.try_iter().take(at_most.saturating_sub(1)));
        let settle: Vec<Settle> =
            batch.map(|write| write(transaction.as_ref().map(|()| connection).map_err(Arc::clone))).collect();
        waiting.fetch_sub(settle.len(), Ordering::Relaxed);
        let committed = transaction.and_then(|()| commit(connection).map_err(Arc::new));
        for settle in settle {
            settle(committed.clone());
        }
    }
}

/// A transaction that an error left open would fail every later one.
fn begin(connection: &Connection) -> rusqlite::Result<()> {
    if !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    connection.execute_batch("BEGIN IMMEDIATE")
}

/// After a failed commit nothing may be left open. Whether it took effect is unknown to the callers.
fn commit(connection: &Connection) -> rusqlite::Result<()> {
    let committed = connection.execute_batch("COMMIT");
    if committed.is_err() && !connection.is_autocommit() {
        connection.execute_batch("ROLLBACK")?;
    }
    committed
}

impl Reader {
    pub(super) fn start(connections: Vec<Connection>) -> io::Result<Self> {
        let (send, receive) = sync_channel(MAX_QUEUE);
        let reads = Arc::new(Mutex::new(receive));
        for connection in connections {
            let reads = Arc::clone(&reads);
            thread::Builder::new().name("pinlatch-read".into()).spawn(move || read_all(&connection, &reads))?;
        }
        Ok(Self(send))
    }

    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (send, receive) = oneshot::channel();
        let read: Read = Box::new(move |connection| {
            drop(send.send(work(connection).map_err(|error| store_error(Arc::new(error)))));
        });
        enqueue(&self.0, read)?;
        receive.await.unwrap_or_else(|_| Err(Unreachable::ThreadEnded.into()))
    }
}

fn read_all(connection: &Connection, reads: &Mutex<Receiver<Read>>) {
    loop {
        let next = reads.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(read) = next else { return };
        read(connection);
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Writer")
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reader")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_does_not_fit_on_the_disk_is_refused() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE pile (things BLOB); PRAGMA max_page_count = 4").unwrap();
        let writer = Writer::start(connection).unwrap();
        let pile = |len: u32| writer.run(move |open| open.execute("INSERT INTO pile VALUES (zeroblob(?1))", [len]));
        assert!(matches!(pile(100_000).await, Err(StoreError::Rejected)));
        assert_eq!(pile(10).await.unwrap(), 1);
    }
}
