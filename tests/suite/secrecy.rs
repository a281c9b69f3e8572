//! Secrets are looked for wherever something is shown, written or thrown.

use std::io::Write;
use std::sync::{Arc, Mutex};

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch::client::{ClientKdf, ClientPin, DeviceKey};
use pinlatch::observer::{Event, Observer};
use pinlatch::pin::NewPin;
use pinlatch::proof::{Candidate, MessageParts, RequestKey, RequestParts, ResponseParts};
use pinlatch::stores::SqliteStore;
use pinlatch::stretch::KdfMemory;
use pinlatch::{ByPin, ByToken, FullLogin, KdfPool, RequestContext, Sessions, UnlockError};
use tracing_subscriber::fmt::MakeWriter;

use crate::world::*;

const CANARY_PIN: &str = "canary-PIN-83519";
const CANARY_WRONG: &str = "canary-WRONG-40277";
const CANARY_NEW: &str = "canary-NEW-66104";

/// A value, in every form in which it could slip out.
struct Canary {
    name: String,
    forms: Vec<Vec<u8>>,
}

impl Canary {
    fn bytes(name: &str, secret: &[u8]) -> Self {
        let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = format!("{secret:?}");
        let forms = vec![
            secret.to_vec(),
            hex.to_uppercase().into_bytes(),
            hex.into_bytes(),
            Base64UrlUnpadded::encode_string(secret).into_bytes(),
            list.trim_matches(['[', ']']).as_bytes().to_vec(),
        ];
        Self { name: name.into(), forms }
    }

    fn text(name: &str, secret: &str) -> Self {
        Self::bytes(name, secret.as_bytes())
    }

    fn is_in(&self, haystack: &[u8]) -> bool {
        self.forms.iter().any(|form| haystack.windows(form.len()).any(|window| window == form))
    }
}

#[derive(Clone, Default)]
struct Output(Arc<Mutex<Vec<u8>>>);

impl Output {
    fn show(&self, text: impl AsRef<[u8]>) {
        self.0.lock().unwrap().extend_from_slice(text.as_ref());
        self.0.lock().unwrap().push(b'\n');
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.show(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Output {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Observer for Output {
    fn observe(&self, event: &Event) {
        self.show(format!("{event:?} {event:#?}"));
    }
}

/// An error as logs show it, with all its sources.
fn show_error(output: &Output, error: &dyn std::error::Error) {
    output.show(format!("{error} {error:?} {error:#?}"));
    if let Some(source) = error.source() {
        show_error(output, source);
    }
}

fn wrap_id(wrapped: &str) -> [u8; 16] {
    let blob = Base64UrlUnpadded::decode_vec(&wrapped[5..]).unwrap();
    blob[23..39].try_into().unwrap()
}

#[test]
fn no_secret_in_logs_debug_errors_panics_or_the_database() {
    let output = Output::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::TRACE)
        .with_writer(output.clone())
        .with_ansi(false)
        .finish();
    let hook = std::panic::take_hook();
    let panics = output.clone();
    std::panic::set_hook(Box::new(move |info| panics.show(format!("{info} {info:?}"))));

    let directory = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let wraps = tracing::subscriber::with_default(subscriber, || runtime.block_on(a_life(&output, directory.path())));
    std::panic::set_hook(hook);

    let mut secrets = vec![
        Canary::text("PIN", CANARY_PIN),
        Canary::text("wrong PIN", CANARY_WRONG),
        Canary::text("new PIN", CANARY_NEW),
        Canary::bytes("pepper", &secret(1)),
        Canary::bytes("index key", &secret(0xE0)),
        Canary::bytes("signing key", &secret(0xA0)),
    ];
    let mut not_for_logs = Vec::new();
    for (at, text) in wraps.iter().enumerate() {
        secrets.push(Canary::text(&format!("token {at}"), text));
        if text.starts_with("plw1_") || text.starts_with("pls1_") {
            not_for_logs.push(Canary::bytes(&format!("wrap id {at}"), &wrap_id(text)));
        }
        if let Some(blob) = text.strip_prefix("pls1_") {
            let blob = Base64UrlUnpadded::decode_vec(blob).unwrap();
            secrets.push(Canary::bytes(&format!("bare token {at}"), &blob[55..]));
        }
    }
    let shown = output.0.lock().unwrap().clone();
    let text = String::from_utf8_lossy(&shown);
    for landmark in ["WrongPin", "RecordRefused", "Reuse", "observer panics", "CANARY-STORE-SOURCE"] {
        assert!(text.contains(landmark), "the search is worth nothing if {landmark} was not shown");
    }
    for canary in secrets.iter().chain(&not_for_logs) {
        assert!(!canary.is_in(&shown), "{} was shown:\n{text}", canary.name);
    }
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let path = entry.unwrap().path();
        // The database's threads are about to end, and with them its log.
        let content = match std::fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            content => content.unwrap(),
        };
        for canary in &secrets {
            assert!(!canary.is_in(&content), "{} is in {}", canary.name, path.display());
        }
    }
}

/// Everything that can happen to a session, shown as loudly as possible. Returns the tokens that were handed out.
async fn a_life(output: &Output, directory: &std::path::Path) -> Vec<String> {
    let store = SqliteStore::open(directory.join("store.db")).unwrap();
    let world = World::on(Arc::new(store.clone()), policy(), key_ring(1), "");
    let sessions = Sessions::builder(key_ring(1), world.store.clone(), access_tokens())
        .policy(fast().attempts(no_waits()).build().unwrap())
        .clock(world.clock.clone())
        .observer(Arc::new(output.clone()))
        .kdf_pool(KdfPool::new(65_536, std::time::Duration::from_secs(5)))
        .build()
        .unwrap();
    output.show(format!("{:?} {:?} {:?} {:?}", sessions, key_ring(1), access_tokens(), pin(CANARY_PIN)));
    let login = || {
        let (sessions, login) = (sessions.clone(), FullLogin::vouched_by_host(subject("alice")));
        async move { sessions.login(login, pin(CANARY_PIN)).await.unwrap() }
    };

    let issued = login().await;
    output.show(format!("{issued:?} {issued:#?}"));
    let first = issued.device_token.into_string();
    let mut tokens = vec![first.clone()];
    for with in [CANARY_WRONG, CANARY_PIN] {
        match sessions.unlock(&first, &pin(with), &RequestContext::new()).await {
            Ok(opened) => {
                output.show(format!("{opened:?} {opened:#?}"));
                tokens.push(opened.access_token.as_str().to_owned());
                tokens.push(opened.device_token.into_string());
            }
            Err(error) => show_error(output, &error),
        }
    }
    let second = tokens.last().unwrap().clone();
    let changed =
        sessions.change_pin(&second, &pin(CANARY_PIN), pin(CANARY_NEW), &RequestContext::new()).await.unwrap();
    tokens.push(changed.into_string());
    show_error(
        output,
        &sessions.change_pin(&second, &pin(CANARY_PIN), pin("aaaaaa"), &RequestContext::new()).await.unwrap_err(),
    );
    show_error(output, &sessions.verify(&tokens[1].replace('.', "!")).unwrap_err());

    world.store.set_fault(Fault::Down);
    show_error(output, &sessions.unlock(&second, &pin(CANARY_PIN), &RequestContext::new()).await.unwrap_err());
    world.store.set_fault(Fault::None);

    world.clock.advance(std::time::Duration::from_secs(60));
    show_error(output, &sessions.unlock(&first, &pin(CANARY_PIN), &RequestContext::new()).await.unwrap_err());
    show_error(
        output,
        &sessions.unlock(&format!("{first}x"), &pin(CANARY_PIN), &RequestContext::new()).await.unwrap_err(),
    );

    let locked = login().await.device_token.into_string();
    for _ in 0..11 {
        show_error(output, &sessions.unlock(&locked, &pin(CANARY_WRONG), &RequestContext::new()).await.unwrap_err());
    }
    tokens.push(locked);
    tokens.extend(a_client_of_its_own(&sessions, output).await);
    tokens.push(an_edited_row(&sessions, &store, output).await);
    tokens.push(a_panic(&world).await);
    tokens
}

/// A client that locks its tokens itself, has a key of its platform, and signs. All that goes to it is secret.
async fn a_client_of_its_own(sessions: &Sessions, output: &Output) -> Vec<String> {
    let issued = sessions.login_client(FullLogin::vouched_by_host(subject("dave"))).await.unwrap();
    output.show(format!("{issued:?} {issued:#?}"));
    let right = issued.device_token.expose_secret().to_owned();
    // Handle and tag, and another token.
    let wrong = format!("{}{}A", &right[..79], right[79..].chars().skip(1).collect::<String>());
    let by_token = ByToken { session_token: &wrong };
    let by_pin = ByPin { wrapped_token: &wrong, pin: &pin(CANARY_PIN) };
    output.show(format!("{by_token:?} {by_pin:?}"));
    show_error(output, &sessions.unlock_token(&wrong, &RequestContext::new()).await.unwrap_err());
    let added = sessions.add_device_key(ByToken { session_token: &right }, &RequestContext::new()).await.unwrap();
    let bound = sessions.mint_bound(&added.opened.grant, &()).unwrap();
    output.show(format!("{added:?} {added:#?} {bound:?} {bound:#?}"));
    show_what_is_signed(output, bound.access_token.as_str(), &bound.request_key);
    let locked = DeviceKey::from_bytes([7; 32]).lock(added.device_key_token).unwrap();
    let new_pin = NewPin::accept(pin(CANARY_PIN), &policy()).unwrap();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let by_pin = ClientPin::choose(&new_pin, ClientKdf::danger_fast_for_tests(), &mut rng, &mut KdfMemory::new());
    output.show(format!("{new_pin:?} {by_pin:?}"));
    let by_pin = by_pin.lock(right.parse().unwrap()).unwrap();
    output.show(format!("{locked:?} {by_pin:?} {:?}", DeviceKey::from_bytes([7; 32])));
    let key_token = locked.unlock(&DeviceKey::from_bytes([7; 32]));
    show_error(output, &sessions.log_out(&right).await.unwrap_err());
    let log_out = locked.log_out_token();
    output.show(format!("{log_out:?}"));
    sessions.log_out(log_out.as_str()).await.unwrap();
    show_error(output, &sessions.unlock_token(&right, &RequestContext::new()).await.unwrap_err());
    let next = added.opened.device_token;
    let texts = [
        &right,
        &wrong,
        next.expose_secret(),
        key_token.expose_secret(),
        bound.access_token.as_str(),
        log_out.as_str(),
    ];
    let texts = texts.into_iter().map(str::to_owned);
    texts.chain([bound.request_key.to_text().to_string()]).collect()
}

/// What a host might log of a request, a message and an answer: the token stands in each of them.
fn show_what_is_signed(output: &Output, token: &str, key: &RequestKey) {
    let (origin, authorization) = ("https://api.example".parse().unwrap(), format!("Bearer {token}"));
    let (target, headers) = (format!("/transfer?token={token}"), [("authorization", authorization.as_bytes())]);
    let request = RequestParts::new("POST", &origin, &target, &headers);
    let response = ResponseParts { status: 200, headers: &headers, body: token.as_bytes() };
    let parts = [("payload", token.as_bytes())];
    let message = MessageParts { access_token: token, service: "wss://api.example", parts: &parts };
    let signature = key.sign_message(&message, START, &mut rand_core::UnwrapErr(getrandom::SysRng));
    let candidate = Candidate::read_message(&message, &signature, START).unwrap();
    output.show(format!("{request:?} {request:#?} {response:?} {message:?} {message:#?} {candidate:?} {candidate:#?}"));
}

async fn an_edited_row(sessions: &Sessions, store: &SqliteStore, output: &Output) -> String {
    use pinlatch::session::SessionState;
    use pinlatch::store::SessionStore;
    let login = FullLogin::vouched_by_host(subject("bob"));
    let issued = sessions.login(login, pin(CANARY_PIN)).await.unwrap();
    let mut record = store.load(&SessionState::record_key(issued.session_id)).await.unwrap().unwrap();
    output.show(format!("{record:?} {record:#?}"));
    record.body[40] ^= 1;
    let _ = store.replace_if(record.revision, &record).await.unwrap();
    let wrapped = issued.device_token.into_string();
    let error = sessions.unlock(&wrapped, &pin(CANARY_PIN), &RequestContext::new()).await.unwrap_err();
    assert!(matches!(error, UnlockError::SessionEnded));
    show_error(output, &error);
    wrapped
}

async fn a_panic(world: &World) -> String {
    struct Panics;
    impl Observer for Panics {
        fn observe(&self, event: &Event) {
            if let Event::Unlocked { .. } = event {
                panic!("observer panics at {event:?}");
            }
        }
    }
    let sessions = Sessions::builder(key_ring(1), world.store.clone(), access_tokens())
        .policy(policy())
        .clock(world.clock.clone())
        .observer(Arc::new(Panics))
        .build()
        .unwrap();
    let login = FullLogin::vouched_by_host(subject("carol"));
    let wrapped = sessions.login(login, pin(CANARY_PIN)).await.unwrap().device_token.into_string();
    let presented = wrapped.clone();
    let died =
        tokio::spawn(async move { sessions.unlock(&presented, &pin(CANARY_PIN), &RequestContext::new()).await }).await;
    assert!(died.unwrap_err().is_panic());
    wrapped
}

/// Store errors keep their source for logs, and no answer's own text repeats it.
#[tokio::test]
async fn outward_text_is_constant() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    world.store.set_fault(Fault::Down);
    let error = world.unlock(&wrapped, PIN).await.unwrap_err();
    assert_eq!(error.to_string(), "the store did not answer");
    let source = std::error::Error::source(&error).and_then(std::error::Error::source).unwrap();
    assert!(source.to_string().contains("CANARY-STORE-SOURCE"));
}
