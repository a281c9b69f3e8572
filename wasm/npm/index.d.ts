// The device's half of pinlatch in a browser.

/** Loads and compiles the WebAssembly, once. All other functions but `TokenStorage` and `fingerprint` need it. Fails with `no_wasm`. */
export function load(): Promise<WebAssembly.Module>;

/** What a call may fail with. What a server answers is no failure: it stands in `Outcome.answer`. */
export type ErrorCode =
  | 'network' // not reachable, too slow, redirected, or refused by CORS, a proxy or a limit: what is kept stays good
  | 'not_the_answer' // damaged, or for another call: what is kept stays good
  | 'not_signed' // askServer: what answers there signs nothing, or headers are not exposed to this page
  | 'unknown_server' // askServer: somebody else
  | 'not_a_sealing_key' // no `sealTo`, or the server's directory has none
  | 'not_a_locked_token' // what is kept is damaged
  | 'not_a_pin' // no PIN can be that
  | 'weak_pin'
  | 'not_a_device_key' // not 32 bytes
  | 'not_a_session_token' // the server answered with something else
  | 'not_an_object' // the body
  | 'not_an_address' // the url
  | 'not_a_request_key'
  | 'not_a_server_key'
  | 'unsignable'
  | 'no_worker' // nothing was sent: offline, or for good: another origin than the page's, or no worker-src
  | 'no_wasm' // nothing was sent: offline, or for good: no 'wasm-unsafe-eval'
  | 'no_prf';

/** Why a PIN may not be set by the default policy, which wants 6 characters or more. Nothing if it may. */
export function weakPin(
  pin: string,
): 'too_short' | 'too_long' | 'repeated' | 'sequence' | 'date' | 'keypad' | 'common' | undefined;

/**
 * Of `plc1_…` or `pld1_…`: `ple1_…`, for a call that ends with `Sessions::log_out`. So the device logs out without a PIN, and shows
 * nothing of what is locked. Fails with `not_a_locked_token`.
 */
export function logOutToken(locked: string): string;

export type NextStep =
  | 'enter_pin'
  | 'forget_device_key' // and enter the PIN
  | 'choose_pin'
  | 'enter_code'
  | 'wait' // for `retryAfter` seconds if it is above 0, then the same again
  | 'read_storage' // and retry once with what is there, or log in if that is the same text
  | 'log_in' // after forgetting all that is kept
  | 'ask_for_code'
  | 'ask_server' // `askServer`, then the same again, once
  | 'sign_again' // once
  | 'refused' // not from here, or not now
  | 'unknown_server' // show nothing of it, ask for nothing
  | 'mistake'; // of the client; or a code of the host's own, which it looks at first

/** What to do about a problem's code, or about an error of this package. */
export function nextStep(code: string | undefined): NextStep;

/** A public key that signs: its id, and 43 characters of base64url. */
export type PublicKey = readonly [id: string, key: string];

/** A server's key for sealed calls, and by how many seconds its clock is ahead of the device's. */
export interface SealingKey {
  id: number;
  key: string;
  ahead?: number;
}

/** One call. The token is added to the body as `session_token`, and all of it is sealed for the server. */
export interface SealedCall {
  /** Relative to the page, or absolute. */
  url: string;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
  sealTo: SealingKey;
  /** 32 bytes that the platform keeps, under which the `device_key_token` of the answer is locked. */
  deviceKey?: Uint8Array;
}

/** What the server has answered, without its tokens. */
export interface Answer<Body = Record<string, unknown>> {
  /** The status that the server means; of one that was not sealed, the one that came. */
  status: number;
  ok: boolean;
  /** Seconds; 0 if there is nothing to wait for. */
  retryAfter: number;
  /** Of an answer that was not sealed only a code: `unknown_sealing_key`, `stale_seal`, or `not_sealed`. */
  body: Body & { code?: string };
}

export interface Outcome<Body = Record<string, unknown>> {
  answer: Answer<Body>;
  /** `plc1_…`, to be kept instead of what was kept under the PIN before, in one write. */
  locked?: string;
  /** `pld1_…`, to be kept instead of what was kept under the device's key before, in one write. */
  lockedByKey?: string;
}

/** A login whose answer has a `session_token`, which is locked under a new PIN: `locked`. */
export function beginWithPin<Body>(call: SealedCall, pin: string): Promise<Outcome<Body>>;

/** An unlock with what is kept and a PIN, right or wrong: `locked`, and with `deviceKey` also `lockedByKey`. */
export function openWithPin<Body>(locked: string, pin: string, call: SealedCall): Promise<Outcome<Body>>;

/**
 * A change of the PIN: `locked`. For a route that calls `Sessions::change_client_pin` and no other. Forget what is kept under a key
 * of the device then. If the answer is lost, what is kept opens no more: ask for a login, and do not try it again.
 */
export function changePin<Body>(locked: string, pin: string, newPin: string, call: SealedCall): Promise<Outcome<Body>>;

/** An unlock with `pld1_…` and a key of the platform: `lockedByKey`. */
export function openWithKey<Body>(lockedByKey: string, key: Uint8Array, call: SealedCall): Promise<Outcome<Body>>;

/** A call that has everything in its body, such as a wrapped token and a PIN that the server is to see, and nobody else. */
export function sealedPost<Body>(call: SealedCall): Promise<Outcome<Body>>;

/**
 * A `fetch` that signs, with what an unlock has answered. Signs the header `idempotency-key`, too, if there is one. A
 * body without a `content-type` gets the one that `fetch` gives it, `text/plain;charset=UTF-8`, and that is signed.
 */
export function signer(opened: {
  sessionId: string;
  requestKey: string;
  accessToken: string;
  /** `SealingKey.ahead`. */
  ahead?: number;
}): (url: string, options?: Omit<RequestInit, 'body' | 'headers'> & { body?: string; headers?: HeadersInit }) => Promise<Response>;

/** The keys in a server's directory. */
export interface ServerKeys {
  /** To be pinned. */
  signing: PublicKey[];
  /** For the calls that follow; the first one in the directory. */
  sealing: SealingKey;
}

/** The keys of a server that the client meets for the first time, and believes. */
export function meetServer(url?: string): Promise<ServerKeys>;

/**
 * The keys of a server that proves to have one of the pinned ones. Fails with `unknown_server` or `not_signed`: then show
 * nothing of it, and ask for no PIN. The url is `/.well-known/http-message-signatures-directory` unless given.
 */
export function askServer(pinned: readonly PublicKey[], url?: string): Promise<ServerKeys>;

/** A small place for what a device keeps, in local storage. Where that is full or blocked, the page remembers until it is closed. */
export class TokenStorage {
  constructor(key?: string);
  read(): string | null;
  replace(text: string): void;
  forget(): void;
}

/** A key that the platform releases for a fingerprint, a face, or a touch (the PRF extension of WebAuthn). */
export const fingerprint: {
  available(): Promise<boolean>;
  /**
   * Makes a passkey for `user`, which the platform shows beside the name `site`. Asks once or twice. Fails with `no_prf` where there is none, and with
   * `NotAllowedError` when the user turns away. Keep `id`, and zero `key` after use.
   */
  enroll(options: { user: string; site: string }): Promise<{ id: string; key: Uint8Array }>;
  /** The key of a passkey. Fails as `enroll` does. */
  release(id: string): Promise<Uint8Array>;
};
