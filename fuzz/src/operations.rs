//! Any list of operations: the service answers as the model does.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use futures_executor::block_on;
use pinlatch::clock::ManualClock;
use pinlatch::stores::MemoryStore;
use pinlatch::{ClockPolicy, FullLogin, KdfPool, Pin, RequestContext, SessionId, Sessions, Subject};

use crate::fixtures::{NOW, access_tokens, key_ring, pin, policy};
use crate::model::{Session, Wrap};

const USERS: usize = 2;
/// Below the limit of a user's sessions, beyond which a login ends the oldest.
const LOGINS: usize = 8;
const PINS: [&str; 2] = ["739216", "902714"];

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Operation {
    LogIn { user: bool },
    Unlock { wrap: u8, right: bool },
    ChangePin { wrap: u8, right: bool },
    Wait { seconds: Waiting },
    Revoke { session: u8 },
    RevokeAll { user: bool },
    Purge,
    List { user: bool },
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum Waiting {
    Moment,
    Grace,
    Hour,
    Day,
    Week,
}

impl Waiting {
    const fn duration(self) -> Duration {
        Duration::from_secs(match self {
            Self::Moment => 1,
            Self::Grace => 31,
            // Not what deadlines are made of: the service tells logins of one moment apart by milliseconds.
            Self::Hour => 3_607,
            Self::Day => 86_413,
            Self::Week => 7 * 86_400 + 61,
        })
    }
}

/// Something that was handed out: its text, its session, and the PIN that opens it.
struct HandedOut {
    text: String,
    session: usize,
    pin: usize,
}

struct World {
    sessions: Sessions,
    clock: Arc<ManualClock>,
    users: [Subject; USERS],
    model: Vec<(SessionId, Session)>,
    wraps: Vec<HandedOut>,
}

/// One for all, since its threads end some time after it.
static POOL: LazyLock<KdfPool> = LazyLock::new(|| KdfPool::new(policy().max_kdf_m_kib(), Duration::from_secs(60)));

pub fn run(data: &[u8]) {
    let mut bytes = Unstructured::new(data);
    let mut world = World::new();
    for _ in 0..200 {
        if bytes.is_empty() {
            break;
        }
        let Ok(operation) = Operation::arbitrary(&mut bytes) else { break };
        block_on(world.perform(operation));
    }
}

impl World {
    fn new() -> Self {
        let clock = Arc::new(ManualClock::new(NOW));
        let builder = Sessions::builder(key_ring(), MemoryStore::default(), access_tokens()).policy(policy());
        let sessions = builder.clock(clock.clone()).kdf_pool(POOL.clone()).build().unwrap();
        let users = ["alice", "bob"].map(|name| Subject::new(name).unwrap());
        Self { sessions, clock, users, model: Vec::new(), wraps: Vec::new() }
    }

    fn now(&self) -> u64 {
        self.clock.now().as_secs()
    }

    async fn perform(&mut self, operation: Operation) {
        match operation {
            Operation::LogIn { user } => self.log_in(user.into()).await,
            Operation::Unlock { wrap, right } if !self.wraps.is_empty() => self.unlock(self.chosen(wrap), right).await,
            Operation::ChangePin { wrap, right } if !self.wraps.is_empty() => {
                self.change_pin(self.chosen(wrap), right).await;
            }
            Operation::Unlock { .. } | Operation::ChangePin { .. } => {}
            Operation::Wait { seconds } => self.clock.advance(seconds.duration()),
            Operation::Revoke { session } => {
                if let Some((id, session)) = self.model.get_mut(usize::from(session)) {
                    self.sessions.revoke(&self.users[session.owner], *id).await.unwrap();
                    session.end();
                }
            }
            Operation::RevokeAll { user } => {
                self.sessions.revoke_all(&self.users[usize::from(user)]).await.unwrap();
                let of_user = self.model.iter_mut().filter(|(_, session)| session.owner == usize::from(user));
                of_user.for_each(|(_, session)| session.end());
            }
            Operation::Purge => drop(self.sessions.purge(1000).await.unwrap()),
            Operation::List { user } => {
                let listed = self.sessions.sessions_of(&self.users[usize::from(user)]).await.unwrap();
                let mut listed: Vec<_> = listed.iter().map(|session| session.session_id).collect();
                let live = |(_, session): &&(_, Session)| {
                    session.owner == usize::from(user) && session.is_live(self.clock.now().as_secs())
                };
                let mut expected: Vec<_> = self.model.iter().filter(live).map(|(id, _)| *id).collect();
                listed.sort();
                expected.sort();
                assert_eq!(listed, expected);
            }
        }
    }

    /// One of those that were handed out last, which are more often alive.
    fn chosen(&self, wrap: u8) -> Wrap {
        let from_the_end = usize::from(wrap) % self.wraps.len().min(12);
        self.wraps.len() - 1 - from_the_end
    }

    async fn log_in(&mut self, user: usize) {
        if self.model.len() == LOGINS {
            return;
        }
        let login = FullLogin::vouched_by_host(self.users[user].clone());
        let issued = self.sessions.login(login, pin(PINS[0])).await.unwrap();
        let (session, text) = (self.model.len(), issued.device_token.into_string());
        self.model.push((issued.session_id, Session::new(user, self.wraps.len(), self.now())));
        self.wraps.push(HandedOut { text, session, pin: 0 });
    }

    fn typed(&self, wrap: Wrap, right: bool) -> Pin {
        if right { pin(PINS[self.wraps[wrap].pin]) } else { pin("618273") }
    }

    async fn unlock(&mut self, wrap: Wrap, right: bool) {
        let (next, now, typed) = (self.wraps.len(), self.now(), self.typed(wrap, right));
        let HandedOut { ref text, session, pin } = self.wraps[wrap];
        let opened = self.sessions.unlock(text, &typed, &RequestContext::new()).await;
        let expected = self.model[session].1.unlock(wrap, right, next, now);
        match opened {
            Ok(opened) => {
                assert_eq!(expected, Ok(usize::from(opened.failed_attempts)));
                assert!(self.sessions.verify(opened.access_token.as_str()).is_ok());
                self.wraps.push(HandedOut { text: opened.device_token.into_string(), session, pin });
            }
            Err(error) => assert_eq!(expected, Err(error.code())),
        }
    }

    async fn change_pin(&mut self, wrap: Wrap, right: bool) {
        let (next, now, typed) = (self.wraps.len(), self.now(), self.typed(wrap, right));
        let HandedOut { ref text, session, pin: old } = self.wraps[wrap];
        let changed = self.sessions.change_pin(text, &typed, pin(PINS[1 - old]), &RequestContext::new()).await;
        let expected = self.model[session].1.change_pin(wrap, right, next, now);
        match changed {
            Ok(token) => {
                assert_eq!(expected, Ok(()));
                self.wraps.push(HandedOut { text: token.into_string(), session, pin: 1 - old });
            }
            Err(error) => assert_eq!(expected, Err(error.code())),
        }
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    // Bytes that spread over all operations.
    (1..=8_u8).map(|step| (0..240_u8).map(|at| at.wrapping_mul(step.wrapping_mul(37))).collect()).collect()
}
