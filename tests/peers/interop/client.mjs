// A client that knows nothing of pinlatch: fetch, and http-message-signatures. Prints what it was told.

import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { text } from 'node:stream/consumers';
import { createSigner, createVerifier, httpbis } from 'http-message-signatures';

const given = JSON.parse(await text(process.stdin));
const nonce = randomBytes(16).toString('base64url');
const publicKey = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x: given.server_key.x }, format: 'jwk' });

async function sign(method, path, body) {
  const headers = {
    authorization: `Bearer ${given.access_token}`,
    'accept-signature': `answer=("@status");created;nonce="${nonce}";tag="pinlatch-response/1"`,
  };
  const fields = ['@method', '@authority', '@path', '@query', 'authorization'];
  if (body !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-digest'] = `sha-512=:${createHash('sha512').update(body).digest('base64')}:`;
    fields.push('content-type', 'content-digest');
  }
  const key = Buffer.from(given.request_key, 'base64url');
  const config = {
    key: { id: given.session_id, alg: 'hmac-sha256', sign: createSigner(key, 'hmac-sha256').sign },
    fields,
    params: ['tag', 'nonce', 'keyid', 'alg', 'created'],
    paramValues: { created: new Date(), nonce: randomBytes(16).toString('base64url'), tag: 'pinlatch-request/1' },
  };
  return httpbis.signMessage(config, { method, url: given.url + path, headers });
}

async function authentic(request, answer, body) {
  const headers = Object.fromEntries(answer.headers);
  const keyLookup = async ({ keyid, tag, nonce: answered }) => {
    if (keyid !== given.server_key.kid || tag !== 'pinlatch-response/1' || answered !== nonce) return null;
    return { id: keyid, algs: ['ed25519'], verify: createVerifier(publicKey, 'ed25519') };
  };
  const config = { keyLookup, all: true, notAfter: Math.floor(Date.now() / 1000) + 30 };
  const digest = `sha-256=:${createHash('sha256').update(body).digest('base64')}:`;
  const verified = await httpbis.verifyMessage(config, { status: answer.status, headers }, request);
  return verified === true && headers['content-digest'] === digest;
}

async function send(request, body) {
  const answer = await fetch(request.url, { method: request.method, headers: request.headers, body });
  const told = Buffer.from(await answer.arrayBuffer());
  return { status: answer.status, body: JSON.parse(told), authentic: await authentic(request, answer, told) };
}

const body = JSON.stringify({ to: 'bob', amount: 5 });
const transfer = await sign('POST', '/api/transfer?a=%20b', body);
const changed = await sign('POST', '/api/transfer', body);
const me = await sign('GET', '/api/me');
console.log(
  JSON.stringify([
    await send(transfer, body),
    await send(transfer, body),
    await send(changed, body.replace('5', '9')),
    await send(me),
  ]),
);
