//! What the server says besides answers.

use core::future::{Future, poll_fn};
use core::pin::Pin;

use deadpool_postgres::Connect;
use tokio::task::JoinHandle;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Error, Socket};

/// Makes connections that end when the server says of an answer that it is not to be believed.
pub(super) struct Wire<T> {
    pub(super) tls: T,
}

type Connecting<'a> = Pin<Box<dyn Future<Output = Result<(Client, JoinHandle<()>), Error>> + Send + 'a>>;

impl<T> Connect for Wire<T>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect(&self, config: &Config) -> Connecting<'_> {
        let (tls, config) = (self.tls.clone(), config.clone());
        Box::pin(async move {
            let (client, mut connection) = config.connect(tls).await?;
            let reads = tokio::spawn(async move {
                while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                    if gave_up_on_its_standby(&message) {
                        // With the connection the answer is lost, which comes next and says that all is well.
                        return;
                    }
                }
            });
            Ok((client, reads))
        })
    }
}

/// Somebody has canceled the wait for a synchronous standby. What was written may be on this server alone, and gone
/// after a failover; the server calls that a success, with a warning. Its text is in the server's language; the
/// routine's name is not.
fn gave_up_on_its_standby(message: &AsyncMessage) -> bool {
    matches!(message, AsyncMessage::Notice(notice) if notice.routine() == Some("SyncRepWaitForLSN"))
}
