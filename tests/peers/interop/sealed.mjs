// Sealed bodies with hpke-js (RFC 9180) and the forms of RFC 9458. Reads a request per line, writes an answer per line.

import { createInterface } from 'node:readline';
import { Chacha20Poly1305 } from '@hpke/chacha20poly1305';
import { CipherSuite, DhkemX25519HkdfSha256, HkdfSha256 } from '@hpke/core';

const REQUEST_TYPE = 'application/pinlatch-sealed-request';
const RESPONSE_TYPE = 'application/pinlatch-sealed-response';

const suite = new CipherSuite({
  kem: new DhkemX25519HkdfSha256(),
  kdf: new HkdfSha256(),
  aead: new Chacha20Poly1305(),
});

const bytes = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
const hex = (buffer) => Buffer.from(buffer).toString('hex');
const text = (string) => new Uint8Array(Buffer.from(string));
const concat = (...parts) => new Uint8Array(Buffer.concat(parts));

const header = (id) => Uint8Array.of(id, 0x00, 0x20, 0x00, 0x01, 0x00, 0x03);
const info = (id) => concat(text(REQUEST_TYPE), Uint8Array.of(0), header(id));

// RFC 9458 §4.4.
async function answerCipher(context, enc, fresh) {
  const secret = await context.export(text(RESPONSE_TYPE), 32);
  const material = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveBits']);
  const derive = (label, bits) =>
    crypto.subtle.deriveBits({ name: 'HKDF', hash: 'SHA-256', salt: concat(enc, fresh), info: text(label) }, material, bits);
  const cipher = new Chacha20Poly1305().createEncryptionContext(await derive('key', 256));
  return { cipher, nonce: await derive('nonce', 96) };
}

// What it begins with, the length of the body, the body, and zeros up to a multiple.
function pad(head, body, step) {
  const plain = Buffer.alloc(Math.ceil((head.length + 4 + body.length) / step) * step);
  head.copy(plain);
  plain.writeUInt32BE(body.length, head.length);
  plain.set(body, head.length + 4);
  return plain;
}

function unpad(buffer, headLength, step) {
  const plain = Buffer.from(buffer);
  if (plain.length % step !== 0) throw new Error('not padded');
  const from = headLength + 4;
  return { head: plain.subarray(0, headLength), body: plain.subarray(from, from + plain.readUInt32BE(headLength)) };
}

const seconds = (at) => Buffer.from(at.toString(16).padStart(16, '0'), 'hex');
const status = (code) => Buffer.from(code.toString(16).padStart(4, '0'), 'hex');

let asked;

const operations = {
  // As a client.
  async seal({ id, public_key, target, at, body }) {
    const recipientPublicKey = await suite.kem.deserializePublicKey(bytes(public_key));
    const context = await suite.createSenderContext({ recipientPublicKey, info: info(id) });
    asked = { context, enc: new Uint8Array(context.enc) };
    const sealed = await context.seal(pad(seconds(at), bytes(body), 256), text(target));
    return hex(concat(header(id), asked.enc, new Uint8Array(sealed)));
  },
  async open_answer({ answer }) {
    const [fresh, sealed] = [bytes(answer).subarray(0, 32), bytes(answer).subarray(32)];
    const { cipher, nonce } = await answerCipher(asked.context, asked.enc, fresh);
    const { head, body } = unpad(await cipher.open(nonce, sealed, new Uint8Array()), 2, 2048);
    return { status: head.readUInt16BE(), body: hex(body) };
  },
  // As a server: the body, and a sealed answer to it.
  async serve({ id, secret_key, target, request, answer }) {
    const recipientKey = await suite.kem.deserializePrivateKey(bytes(secret_key));
    const [enc, sealed] = [bytes(request).subarray(7, 39), bytes(request).subarray(39)];
    const context = await suite.createRecipientContext({ recipientKey, enc, info: info(id) });
    const { head, body } = unpad(await context.open(sealed, text(target)), 8, 256);
    const fresh = crypto.getRandomValues(new Uint8Array(32));
    const { cipher, nonce } = await answerCipher(context, enc, fresh);
    const reply = await cipher.seal(nonce, pad(status(404), bytes(answer), 2048), new Uint8Array());
    return { at: Number(head.readBigUInt64BE()), body: hex(body), answer: hex(concat(fresh, new Uint8Array(reply))) };
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line);
  const answer = await operations[request.op](request).then(
    (ok) => ({ ok }),
    (error) => ({ error: `${error.name}: ${error.message}` }),
  );
  console.log(JSON.stringify(answer));
}
