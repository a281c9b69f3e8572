// Calls to the server, with its problems as errors.

import { sleep } from './format.js';

const REQUEST_TIMEOUT_MS = 30_000;
const BUSY_RETRIES = 3;
const BUSY_DELAY_MS = 400;
const BUSY_DELAY_MAX_MS = 2_000;

export class Problem extends Error {
  constructor(code, { details = {}, retryAfter = 0 } = {}) {
    super(code);
    this.code = code;
    this.details = details;
    this.retryAfter = retryAfter;
  }
}

export const request = (method, path, options = {}) => unlessBusy(() => requestOnce(method, path, options));

// A call, again while the server is busy.
export async function unlessBusy(call) {
  for (let tries = 0; ; tries += 1) {
    try {
      return await call();
    } catch (problem) {
      if (problem.code !== 'busy' || tries === BUSY_RETRIES) throw problem;
      await sleep(busyDelay(problem, tries));
    }
  }
}

function busyDelay(problem, tries) {
  const wanted = Math.max(problem.retryAfter * 1000, BUSY_DELAY_MS * 2 ** tries);
  return Math.min(wanted, BUSY_DELAY_MAX_MS);
}

async function requestOnce(method, path, options) {
  const { response, text } = await send(method, path, options);
  if (response.status === 204) return null;
  const payload = parseJson(text);
  if (response.ok && payload) return payload;
  throw toProblem(response, payload);
}

function parseJson(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

// `signal` ends the call before its time. `by` is a `fetch` that signs.
async function send(method, path, { body, bearer, signal, by = fetch }) {
  const headers = { Accept: 'application/json' };
  if (body) headers['Content-Type'] = 'application/json';
  if (bearer) headers.Authorization = `Bearer ${bearer}`;
  const timeout = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
  try {
    const response = await by(path, {
      method,
      headers,
      body: body && JSON.stringify(body),
      signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
    });
    return { response, text: await response.text() };
  } catch (error) {
    throw new Problem(error.name === 'AbortError' ? 'cancelled' : 'network');
  }
}

function toProblem(response, payload) {
  return new Problem(payload?.code ?? `http_${response.status}`, {
    details: payload ?? {},
    retryAfter: Math.max(0, Number(response.headers.get('Retry-After')) || 0),
  });
}
