// The device's half of pinlatch in a browser.

/** Loads the WebAssembly. What runs in a worker loads its own. */
export function load(): Promise<unknown>;

/** Why a PIN may not be set: `too_short`, `repeated`, `sequence`, `date`, `keypad`, `common`. Nothing if it may. */
export function weakPin(pin: string): string | undefined;

/**
 * What to do about a problem's code: `enter_pin`, `choose_pin`, `enter_code`, `wait`, `read_storage`, `log_in`,
 * `ask_for_code`, `ask_server`, `sign_again`, `refused`, or `mistake`.
 */
export function nextStep(code: string): string;

/** A public key: its id, and 43 characters of base64url. */
export type PublicKey = [id: string, key: string];

/** What is sent beside the token, which is added to the body as `session_token`, sealed for the server. */
export interface Request {
  url: string;
  headers?: Record<string, string>;
  body?: Record<string, unknown>;
  /** The server's sealing key: `serverKeys(…).sealing`. */
  sealTo: PublicKey;
  /** Locks the `device_key_token` of the answer, too. */
  deviceKey?: Uint8Array;
}

/** An answer without its tokens. */
export interface Answer {
  status: number;
  ok: boolean;
  retryAfter: string | null;
  body: Record<string, unknown>;
}

export interface Outcome {
  answer: Answer;
  /** To be kept instead of what was there, in one write; nothing if the answer had no token. */
  locked?: string;
  /** The token of a key of the platform, if one was asked for. */
  lockedByKey?: string;
}

/** A login whose answer has a `session_token`, which is locked under a new PIN: `plc1_…`. */
export function beginWithPin(request: Request, pin: string): Promise<Outcome>;

/** An unlock with what is kept and a PIN, right or wrong. */
export function openWithPin(locked: string, pin: string, request: Request): Promise<Outcome>;

/** An unlock whose answer is locked under another PIN. */
export function changePin(locked: string, pin: string, newPin: string, request: Request): Promise<Outcome>;

/** An unlock with `pld1_…` and a key of the platform. */
export function openWithKey(locked: string, key: Uint8Array, request: Request): Promise<Outcome>;

/** A call that has everything in its body, such as a wrapped token and a PIN that the server is to see, and nobody else. */
export function sealedPost(request: Request): Promise<Outcome>;

/** A `fetch` that signs, with what an unlock has answered. */
export function signer(opened: {
  sessionId: string;
  requestKey: string;
  accessToken: string;
}): (url: string, options?: RequestInit & { body?: string }) => Promise<Response>;

/**
 * Asks a server who it is. `pinned` are ids and keys, 43 characters of base64url each.
 * Fails with `unknown_server`: then show nothing of its answer, and ask for no PIN.
 */
export function askServer(
  pinned: PublicKey[],
  url: string,
  options?: RequestInit,
): Promise<{ status: number; body: string }>;

/** The keys in the text of a server's directory (`/.well-known/http-message-signatures-directory`). */
export function serverKeys(directory: string): { signing: PublicKey[]; sealing: PublicKey };

/** A small place for what a device keeps. A host may have a better one. */
export class TokenStorage {
  constructor(key?: string);
  read(): string | null;
  replace(text: string): void;
  forget(): void;
}

/** A key that the platform releases for a fingerprint, a face, or a touch (the PRF extension of WebAuthn). */
export const fingerprint: {
  available(): Promise<boolean>;
  /** Fails with `no_prf` where there is none. */
  enroll(options: { user: string; site: string }): Promise<{ id: string; key: Uint8Array }>;
  release(id: string): Promise<Uint8Array>;
};
