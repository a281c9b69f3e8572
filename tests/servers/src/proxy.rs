//! Between client and server: passes everything on until it is told otherwise.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// What the proxy does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    #[default]
    None,
    /// The server gets the next request with this text in it, but no answer comes back: the connection is cut. Once.
    CutAnswerTo(&'static str),
    /// Connections stay open, and no answer comes.
    Silence,
    /// Every answer takes so long.
    Delay(Duration),
    /// Connections are closed.
    Refuse,
}

/// A proxy on a free port. It ends with the test's process.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    state: Arc<State>,
}

#[derive(Debug, Default)]
struct State {
    fault: Mutex<Fault>,
    cuts: AtomicUsize,
    connections: AtomicUsize,
    frozen: AtomicUsize,
}

impl Proxy {
    /// Passes on to a port on 127.0.0.1.
    #[must_use]
    pub fn to(server: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::<State>::default();
        let shared = state.clone();
        spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, server)) else { continue };
                if shared.fault() == Fault::Refuse {
                    continue;
                }
                pass_on(&client, &server, &shared);
            }
        });
        Self { port, state }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on.
    pub fn set(&self, fault: Fault) {
        *self.state.fault.lock().unwrap() = fault;
    }

    /// The connections that are open stay open, and nothing comes through them ever again, as when a network was taken
    /// apart. New ones work.
    pub fn freeze(&self) {
        self.state.frozen.store(self.state.connections.load(Ordering::SeqCst), Ordering::SeqCst);
    }

    /// How many answers were cut.
    #[must_use]
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl State {
    fn fault(&self) -> Fault {
        *self.fault.lock().unwrap()
    }

    /// Whether the answer to this request is to be cut.
    fn takes_the_cut(&self, request: &[u8]) -> bool {
        let mut fault = self.fault.lock().unwrap();
        let cut = matches!(*fault, Fault::CutAnswerTo(text) if String::from_utf8_lossy(request).contains(text));
        if cut {
            *fault = Fault::None;
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        cut
    }
}

fn pass_on(client: &TcpStream, server: &TcpStream, state: &Arc<State>) {
    for stream in [client, server] {
        stream.set_nodelay(true).unwrap();
    }
    // Held while a request is passed on, so that its answer finds whether it is to be cut.
    let cut = Arc::new(Mutex::new(false));
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let (requests, cuts_answer) = (state.clone(), cut.clone());
    spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            let mut cut = cuts_answer.lock().unwrap();
            *cut |= requests.takes_the_cut(&buffer[..length]);
            if to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        drop(to.shutdown(Shutdown::Both));
    });
    let (mut from, mut to, state) = (server.try_clone().unwrap(), client.try_clone().unwrap(), state.clone());
    let number = state.connections.fetch_add(1, Ordering::SeqCst);
    spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(length @ 1..) = from.read(&mut buffer) {
            if *cut.lock().unwrap() {
                break;
            }
            while state.fault() == Fault::Silence || number < state.frozen.load(Ordering::SeqCst) {
                sleep(Duration::from_millis(5));
            }
            if let Fault::Delay(delay) = state.fault() {
                sleep(delay);
            }
            if state.fault() == Fault::Refuse || to.write_all(&buffer[..length]).is_err() {
                break;
            }
        }
        drop(from.shutdown(Shutdown::Both));
        drop(to.shutdown(Shutdown::Both));
    });
}
