//! A wire between browser and server.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::server::Server;

/// A wire between browser and server that somebody has tapped.
pub(crate) struct Wire {
    pub(crate) url: String,
    server: Arc<Mutex<String>>,
    own_answer: Arc<Mutex<String>>,
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
            own_answer: Arc::default(),
            sent: Arc::default(),
            answered: Arc::default(),
        };
        let (server, own_answer) = (wire.server.clone(), wire.own_answer.clone());
        let (sent, answered) = (wire.sent.clone(), wire.answered.clone());
        tokio::spawn(async move {
            while let Ok((mut browser, _)) = listener.accept().await {
                let (address, own_answer) = (server.lock().unwrap().clone(), own_answer.lock().unwrap().clone());
                let (sent, answered) = (sent.clone(), answered.clone());
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(address).await else {
                        return answer(browser, &own_answer).await;
                    };
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

    /// What it says itself from now on where no server is, as proxies do: a status and its name.
    pub(crate) fn answer_itself(&self, status: &str) {
        status.clone_into(&mut self.own_answer.lock().unwrap());
    }

    /// What the browser has sent, and what the server has answered.
    pub(crate) fn recorded(&self) -> [String; 2] {
        [&self.sent, &self.answered].map(|record| String::from_utf8_lossy(&record.lock().unwrap()).into_owned())
    }
}

async fn answer(mut browser: TcpStream, status: &str) {
    // A request that nobody has read would take the answer with it.
    let Ok(1..) = browser.read(&mut vec![0; 4096]).await else { return };
    if status.is_empty() {
        return;
    }
    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{{}}");
    drop(browser.write_all(answer.as_bytes()).await);
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
