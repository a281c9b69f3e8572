//! A wire between browser and server.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;

/// A wire between browser and server that somebody has tapped.
pub(crate) struct Wire {
    pub(crate) url: String,
    server: Arc<Mutex<String>>,
    sent: Record,
    answered: Record,
}

type Record = Arc<Mutex<Vec<u8>>>;

impl Wire {
    pub(crate) async fn tap() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            server: Arc::default(),
            sent: Arc::default(),
            answered: Arc::default(),
        };
        let (server, sent, answered) = (wire.server.clone(), wire.sent.clone(), wire.answered.clone());
        tokio::spawn(async move {
            while let Ok((mut browser, _)) = listener.accept().await {
                let (address, sent, answered) = (server.lock().unwrap().clone(), sent.clone(), answered.clone());
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(address).await else { return };
                    let (from_browser, to_browser) = browser.split();
                    let (from_server, to_server) = server.split();
                    tokio::join!(copy(from_browser, to_server, &sent), copy(from_server, to_browser, &answered));
                });
            }
        });
        wire
    }

    pub(crate) fn lead_to(&self, server: &Server) {
        server.url.strip_prefix("http://").unwrap().clone_into(&mut self.server.lock().unwrap());
    }

    /// What the browser has sent, and what the server has answered.
    pub(crate) fn recorded(&self) -> [String; 2] {
        [&self.sent, &self.answered].map(|record| String::from_utf8_lossy(&record.lock().unwrap()).into_owned())
    }
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, record: &Record) {
    let mut piece = vec![0; 4096];
    while let Ok(read @ 1..) = from.read(&mut piece).await {
        record.lock().unwrap().extend(&piece[..read]);
        if to.write_all(&piece[..read]).await.is_err() {
            break;
        }
    }
    drop(to.shutdown().await);
}
